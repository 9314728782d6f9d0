"""MemoryStore: responses kept in the memory of each process."""

from __future__ import annotations

from collections import OrderedDict, deque
from threading import Lock
from typing import TYPE_CHECKING

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_value
from wsgikit.core.process import PerProcess
from wsgikit.core.units import size
from wsgikit.responses.cache.entry import wrong_size
from wsgikit.responses.cache.stores.gathered import Gathered
from wsgikit.responses.cache.stores.variants import placed

if TYPE_CHECKING:
    from wsgikit.responses.cache.entry import Entry

_SHARE = 4  # a body longer than a quarter of the store would push out too much of what others ask for
# What CPython 3.11 takes beside the characters themselves, in bytes.
_PER_ENTRY = 720  # the entry, its id, floats and lists, and its places in three dictionaries
_PER_PAIR = 170  # a tuple and two strings
_PER_TAG = 400  # a string, and a place in the index


class MemoryStore(Component):
    """Keeps responses in the memory of each process; those least recently asked for make room.

    - ``max_bytes``: bytes, or text such as ``"64MiB"`` (the default: some thousand pages), for everything it holds:
      bodies, also those still being written, and about what their heads take. Each worker process has as much of its
      own. A body longer than a quarter of it is never kept, so that one download does not empty the cache.

    The fastest store, and the one that forgets at every restart. Raises ``ValueError`` or ``TypeError`` for a size
    that will not do.
    """

    def __init__(self, max_bytes: int | str = "64MiB") -> None:
        self.max_bytes = max_bytes
        bound = size("MemoryStore", "max_bytes", max_bytes)
        if bound == 0:
            raise wrong_value("MemoryStore", "max_bytes", max_bytes, "more than nothing")
        self.largest = bound // _SHARE
        self._shelf: PerProcess[_Shelf] = PerProcess(lambda: _Shelf(bound, self.largest))

    def find(self, key: str) -> list[Entry]:
        """The variants under ``key``, newest first."""
        return self._shelf.get().find(key)

    def body(self, entry: Entry) -> bytes | None:
        """The body as one ``bytes``, the same object each time; None when it was pushed out meanwhile."""
        return self._shelf.get().bodies.get(entry.id)

    def write(self, key: str) -> MemoryWriter:
        """Begin to store a response under ``key``."""
        return MemoryWriter(self._shelf.get(), key)

    def freshen(self, key: str, entry: Entry) -> None:
        """Give the entry with the same id new headers and times."""
        self._shelf.get().freshen(key, entry)

    def forget(self, key: str, id: str | None = None) -> int:  # noqa: A002 - the attribute's own name
        """Remove every variant under ``key``, or the one with that id."""
        return self._shelf.get().forget(key, id)

    def forget_tag(self, tag: str) -> int:
        """Remove every entry that bears ``tag``."""
        return self._shelf.get().forget_tag(tag)

    def close(self) -> None:
        """Give back the memory that this process's responses take."""
        self._shelf.drop()


