"""What a FileStore knows of its bodies: one file of records for each key, and a folder of keys for each tag."""

from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING

import msgspec

from wsgikit.responses.cache.entry import Entry  # noqa: TC001 - msgspec reads the annotations
from wsgikit.responses.cache.stores.eviction import make_room
from wsgikit.responses.cache.stores.folder import size_of
from wsgikit.responses.cache.stores.ledger import cost
from wsgikit.responses.cache.stores.record import digest, packed, reader
from wsgikit.responses.cache.stores.variants import placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wsgikit.responses.cache.stores.folder import Folder
    from wsgikit.responses.cache.stores.ledger import Ledger

_TOUCH = 60.0  # seconds: how exactly it is known when a file was last used
_FRAME = 256  # bytes around an entry in its page


class Record(msgspec.Struct, frozen=True, array_like=True):
    """An entry, the CRC-32 of its body, and during which boot of the machine that was known to be right."""

    entry: Entry
    check: int
    boot: str


class _Page(msgspec.Struct, frozen=True, array_like=True):
    """The content of a ``.meta`` file. Its own name is inside, so that it cannot stand for another key."""

    name: str
    records: list[Record]


_read = reader(_Page)


class Index:
    """The records in a folder. Reading takes no lock; what changes them is given the ledger, locked."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def read(self, name: str) -> list[Record] | None:
        """The records of the key with that digest, newest first; None if what is there is damaged or foreign."""
        path = self.folder.path(name, "meta")
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return []
        try:
            status = os.fstat(descriptor)
            data = os.read(descriptor, status.st_size)
        finally:
            os.close(descriptor)
        touch(path, status)
        page = _read(data)
        return page.records if page is not None and page.name == name else None

    def fits(self, ledger: Ledger, name: str, entry: Entry) -> bool:
        """Whether there is room for the key's records with ``entry`` among them; others may have to go for it."""
        known = size_of(self.folder.path(name, "meta"))
        return make_room(self, ledger, cost(known + len(packed(entry)) + _FRAME))

    def change(self, name: str, to: Callable[[list[Record]], list[Record]]) -> int:
        """Put ``to(records)`` in the place of a key's records; says how many fewer they are."""
        with self.folder.changing() as ledger:
            found = self.read(name)
            before = found or []
            after = to(before)
            if found is None or after != before:
                self.write(ledger, name, before, after)
            return len(before) - len(after)

    def forget_tag(self, tag: str) -> int:
        """Remove every entry that bears ``tag``, key by key, so that others may write in between."""
        forgotten = 0
        for name in self._tagged(tag):
            with self.folder.changing() as ledger:
                before = self.read(name) or []
                after = [record for record in before if tag not in record.entry.tags]
                if after != before:
                    self.write(ledger, name, before, after)
                self._unmark(tag, name)
            forgotten += len(before) - len(after)
        return forgotten

    def write(self, ledger: Ledger, name: str, before: list[Record], after: list[Record]) -> None:
        """Put ``after`` in the place of ``before``, and remove the bodies that nobody can find any more."""
        old, new = _tags(before), _tags(after)
        # Before they are seen, so that a kill leaves a tag too many and not one too few.
        for tag in new - old:
            self._mark(tag, name)
        if after:
            self.folder.put(ledger, packed(_Page(name, after)), name, "meta")
        else:
            self.folder.remove(ledger, name, "meta")
        kept = {record.entry.id for record in after}
        for record in before:
            if record.entry.id not in kept:
                self.folder.remove(ledger, digest(record.entry.id), "body")
        for tag in old - new:
            self._unmark(tag, name)

    def _mark(self, tag: str, name: str) -> None:
        path = f"{self._tag(tag)}/{name}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        except FileNotFoundError:
            os.mkdir(os.path.dirname(path), 0o700)  # the first key with this tag
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.close(descriptor)

    def _unmark(self, tag: str, name: str) -> None:
        folder = self._tag(tag)
        try:
            os.unlink(f"{folder}/{name}")
            os.rmdir(folder)
        except OSError:
            pass  # it was unmarked already, or other keys bear the tag

    def _tagged(self, tag: str) -> list[str]:
        """The digests of the keys that may hold an entry with ``tag``."""
        try:
            return os.listdir(self._tag(tag))
        except FileNotFoundError:
            return []

    def _tag(self, tag: str) -> str:
        return f"{self.folder.root}/tags/{digest(tag)}"


def added(record: Record, among: list[Record]) -> list[Record]:
    """``among`` with ``record``, in the order and without those that ``placed`` says."""
    known = {other.entry.id: other for other in [*among, record]}
    return [known[entry.id] for entry in placed(record.entry, [other.entry for other in among])]


def touch(path: str, status: os.stat_result) -> None:
    """Note that a file was used, unless that was noted a moment ago."""
    if abs(time() - status.st_mtime) > _TOUCH:  # abs: a clock that was set back must not end the noting
        try:
            os.utime(path)
        except OSError:
            pass  # evicted meanwhile, or a file system that may only be read: it is used all the same


def _tags(records: Iterable[Record]) -> set[str]:
    return {tag for record in records for tag in record.entry.tags}
