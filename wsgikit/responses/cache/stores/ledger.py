"""What a FileStore takes on disk, counted per shard in one small file that is locked while anything changes.

Readers never come here. A process may be killed at any line: bytes are counted before they appear and discounted
after they have gone, so what a kill leaves is a count too high, never too low, until an eviction visits that shard
and counts it anew. flock and not a lock file, as the kernel unlocks for those who die.
"""

from __future__ import annotations

import fcntl
import os
import time
from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wsgikit.responses.cache.entry import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARDS = 256
PARTIAL = SHARDS
"""The number under which what is still being written is counted."""

_PATIENCE = 2.0  # seconds; who holds the lock longer was stopped, and a cache is not worth a hanging worker
_BLOCK = 4096  # what a disk gives at a time: a million files of 100 bytes do take 4 GB


def cost(size: int) -> int:
    """What a file of ``size`` bytes takes on disk."""
    return -(-size // _BLOCK) * _BLOCK


class LockHeld(StoreError):
    """The lock was not to be had in time."""


class Ledger:
    """The counts, while they are locked."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._counts: array[int] = array("q")
        stored = os.pread(descriptor, 8 * (SHARDS + 1) + 1, 0)
        self.fresh = len(stored) != 8 * (SHARDS + 1)
        """Whether there were no counts: everything has to be counted."""
        self._counts.frombytes(bytes(8 * (SHARDS + 1)) if self.fresh else stored)
        self.total = sum(self._counts)

    def add(self, shard: int, amount: int) -> None:
        """Count ``amount`` more bytes, or less if it is negative."""
        self.set(shard, max(0, self._counts[shard] + amount))

    def set(self, shard: int, amount: int) -> None:
        """Count ``amount`` bytes, whatever was counted before."""
        self.total += amount - self._counts[shard]
        self._counts[shard] = amount
        if not self.fresh:
            os.pwrite(self._descriptor, self._counts[shard : shard + 1].tobytes(), 8 * shard)

    def save(self) -> None:
        """Write all counts: what was fresh is complete."""
        os.pwrite(self._descriptor, self._counts.tobytes(), 0)
        os.ftruncate(self._descriptor, 8 * (SHARDS + 1))
        self.fresh = False


@contextmanager
def locked(path: str) -> Iterator[Ledger]:
    """The ledger at ``path``, locked against every other thread and process; ``LockHeld`` when that takes long."""
    # A descriptor of its own each time: threads that share one would share the lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor)
        try:
            yield Ledger(descriptor)
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child forked meanwhile has the descriptor too
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    # Asked again and again: to wait in the kernel has no time limit, and stands still with all of gevent.
    deadline = time.monotonic() + _PATIENCE
    pause = 0.0005
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LockHeld(f"the store was locked by another for {_PATIENCE:g} s") from None
            time.sleep(pause)
            pause = min(0.005, pause * 2)
        else:
            return
