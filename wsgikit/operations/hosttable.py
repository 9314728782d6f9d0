"""A table in a file that the processes of a host share: of fixed size, changed by one of them at a time.

    record    digest (16 bytes), expiry (a double), payload (of one length)
    bucket    eight records

- A key belongs to one bucket of eight records, by its digest. Where all eight are in use, the one that would expire
  first makes room: that bounds the file, and the time of a look.
- A change is made under a kernel lock on the file (flock), which a process that is killed gives back. It is waited for
  half a second at most: a process that was stopped while it held the lock must not stop the others.
- There is no header that could be broken, and nothing to set up: what is not there yet reads as zeros, which is an
  empty table. The geometry is part of the file's name.
- Records are read and written with pread and pwrite. A mapping would save a microsecond, and would kill the process
  where the file system is full or the file was truncated.
- A file that was removed or replaced is noticed within a second, so that all meet again in the new one.
"""

from __future__ import annotations

import fcntl
import os
import threading
from struct import Struct
from time import monotonic, sleep
from typing import TYPE_CHECKING

from wsgikit.operations.ownfile import open_own, still_at

if TYPE_CHECKING:
    from types import TracebackType

WAYS = 8
"""Records in a bucket."""

DIGEST = 16
"""Bytes of a key."""

_EXPIRY = Struct("<d")
_HEAD = DIGEST + _EXPIRY.size
_PATIENCE = 0.5  # seconds until a lock counts as lost; it is held for some ten microseconds
_PAUSE = 0.0002  # seconds between two tries
_RECHECK = 1.0  # seconds between two looks at whether the file is still the one at its path


class HostTable:
    """Records of ``payload`` bytes by digest, each with a time at which it expires; one for each process.

    - ``path``: where the file is, made on first use for its owner alone.
    - ``buckets``: eight records each; a power of two.
    - ``longest``: seconds that a record may have before it. One that would live longer was written before the clock was
      set back, and counts as expired.

    Raises ``OSError`` where the file cannot be used, or is somebody else's.
    """

    def __init__(self, path: str, *, payload: int, buckets: int, longest: float) -> None:
        self.path = path
        self.buckets = buckets
        self.longest = longest
        self._record = _HEAD + payload
        self._bucket = WAYS * self._record
        self._file: _File | None = None
        self._checked = 0.0

    def hold(self, digest: bytes, now: float) -> Held:
        """The record of ``digest``, to be looked at and changed by nobody else meanwhile: ``with table.hold(...)``."""
        return Held(self, self._opened(), digest, now)

    def peek(self, digest: bytes, now: float) -> tuple[float, bytes]:
        """The expiry and the payload of a record as it is at the moment, ``(0.0, b"")`` where there is none."""
        return self.find(self._opened(), digest, now)[1:]

    def clear(self) -> None:
        """Forget all records."""
        os.ftruncate(self._opened().fd, 0)

    def _opened(self) -> _File:
        file, now = self._file, monotonic()
        if file is None or now - self._checked > _RECHECK:
            self._checked = now
            if file is None or not file.in_place():
                # Whoever is at work in the old one holds it open until that is done.
                file = self._file = _File(self.path)
        return file

    # What follows is for the records, below.

    def find(self, file: _File, digest: bytes, now: float) -> tuple[int, float, bytes]:
        """Where the record is, its expiry and its payload; where it may be put, 0.0 and b"", if there is none."""
        start = int.from_bytes(digest[:4], "little") % self.buckets * self._bucket
        bucket = file.read(start, self._bucket)
        at = bucket.find(digest)
        if at < 0 or at % self._record:
            return start + self._room(bucket, now), 0.0, b""
        expiry: float = _EXPIRY.unpack_from(bucket, at + DIGEST)[0]
        if not self._alive(expiry, now):
            return start + at, 0.0, b""
        return start + at, expiry, bucket[at + _HEAD : at + self._record]

    def _room(self, bucket: bytes, now: float) -> int:
        """The record of a bucket that is free, or is to make room."""

        def remains(at: int) -> float:
            expiry: float = _EXPIRY.unpack_from(bucket, at + DIGEST)[0]
            return expiry if self._alive(expiry, now) else 0.0

        return min(range(0, self._bucket, self._record), key=remains)

    def _alive(self, expiry: float, now: float) -> bool:
        return now < expiry <= now + self.longest


class Held:
    """One record, held: ``expiry`` and ``payload`` are ``0.0`` and ``b""`` where there is none."""

    __slots__ = ("_digest", "_file", "_now", "_place", "_table", "expiry", "payload")

    expiry: float
    payload: bytes

    def __init__(self, table: HostTable, file: _File, digest: bytes, now: float) -> None:
        self._table = table
        self._file = file
        self._digest = digest
        self._now = now

    def __enter__(self) -> Held:
        self._file.lock()
        try:
            self._place, self.expiry, self.payload = self._table.find(self._file, self._digest, self._now)
        except BaseException:
            self._file.unlock()
            raise
        return self

    def put(self, expiry: float, payload: bytes) -> None:
        """Write the record; an expiry of 0.0 forgets it."""
        self._file.write(self._place, self._digest + _EXPIRY.pack(expiry) + payload)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.unlock()


class _File:
    """The open file, and its lock. It is closed when nobody refers to it any more."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.fd = open_own(path)
        self._threads = threading.Lock()  # flock keeps processes apart, not threads

    def __del__(self) -> None:
        fd = getattr(self, "fd", -1)
        if fd >= 0:
            os.close(fd)

    def in_place(self) -> bool:
        """Whether it is still the file at its path."""
        return still_at(self._path, self.fd)

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes; zeros where nothing was written yet."""
        return os.pread(self.fd, size, offset).ljust(size, b"\0")

    def write(self, offset: int, data: bytes) -> None:
        """All of ``data``."""
        if os.pwrite(self.fd, data, offset) != len(data):
            raise OSError(f"{self._path}: the file system is full")

    def lock(self) -> None:
        """Keep threads and processes out; ``TimeoutError`` if that takes too long."""
        if not self._threads.acquire(timeout=_PATIENCE):
            raise TimeoutError(f"{self._path} is locked by another thread")
        try:
            self._lock_out_processes()
        except BaseException:
            self._threads.release()
            raise

    def _lock_out_processes(self) -> None:
        until = 0.0
        while True:
            try:
                return fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                until = until or monotonic() + _PATIENCE
                if monotonic() > until:
                    raise TimeoutError(f"{self._path} is locked by another process") from None
            sleep(_PAUSE)

    def unlock(self) -> None:
        """Let the next one in."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_UN)
        finally:
            self._threads.release()
