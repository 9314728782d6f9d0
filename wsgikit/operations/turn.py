"""A turn to leave, which one process of a service has at a time on a host, until another has come in its place.

It is a kernel lock on a file, so that whatever ends a process gives it back, and a mark in the file, which says that
somebody left. The mark stays when the lock is gone, and holds the next back while the successor starts: else all
workers of a small service could be gone at once.
"""

from __future__ import annotations

import errno
import fcntl
import os
from time import time

from wsgikit.operations.ownfile import open_own

# The turns that processes have, by pid and path. To open such a file once more, and close it, would give up the lock.
_had: set[tuple[int, str]] = set()


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
        mine = (os.getpid(), self._path)
        if mine in _had:
            return False  # another layer has had this process leave
        # Opened anew each time: somebody may have removed the file, and all meet at the one that is there now.
        file = open_own(self._path)
        try:
            if _locked(file) and not _awaited(file, patience):
                os.pwrite(file, b"left\n", 0)
                self._held, file = file, -1
                _had.add(mine)
                return True
            return False
        finally:
            if file >= 0:
                os.close(file)

    def pass_on(self) -> None:
        """A new process is about to serve: whoever has left is replaced."""
        if (os.getpid(), self._path) in _had:
            return  # this one is about to leave
        try:
            file = open_own(self._path, 0)
        except OSError:
            return  # nobody has left yet
        try:
            os.ftruncate(file, 0)
        finally:
            os.close(file)

    def __del__(self) -> None:
        if self._held is not None:
            os.close(self._held)
            _had.discard((os.getpid(), self._path))


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
