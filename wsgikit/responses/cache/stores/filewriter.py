"""A response on its way into a FileStore: into a partial file, which gets its name when it is complete."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from zlib import crc32

from wsgikit.responses.cache.entry import StoreError, wrong_size
from wsgikit.responses.cache.stores.eviction import make_room
from wsgikit.responses.cache.stores.folder import BOOT, settle, unlink, write
from wsgikit.responses.cache.stores.index import Record, added
from wsgikit.responses.cache.stores.ledger import PARTIAL, cost
from wsgikit.responses.cache.stores.record import digest

if TYPE_CHECKING:
    from wsgikit.responses.cache.entry import Entry
    from wsgikit.responses.cache.stores.index import Index

_PIECE = 1 << 18  # bytes gathered before the disk is asked: most responses cost one write


class FileWriter:
    """A response on its way into a ``FileStore``, of which at most 256 KiB and a chunk are in memory."""

    def __init__(self, index: Index, name: str, largest: int) -> None:
        self._index = index
        self._name = name
        self._largest = largest
        self._waiting = bytearray()
        self._written = 0
        self._check = 0
        self._descriptor = -1
        self._path = ""
        self._pid = os.getpid()
        self._open = True

    def write(self, chunk: bytes) -> bool:
        """Add to the body. False: it will not be kept."""
        if not self._open:
            return False
        if self._written + len(self._waiting) + len(chunk) > self._largest:
            self.discard()
            return False
        self._waiting += chunk
        return len(self._waiting) < _PIECE or self._spill()

    def commit(self, entry: Entry) -> bool:
        """Make the response visible; False if it was not kept."""
        if not self._open:
            return False
        size = self._written + len(self._waiting)
        if entry.size != size:
            self.discard()
            raise wrong_size(entry, size)
        return self._spill() and self._publish(entry)

    def discard(self) -> None:
        """Leave nothing behind."""
        # A collector may call this, by __del__, in the middle of anything, the ledger locked by this very thread: so
        # without the ledger, which counts too high until the next sweep.
        if self._open and self._descriptor >= 0:
            if self._path and self._pid == os.getpid():  # a forked child drops its copy of this, not the file
                unlink(self._path)
            os.close(self._descriptor)
        self._open = False
        self._waiting = bytearray()

    __del__ = discard

    def _spill(self) -> bool:
        """Write to the disk what has gathered; False if there is no room for it."""
        folder = self._index.folder
        written = self._written + len(self._waiting)
        more = cost(written) - cost(self._written)
        try:
            with folder.changing() as ledger:
                fits = make_room(self._index, ledger, more)
                if fits:
                    if not self._path:
                        self._descriptor, self._path = folder.partial()
                    ledger.add(PARTIAL, more)
                    # As long as it will be, before the lock goes: whoever counts the files counts right.
                    self._written = written
                    os.ftruncate(self._descriptor, written)
            if fits:
                self._check = crc32(self._waiting, self._check)
                write(self._descriptor, self._waiting)
                self._waiting.clear()
                return True
        except OSError as error:
            self.discard()
            raise StoreError(str(error)) from error
        self.discard()
        return False

    def _publish(self, entry: Entry) -> bool:
        """Give body and records their names."""
        index = self._index
        record = Record(entry, self._check, BOOT)
        body = digest(entry.id)
        try:
            settle(self._descriptor)
            with index.folder.changing() as ledger:
                fits = index.fits(ledger, self._name, entry)
                before = index.read(self._name) or []
                after = added(record, before)
                kept = fits and record in after
                if kept:
                    index.folder.move(ledger, self._path, body, "body")
                    self._path = ""
                    try:
                        index.write(ledger, self._name, before, after)
                    except BaseException:
                        index.folder.remove(ledger, body, "body")
                        raise
        except OSError as error:
            raise StoreError(str(error)) from error
        finally:
            self.discard()
        return kept
