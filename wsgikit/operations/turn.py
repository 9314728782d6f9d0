"""A turn to leave, which one process of a service has at a time on a host, until another has come in its place.

It is a kernel lock on a file, so that whatever ends a process gives it back, and a mark in the file, which says that
somebody left. The mark stays when the lock is gone, and holds the next back while the successor starts: else all
workers of a small service could be gone at once.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from time import time


class Turn:
    """A turn, taken at the file at ``path``.

    The lock is one of the process (``fcntl``, not ``flock``): what the app may have forked does not inherit it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._held: int | None = None

    def take(self, patience: float) -> bool:
        """Whether it is this process's turn, from now to its end.

        Whoever left has ended by then, and another serves in its place, or that was ``patience`` seconds ago. Raises
        ``OSError`` where the file cannot be had.
        """
        # Opened anew each time: somebody may have removed the file, and all meet at the one that is there now.
        file = _opened(self._path, os.O_CREAT)
        try:
            if _locked(file) and not _awaited(file, patience):
                os.pwrite(file, b"left\n", 0)
                self._held, file = file, -1
                return True
            return False
        finally:
            if file >= 0:
                os.close(file)

    def pass_on(self) -> None:
        """A new process is about to serve: whoever has left is replaced."""
        try:
            file = _opened(self._path)
        except OSError:
            return  # nobody has left yet
        try:
            os.ftruncate(file, 0)
        finally:
            os.close(file)

    def __del__(self) -> None:
        if self._held is not None:
            os.close(self._held)


def _opened(path: str, flags: int = 0) -> int:
    # In a folder that all users may write to, it could be a link to a file of ours that holds something.
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or found.st_uid != os.geteuid():
        os.close(file)
        raise PermissionError(errno.EPERM, "this is not the file of our own it should be", path)
    return file


def _locked(file: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):  # POSIX leaves a system the choice
            return False
        raise
    return True


def _awaited(file: int, patience: float) -> bool:
    """Whether somebody has left, and its successor is still to be waited for."""
    found = os.fstat(file)
    return found.st_size > 0 and abs(time() - found.st_mtime) < patience
