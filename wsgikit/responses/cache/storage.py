"""What all requests to one cache have in common within a process: its store, its fills, its clock, its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wsgikit.responses.cache.age import age_at_arrival
from wsgikit.responses.cache.entry import Entry, new_id
from wsgikit.responses.cache.filling import Filling
from wsgikit.responses.cache.freshen import kept_headers
from wsgikit.responses.cache.kept import Kept
from wsgikit.responses.cache.lifetime import lifetime
from wsgikit.responses.cache.nonce import KEY, NonceSearch, in_headers
from wsgikit.responses.cache.partial import PART, choose_parts, extent_of, join
from wsgikit.responses.cache.storable import refusal
from wsgikit.responses.cache.tags import tags_of
from wsgikit.responses.cache.vary import selecting

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.responses.cache.asked import Asked
    from wsgikit.responses.cache.collapse import Fill, Fills
    from wsgikit.responses.cache.head import Head
    from wsgikit.responses.cache.partial import Extent
    from wsgikit.responses.cache.safestore import SafeStore


class Storage(NamedTuple):
    """The options are those of `Cache`, ``tags`` in lower case."""

    store: SafeStore
    fills: Fills
    clock: Callable[[], float]
    default_ttl: float | None
    stale_if_unreachable: bool
    store_set_cookie: bool
    vary_cookies: bool
    tags: tuple[str, ...]

    def refusal(self, asked: Asked, head: Head, received: float) -> str | None:
        """Why a response to a GET is not kept; None where it may be."""
        return refusal(
            asked, head, received, default_ttl=self.default_ttl, store_set_cookie=self.store_set_cookie
        )

    def shareable(self, head: Head, requested: float, received: float) -> bool:
        """Whether requests that wait for this response could be given it as it is."""
        left = lifetime(head, received, self.default_ttl) - age_at_arrival(head, requested, received)
        return left > 0 and not head.control.no_cache

    def filling(self, arriving: Arriving) -> Filling | None:
        """What stores a response as it passes; None where the store does not take it."""
        expected = arriving.expected
        if expected is not None and expected > self.store.largest:
            return None
        nonce = arriving.nonce
        if nonce and in_headers(nonce, arriving.head.headers):
            return None
        writer = self.store.write(arriving.key)
        if writer is None:
            return None
        arriving.fill.tags = tags_of(arriving.head, self.tags)
        return Filling(writer, arriving, expected, NonceSearch(nonce) if nonce else None)


class Arriving:
    """A response on its way into the store: what its entry will be, and what is to be done after it.

    ``reason`` is that of its status line, ``requested`` and ``received`` when the app was asked and when it answered.
    ``extent``: which part of the whole it is, if it is a 206 that says so rightly.
    """

    __slots__ = (
        "_asked",
        "_entry",
        "_requested",
        "_storage",
        "extent",
        "fill",
        "head",
        "key",
        "reason",
        "received",
    )

    def __init__(
        self,
        storage: Storage,
        key: str,
        asked: Asked,
        head: Head,
        fill: Fill,
        *,
        reason: str,
        requested: float,
        received: float,
    ) -> None:
        self._storage = storage
        self._asked = asked
        self._requested = requested
        self._entry: Entry | None = None
        self.key = key
        self.head = head
        self.fill = fill
        self.reason = reason
        self.received = received
        self.extent: Extent | None = extent_of(head) if head.status == 206 else None

    @property
    def nonce(self) -> str | None:
        """The nonce of this request, if there is one."""
        found: str | None = self._asked.environ.get(KEY)
        return found

    @property
    def expected(self) -> int | None:
        """How many bytes its body has to have; None where it does not say."""
        if self.head.status in (204, 205):
            return 0
        return self.head.length() if self.extent is None else self.extent.stop - self.extent.start

    def entry(self, size: int) -> Entry | None:
        """Its entry, now that its body is complete; None if it was purged before it came."""
        if self.fill.outdated:
            return None
        vary = selecting(self.head, self._asked.value, cookies=self._storage.vary_cookies)
        if self.extent is not None:
            vary = (*vary, (PART, str(self.extent)))
        headers = kept_headers(self.head, self.received)
        if self.head.status not in (204, 205) and "content-length" not in self.head.fields:
            headers.append(("Content-Length", str(size)))
        self._entry = Entry(
            id=new_id(),
            vary=vary,
            status=self.head.status,
            reason=self.reason,
            headers=headers,
            requested=self._requested,
            received=self.received,
            tags=self.fill.tags or (),
            size=size,
        )
        return self._entry

    def unfit(self) -> None:
        """It is too long, or for one client alone: nobody shall wait for the next one."""
        self._storage.fills.judge(self.key, vain=True)

    def over(self) -> None:
        """It is stored, or never will be."""
        storage = self._storage
        if self._entry is not None and self.fill.outdated:  # in the moment between
            storage.store.forget(self.key, self._entry.id)
        storage.fills.end(self.fill)
        if self.extent is not None:
            self._join_parts()

    def _join_parts(self) -> None:
        """The part that has come may close a gap."""
        storage = self._storage
        entries = choose_parts(storage.store.find(self.key), self._asked)
        if len(entries) > 1:
            newest, *others = (Kept(entry, storage.default_ttl) for entry in entries)
            join(storage.store, self.key, newest, others)
