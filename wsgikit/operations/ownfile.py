"""Files in which the workers of a host meet, in a folder that everybody may write to: taken only if they are ours."""

from __future__ import annotations

import errno
import os
import stat


def open_own(path: str, flags: int = os.O_CREAT) -> int:
    """The descriptor of a file of this user's alone, made where there is none (unless ``flags`` say otherwise).

    Raises ``OSError`` for whatever a stranger may have put in its place: a link to something of ours, a pipe, a file
    of theirs, or another name of one of ours (a hard link), which would be written over.
    """
    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    found = os.fstat(file)
    ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink <= 1
    if not ours or found.st_mode & 0o077:
        os.close(file)
        raise PermissionError(errno.EPERM, "not a file of this user's alone", path)
    return file


def still_at(path: str, file: int) -> bool:
    """Whether ``file`` is the one at its path, where others look for it; it may have been removed, or replaced."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(file))
    except OSError:
        return False
