"""What a request that changes things does to the cache (RFC 9111 section 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.responses.cache.head import Head
from wsgikit.responses.cache.invalidate import invalidated, joined
from wsgikit.responses.cache.keys import keys_of
from wsgikit.responses.cache.status import forwarded
from wsgikit.responses.cache.storable import post_refusal
from wsgikit.responses.cache.storage import Arriving

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgikit.responses.cache.asked import Asked
    from wsgikit.responses.cache.filling import Filling
    from wsgikit.responses.cache.passage import Passage
    from wsgikit.responses.cache.storage import Storage


class Change:
    """A POST, PUT, DELETE or the like on its way to the app: what it changes is removed before its answer goes out."""

    __slots__ = ("_asked", "_key", "_requested", "_storage")

    rescues = False

    def __init__(self, storage: Storage, asked: Asked, key: str) -> None:
        self._storage = storage
        self._asked = asked
        self._key = key
        self._requested = storage.clock()

    def decide(self, passage: Passage) -> Filling | None:
        """Remove what is no longer right. The answer to a POST may be kept, as what the URL shows from now on."""
        head = Head.of(passage.status, passage.headers)
        for url in invalidated(self._key, head.status, passage.headers):
            self._remove(url)
        filling = self._filling(passage, head)
        passage.headers.append(forwarded("method", stored=filling is not None))
        return filling

    def rescue(self, error: Exception) -> None:
        """Nothing stored answers for a change."""

    def arrived(self) -> None:
        """What was changed is removed by then."""

    def again(self) -> WSGIEnvironment:
        """Never asked for: what changes things is done once."""
        raise NotImplementedError("a change is not asked for again")

    def over(self) -> None:
        """Nobody waits for a change."""

    def _names_itself(self, head: Head) -> bool:
        """Whether Content-Location says that the answer shows the URL that was asked (RFC 9110 section 9.3.3)."""
        place = head.first("content-location")
        return place is not None and self._key in _keys_of(joined(self._key, place))

    def _remove(self, url: str) -> None:
        keys = [url] if url == self._key else _keys_of(url)
        self._storage.fills.outdate(keys)
        for key in keys:
            self._storage.store.forget(key)

    def _filling(self, passage: Passage, head: Head) -> Filling | None:
        storage, environ = self._storage, self._asked.environ
        if environ["REQUEST_METHOD"] != "POST" or ("HTTP_COOKIE" in environ and not storage.vary_cookies):
            return None
        received = storage.clock()
        if not self._names_itself(head) or post_refusal(self._asked, head, received) is not None:
            return None
        fill, _ = storage.fills.begin(self._key, shares=False)
        filling = storage.filling(
            Arriving(
                storage,
                self._key,
                self._asked,
                head,
                fill,
                reason=passage.status[4:].strip(),
                requested=self._requested,
                received=received,
            )
        )
        if filling is None:
            storage.fills.end(fill)
        return filling


def _keys_of(url: str | None) -> list[str]:
    """The keys of a URL that an app has named; none for what is no URL."""
    try:
        return [] if url is None else keys_of(url)
    except ValueError:
        return []
