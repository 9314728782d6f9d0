"""The file of a scoreboard, mapped, and its locks.

Locks are record locks of the process (POSIX), which the kernel frees when the process dies, however it dies. Locks of
flock or of an open file would live on in whatever the process has forked. They have one trap: to close any descriptor
of the file gives up all of the process's locks on it, also one that a parent has left it, and a mapping has one of its
own. So a process opens a file once, and whatever was opened is kept for ever.

    byte 0        the board: held briefly by whoever claims a slot, looks for dead workers or names a route
    byte 1 + n    slot n: held by its worker while it lives
"""

from __future__ import annotations

import fcntl
import os
from mmap import mmap
from time import monotonic, sleep, time

from wsgikit.operations.ownfile import open_own, still_at
from wsgikit.operations.scoreboard import layout

_PATIENCE = 0.5  # seconds until a lock counts as lost: a stopped process must not stop the others
_PAUSE = 0.0005  # seconds between two tries
_ALONE = 60.0  # seconds that a process counts itself alone before it tries to join the others again
# There are more than one where a file was replaced, or a process that serves has forked.
_kept: list[SharedFile] = []


class SharedFile:
    """The scoreboard of all workers at ``path``, made on first use for its owner alone.

    Raises ``OSError`` where the file cannot be used, or is somebody else's.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = open_own(path)
        try:
            if os.fstat(self._fd).st_size < layout.SIZE:
                os.ftruncate(self._fd, layout.SIZE)  # a second one that does so changes nothing
            self.reserve(0, layout.FIRST_SLOT)
            self.memory = mmap(self._fd, layout.SIZE)
        except BaseException:
            os.close(self._fd)
            raise
        _kept.append(self)

    def reserve(self, start: int, size: int) -> None:
        """Have the file system set the space aside: a mapping that finds it full kills the process (SIGBUS)."""
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._fd, start, size)

    def in_place(self) -> bool:
        """Whether it is still the file at its path, which others meet in."""
        return still_at(self.path, self._fd)

    def try_lock(self, byte: int) -> bool:
        """Take a lock, unless another process has it."""
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except OSError:  # EAGAIN or EACCES, as the system likes it (fcntl(2))
            return False
        return True

    def lock(self, byte: int) -> bool:
        """Take a lock as soon as it is free; False if that takes too long."""
        until = monotonic() + _PATIENCE
        while not self.try_lock(byte):
            if monotonic() > until:
                return False
            sleep(_PAUSE)
        return True

    def unlock(self, byte: int) -> None:
        """Give a lock back."""
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, byte)


def shared_file(path: str) -> SharedFile:
    """The file at ``path``: as this process has opened it already, or its parent, whose locks it does not have."""
    opened = (file for file in _kept if file.path == path and file.in_place())
    return next(opened, None) or SharedFile(path)


class PrivateMemory:
    """A scoreboard of this process alone, while there can be no file: it counts itself, and sees nobody else."""

    path = ""

    def __init__(self) -> None:
        self.memory = mmap(-1, layout.SIZE)
        self._until = monotonic() + _ALONE

    def reserve(self, start: int, size: int) -> None:
        """Memory is there when it is used."""

    def in_place(self) -> bool:
        """Not for ever: a file system may have room again, and what a stranger put there may be gone."""
        return monotonic() < self._until

    def try_lock(self, byte: int) -> bool:
        """There is nobody to lock out."""
        return True

    lock = try_lock

    def unlock(self, byte: int) -> None:
        """Nothing was locked."""


File = SharedFile | PrivateMemory


def prepare(file: File) -> None:
    """Write the head of a new file, and check that of an old one; under the board's lock."""
    words = memoryview(file.memory).cast("Q")
    if words[0] not in (0, layout.MAGIC):
        raise OSError(f"{file.path} is no scoreboard")
    if not words[0]:
        memoryview(file.memory).cast("d")[layout.MADE_AT] = time()
        for names in layout.NAMES:
            words[names.used] = 1  # the first is empty
        words[0] = layout.MAGIC
