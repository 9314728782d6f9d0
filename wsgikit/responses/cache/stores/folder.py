"""The folder of a FileStore: where each file is, how it comes whole, and what it counts for.

    ledger                    what is taken, and the lock (ledger.py)
    partial/RANDOM            what is being written; its writer holds a flock on it, and loses it when killed
    ab/cdef...89.meta         the records of one key, named by the key's digest (index.py)
    ab/cdef...89.body         one body and nothing else, so that servers may send the file; named by its id's digest
    tags/DIGEST/abcdef...89   an empty file for each key that holds an entry with the tag

A file appears under its name by a rename, when it is complete. Nothing is synced to the disk: the kernel keeps what a
killed process has written, and what another boot of the machine has left is checked before it is used (``BOOT``).
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from wsgikit.responses.cache.entry import StoreError, StoreResting
from wsgikit.responses.cache.stores import ledger as ledgers
from wsgikit.responses.cache.stores.ledger import PARTIAL, SHARDS, Ledger, LockHeld, cost

if TYPE_CHECKING:
    from collections.abc import Iterator

_REST = 1.0  # seconds without writing after the lock was not to be had: each try holds up a request
_NAME = re.compile(r"[0-9a-f]{38}\.(?:meta|body)")


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


BOOT = _boot()
"""Which start of this machine's kernel it is; empty where nobody says, and there files are synced."""


class Stored(NamedTuple):
    """A file in a shard; they sort by how long ago they were used."""

    used: float
    size: int
    name: str
    kind: str


class Folder:
    """A folder that only its owner may write to, made if there is none; ``bound`` bytes are the most it may take."""

    def __init__(self, root: str, bound: int) -> None:
        self.root = root
        self.bound = bound
        self._swept = False
        self._again = 0.0
        self._prepare()

    def path(self, name: str, kind: str) -> str:
        """Where the ``"meta"`` or ``"body"`` of that digest is."""
        return f"{self.root}/{name[:2]}/{name[2:]}.{kind}"

    @contextmanager
    def changing(self) -> Iterator[Ledger]:
        """The ledger, locked: nobody else changes anything meanwhile, though everybody may read."""
        if monotonic() < self._again:
            raise StoreResting("the store was locked by another a moment ago, and is not asked again yet")
        path = f"{self.root}/ledger"
        if not os.path.exists(path):  # the first use, or somebody removed the folder below us
            self._prepare()
        try:
            with ledgers.locked(path) as ledger:
                self._begin(ledger)
                yield ledger
        except LockHeld:
            self._again = monotonic() + _REST
            raise

    def partial(self) -> tuple[int, str]:
        """A new file to write to, by its descriptor and path; safe from ``sweep`` as long as it is open."""
        path = f"{self.root}/partial/{os.urandom(16).hex()}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor, path

    def move(self, ledger: Ledger, partial: str, name: str, kind: str) -> None:
        """Give a complete partial file its name, in the place of what had it."""
        path = self.path(name, kind)
        shard = int(name[:2], 16)
        size = os.stat(partial).st_size
        replaced = size_of(path)
        ledger.add(shard, cost(size))
        try:
            os.rename(partial, path)
        except FileNotFoundError:
            os.mkdir(os.path.dirname(path), 0o700)  # the first of its shard
            os.rename(partial, path)
        ledger.add(shard, -cost(replaced))
        ledger.add(PARTIAL, -cost(size))

    def put(self, ledger: Ledger, data: bytes, name: str, kind: str) -> None:
        """Store a small file as a whole."""
        ledger.add(PARTIAL, cost(len(data)))
        descriptor, partial = self.partial()
        try:
            write(descriptor, data)
            settle(descriptor)
            self.move(ledger, partial, name, kind)
        except BaseException:
            unlink(partial)
            ledger.add(PARTIAL, -cost(len(data)))
            raise
        finally:
            os.close(descriptor)

    def remove(self, ledger: Ledger, name: str, kind: str) -> None:
        """Remove a file, if it is there. Who has it open reads on."""
        path = self.path(name, kind)
        size = size_of(path)
        unlink(path)
        ledger.add(int(name[:2], 16), -cost(size))

    def files(self, ledger: Ledger, shard: int) -> list[Stored]:
        """The files of a shard, which are counted anew by the way."""
        prefix = f"{shard:02x}"
        found = []
        for entry in _listed(f"{self.root}/{prefix}"):
            if _NAME.fullmatch(entry.name):  # anything else is not ours to remove
                status = entry.stat(follow_symlinks=False)
                rest, _, kind = entry.name.partition(".")
                found.append(Stored(status.st_mtime, status.st_size, prefix + rest, kind))
        ledger.set(shard, sum(cost(file.size) for file in found))
        return found

    def sweep(self, ledger: Ledger) -> None:
        """Remove what writers left that were killed, and count anew what the living write."""
        taken = 0
        for entry in _listed(f"{self.root}/partial"):
            try:
                if _abandoned(entry.path):
                    unlink(entry.path)
                else:
                    taken += cost(entry.stat(follow_symlinks=False).st_size)
            except FileNotFoundError:
                continue  # its writer has finished with it since it was listed
        ledger.set(PARTIAL, taken)

    def _begin(self, ledger: Ledger) -> None:
        """What this process does before its first change, and anybody where the counts were lost."""
        if ledger.fresh:
            for shard in range(SHARDS):
                self.files(ledger, shard)
        if ledger.fresh or not self._swept:
            self.sweep(ledger)
            self._swept = True
        if ledger.fresh:
            ledger.save()

    def _prepare(self) -> None:
        os.makedirs(self.root, 0o700, exist_ok=True)
        status = os.stat(self.root)
        if status.st_mode & 0o022 or status.st_uid not in (os.geteuid(), 0):
            raise StoreError(f"{self.root!a} may be written by others: they could choose what visitors see")
        for name in ("partial", "tags"):
            os.makedirs(f"{self.root}/{name}", 0o700, exist_ok=True)


def write(descriptor: int, data: bytes | bytearray) -> None:
    """Write all of ``data``."""
    with memoryview(data) as view:
        written = 0
        while written < len(view):
            written += os.write(descriptor, view[written:])


def settle(descriptor: int) -> None:
    """See to it that a file is whole after a power cut too, where this cannot be found out later."""
    if not BOOT:
        os.fsync(descriptor)


def unlink(path: str) -> None:
    """Remove a file, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def size_of(path: str) -> int:
    """Bytes of a file, 0 if there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _listed(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _abandoned(path: str) -> bool:
    """Whether nobody holds the lock that each writer has on its file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
