"""Parts of responses: kept as they come, given again, and joined where that is safe (RFC 9111 sections 3.3 and 3.4).

A part is an entry of its own with status 206, and among what selects it is which bytes it holds, so no request for the
whole is ever answered with it. Two parts become one where they touch and carry the same strong validator; one that
covers everything becomes the response itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from wsgikit.core.body import close
from wsgikit.core.headers import replaced, without
from wsgikit.http import ranges
from wsgikit.responses.cache.entry import StoreError, new_id
from wsgikit.responses.cache.safestore import report
from wsgikit.responses.cache.vary import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from wsgikit.http.ranges import Span
    from wsgikit.responses.cache.asked import Asked
    from wsgikit.responses.cache.entry import Entry
    from wsgikit.responses.cache.head import Head
    from wsgikit.responses.cache.kept import Kept
    from wsgikit.responses.cache.safestore import SafeStore

PART = ":part"
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_BLOCK = 65536


class Extent(NamedTuple):
    """The bytes from ``start`` to ``stop`` (not included) of ``total``, None where nobody knows how many there are."""

    start: int
    stop: int
    total: int | None

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.start == 0 and self.stop == self.total

    def __str__(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{'*' if self.total is None else self.total}"


def extent_of(head: Head) -> Extent | None:
    """Which bytes a 206 brings; None where it does not say that rightly, or brings several parts."""
    lines = head.fields.get("content-range", ())
    match = _CONTENT_RANGE.fullmatch(lines[0].strip(" \t")) if len(lines) == 1 else None
    if match is None:
        return None
    extent = Extent(int(match[1]), int(match[2]) + 1, None if match[3] == "*" else int(match[3]))
    if extent.stop <= extent.start or (extent.total is not None and extent.stop > extent.total):
        return None
    return extent if head.length() in (None, extent.stop - extent.start) else None


def choose_parts(entries: Iterable[Entry], asked: Asked) -> list[Entry]:
    """The parts that were made for a request like this one, whatever bytes it asks for."""
    return [entry for entry in entries if is_part(entry) and matches(entry.vary[:-1], asked.value)]


def is_part(entry: Entry) -> bool:
    """Whether an entry holds a part of a response."""
    return entry.vary[-1][0] == PART


def span_within(text: str, kept: Kept) -> tuple[Span, Extent] | None:
    """Where in the part lies what Range asks for, and where in the whole; None unless it is one range that is there."""
    wanted = ranges.parse(text)
    extent = extent_of(kept.head)
    if wanted is None or len(wanted) != 1 or extent is None:
        return None
    [(first, last)] = wanted
    start, stop = first, None if last is None else last + 1
    if extent.total is not None:
        found = ranges.select(wanted, extent.total)
        if not found:
            return None
        start, stop = found[0]
    if start is None or stop is None or not extent.start <= start < stop <= extent.stop:
        return None
    return (start - extent.start, stop - extent.start), Extent(start, stop, extent.total)


def join(store: SafeStore, key: str, newest: Kept, others: Iterable[Kept]) -> None:
    """Put the newest part together with those that it touches, if their strong validators say that they are of one."""
    mine = extent_of(newest.head)
    for other in others:
        theirs = extent_of(other.head)
        if mine is None or theirs is None or other.entry.id == newest.entry.id:
            continue
        if not _same(newest.head, other.head) or mine.total != theirs.total:
            continue
        if mine.start <= theirs.stop and theirs.start <= mine.stop:
            _write(store, key, (newest, mine), (other, theirs))
            return


def _same(one: Head, other: Head) -> bool:
    return one.etag is not None and one.etag == other.etag and not one.etag.startswith("W/")


def _write(store: SafeStore, key: str, newest: tuple[Kept, Extent], other: tuple[Kept, Extent]) -> None:
    (kept, mine), (older, theirs) = newest, other
    union = Extent(min(mine.start, theirs.start), max(mine.stop, theirs.stop), mine.total)
    # What both have is taken from the first; the second begins where that one ends.
    (one, ones), (two, twos) = sorted((newest, other), key=lambda pair: pair[1])
    pieces = [(one, 0, ones.stop - ones.start), (two, ones.stop - twos.start, twos.stop - twos.start)]
    size = union.stop - union.start
    writer = store.write(key)
    if writer is None:
        return
    try:
        for piece, start, stop in pieces:
            for chunk in _read(store, piece.entry, start, stop):
                if not writer.write(chunk):
                    return
        if writer.commit(_joined(kept.entry, union, size)):
            store.forget(key, kept.entry.id)
            store.forget(key, older.entry.id)
    except Exception as error:
        report("join two parts", error)
    finally:
        writer.discard()


def _joined(entry: Entry, extent: Extent, size: int) -> Entry:
    headers = replaced(entry.headers, "Content-Length", str(size))
    vary = entry.vary[:-1]
    if extent.whole:
        headers = without(headers, "content-range")
        status, reason = 200, "OK"
    else:
        headers = replaced(headers, "Content-Range", str(extent))
        vary = (*vary, (PART, str(extent)))
        status, reason = entry.status, entry.reason
    return msgspec.structs.replace(
        entry, id=new_id(), vary=vary, status=status, reason=reason, headers=headers, size=size
    )


def _read(store: SafeStore, entry: Entry, start: int, stop: int) -> Iterator[bytes]:
    """The bytes from ``start`` to ``stop`` of an entry's body."""
    body = store.body(entry)
    if body is None:
        raise StoreError("a part is gone meanwhile")
    if isinstance(body, bytes):
        yield body[start:stop]
        return
    try:
        yield from _blocks(body, start, stop)
    finally:
        close(body)


def _blocks(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    while start < stop:
        block = file.read(min(_BLOCK, stop - start))
        if not block:
            raise StoreError("a part is shorter than it should be")
        start += len(block)
        yield block