class _Shelf:
    """What one process holds. Keys are in the order in which they were last asked for."""

    def __init__(self, bound: int, largest: int) -> None:
        self.largest = largest
        self.bodies: dict[str, bytes] = {}
        self.given_back: deque[int] = deque()
        self._bound = bound
        self._used = 0
        self._entries: OrderedDict[str, list[Entry]] = OrderedDict()
        self._tagged: dict[str, dict[str, str]] = {}  # tag -> id -> key
        self._lock = Lock()

    def find(self, key: str) -> list[Entry]:
        with self._lock:
            entries = self._entries.get(key)
            if entries is None:
                return []
            self._entries.move_to_end(key)
            return entries.copy()

    def reserve(self, amount: int) -> bool:
        """Count a chunk of a body that is being written; False when there is no room however much goes."""
        with self._lock:
            self._used += amount
            self._make_room()
            if self._used <= self._bound:
                return True
            self._used -= amount
            return False

    def keep(self, key: str, entry: Entry, body: bytes) -> bool:
        """Make an entry visible whose body was reserved already."""
        with self._lock:
            self._used -= len(body)  # put() counts it again, with the head
            self._put(key, entry, body)
            self._make_room()
            return entry.id in self.bodies

    def freshen(self, key: str, entry: Entry) -> None:
        with self._lock:
            if any(known.id == entry.id for known in self._entries.get(key, ())):
                self._put(key, entry, self.bodies[entry.id])
                self._make_room()

    def forget(self, key: str, wanted: str | None) -> int:
        with self._lock:
            chosen = [e for e in self._entries.get(key, ()) if wanted is None or e.id == wanted]
            for entry in chosen:
                self._remove(key, entry)
            return len(chosen)

    def forget_tag(self, tag: str) -> int:
        with self._lock:
            tagged = dict(self._tagged.get(tag, {}))
            for known, key in tagged.items():
                for entry in [e for e in self._entries[key] if e.id == known]:
                    self._remove(key, entry)
            return len(tagged)

    def _put(self, key: str, entry: Entry, body: bytes) -> None:
        before = self._entries.get(key, [])
        after = placed(entry, before)
        for other in before:
            if other.id == entry.id or other not in after:
                self._remove(key, other)
        if entry in after:  # else there are too many variants newer than it
            self._entries[key] = after
            self._entries.move_to_end(key)
            self.bodies[entry.id] = body
            self._used += _weight(key, entry) + len(body)
            for tag in set(entry.tags):
                self._tagged.setdefault(tag, {})[entry.id] = key

    def _remove(self, key: str, entry: Entry) -> None:
        left = [other for other in self._entries[key] if other.id != entry.id]
        if left:
            self._entries[key] = left
        else:
            del self._entries[key]
        self._used -= _weight(key, entry) + len(self.bodies.pop(entry.id))
        for tag in set(entry.tags):
            bearers = self._tagged[tag]
            del bearers[entry.id]
            if not bearers:
                del self._tagged[tag]

    def _make_room(self) -> None:
        """Remove the oldest variant of the key not asked for the longest, until all fits."""
        while self.given_back:
            self._used -= self.given_back.popleft()
        while self._used > self._bound and self._entries:
            key = next(iter(self._entries))
            self._remove(key, self._entries[key][-1])


class MemoryWriter:
    """A response on its way into a ``MemoryStore``. What it holds counts at once, so writers are bounded too."""

    __slots__ = ("_body", "_key", "_shelf")

    def __init__(self, shelf: _Shelf, key: str) -> None:
        self._shelf = shelf
        self._key = key
        self._body: Gathered | None = Gathered()  # None once it has ended

    def write(self, chunk: bytes) -> bool:
        """Add to the body. False: it will not be kept."""
        body = self._body
        if body is None:
            return False
        if body.size + len(chunk) > self._shelf.largest or not self._shelf.reserve(len(chunk)):
            self.discard()
            return False
        body.add(chunk)
        return True

    def commit(self, entry: Entry) -> bool:
        """Make the response visible; False if it was not kept."""
        body = self._body
        if body is None:
            return False
        if entry.size != body.size:
            self.discard()
            raise wrong_size(entry, body.size)
        self._body = None
        return self._shelf.keep(self._key, entry, body.whole())

    def discard(self) -> None:
        """Leave nothing behind."""
        body, self._body = self._body, None
        if body is not None:
            # A collector may call this, by __del__, in the middle of anything: so without the shelf's lock.
            self._shelf.given_back.append(body.size)

    __del__ = discard


def _weight(key: str, entry: Entry) -> int:
    """About what an entry takes in memory beside its body, in bytes."""
    pairs = sum(len(name) + len(value) for name, value in entry.headers)
    varied = sum(len(name) + len(value or "") for name, value in entry.vary)
    tags = sum(len(tag) for tag in entry.tags)
    return (
        _PER_ENTRY
        + len(key)
        + (len(entry.headers) + len(entry.vary)) * _PER_PAIR
        + len(entry.tags) * _PER_TAG
        + pairs
        + varied
        + tags
    )
