"""What a cache keeps of a response, and what every store of such entries can do.

A store keeps; it decides nothing. Whether an entry may be used, and for how long, is the rules' affair.
Metadata and body are apart: a 304 or an answer to HEAD needs no body, and a body may be an open file.
"""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from typing import BinaryIO


class Entry(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One stored response without its body; ``msgspec.structs.replace`` makes a changed one of it."""

    id: str
    """Unique for each stored response (``new_id()``): a body is found by it, and never belongs to another."""
    vary: tuple[tuple[str, str | None], ...]
    """Each header that the response varies by, in lower case, with the request's normalised value of it."""
    status: int
    reason: str
    headers: list[tuple[str, str]]
    requested: float
    """When the request was sent, in seconds since the epoch."""
    received: float
    """When the response's head came, in seconds since the epoch."""
    tags: tuple[str, ...] = ()
    size: int
    """Bytes of body."""


def new_id() -> str:
    """An id that no other stored response has, in any process on any host."""
    return urandom(16).hex()


class StoreError(Exception):
    """A store could not do what it was asked: a full disk, a server that is gone. To a cache this is a miss."""


class StoreResting(StoreError):
    """A store was not asked at all, as it failed a moment ago; that failure was raised, and so logged, already."""


def wrong_size(entry: Entry, written: int) -> StoreError:
    """What a store raises for a body that is not as long as its entry says, and must never be served."""
    return StoreError(f"a body of {entry.size} bytes was announced, and {written} were written")


class Store(Protocol):
    """Keeps entries and their bodies under keys. Every method may raise ``StoreError``, and nothing else.

    Stores are used by many threads at once, and built before the server forks.
    """

    largest: int
    """Bytes of the longest body it keeps; a response that announces more need not be begun."""

    def find(self, key: str) -> list[Entry]:
        """The variants under ``key``, newest first. The list is the caller's."""

    def body(self, entry: Entry) -> bytes | BinaryIO | None:
        """The body, whole or as an open file (the caller closes it); None when it is gone meanwhile: a miss."""

    def write(self, key: str) -> Writer:
        """Begin to store a response under ``key``; nobody sees it before ``commit``."""

    def freshen(self, key: str, entry: Entry) -> None:
        """Give the entry with the same id new headers and times, as a 304 brings them; the body stays."""

    def forget(self, key: str, id: str | None = None) -> int:  # noqa: A002 - the attribute's own name
        """Remove every variant under ``key``, or the one with that id; says how many there were."""

    def forget_tag(self, tag: str) -> int:
        """Remove every entry that bears ``tag``; says how many there were."""

    def close(self) -> None:
        """Let go of what this process holds (memory, connections); used again, the store opens again."""


class Writer(Protocol):
    """A response on its way into a store. It ends by ``commit`` or ``discard``; when dropped it is discarded."""

    def write(self, chunk: bytes) -> bool:
        """Add to the body. False: it will not be kept (it is too long), so there is no need to go on."""

    def commit(self, entry: Entry) -> bool:
        """Make the response visible, whole, in the place of entries with the same ``vary``.

        Of too many variants the oldest goes: whoever varies a request at will must not fill the store with one page.
        False if it was not kept. What was written must be ``entry.size`` bytes: a shorter body is a
        ``StoreError``, as it must never be served.
        """

    def discard(self) -> None:
        """Leave nothing behind. After ``commit``, or a second time, it does nothing."""
