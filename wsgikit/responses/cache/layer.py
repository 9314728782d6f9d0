"""Cache: keeps answers and gives them again (RFC 9111)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import valid_name
from wsgikit.core.middleware import Middleware
from wsgikit.core.process import PerProcess
from wsgikit.core.units import flag, seconds
from wsgikit.responses.cache import keys, status
from wsgikit.responses.cache.asked import Asked, cacheable
from wsgikit.responses.cache.change import Change
from wsgikit.responses.cache.collapse import Fills
from wsgikit.responses.cache.invalidate import SAFE
from wsgikit.responses.cache.lookup import Lookup
from wsgikit.responses.cache.passage import Passage
from wsgikit.responses.cache.safestore import SafeStore
from wsgikit.responses.cache.storage import Storage
from wsgikit.responses.cache.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.responses.cache.entry import Store

_BYPASS = status.BYPASS

_STORE = ("find", "body", "write", "freshen", "forget", "forget_tag")


class Cache(Middleware):
    """Answers GET and HEAD out of a store while the app's last answer is fresh, as a shared cache (RFC 9111).

    The app decides with Cache-Control (or CDN-Cache-Control, Expires, ETag, Last-Modified) what is kept and for how
    long; without a word of it nothing is kept that is fresh. What is stale is validated with the app, given at once
    within stale-while-revalidate, and given when the app fails within stale-if-error. Requests that come at once for
    the same thing become one. POST, PUT, DELETE and the like remove what they change. Every answer says in Cache-Status
    what was done, and ``environ["wsgikit.notes"]["cache"]`` holds it for the access log: ``hit``, ``stale``,
    ``revalidated``, ``miss`` or ``bypass``.

    - ``store``: where answers are kept: a `MemoryStore` (the default, a new one), `FileStore`, `RedisStore` or anything
      with their methods. A store that fails is a line in the log, and a miss.
    - ``vary_cookies``: requests with cookies pass by, as their answers are seldom for others. True keeps them apart
      instead, by their whole Cookie header.
    - ``stale_if_unreachable``: an answer of any age is given when the app raises, or a ReverseProxy inside finds
      no upstream, unless must-revalidate, proxy-revalidate, s-maxage or no-cache forbid it. True, as an old page is
      better than none.
    - ``default_ttl``: seconds (or ``"5m"``) for which answers are fresh that do not say it themselves and whose status
      allows it. None takes a tenth of the time since their Last-Modified, a week at most, and nothing without one.
    - ``tags``: the header, or several, in which the app names the tags for ``purge_tag``; None for none.
    - ``client_directives``: whether a client's own Cache-Control counts (RFC 9111 section 5.2.1), so that reloading
      a page really does. False takes from clients the power to reach the app at will.
    - ``store_set_cookie``: whether answers with Set-Cookie are kept, and the cookie given to everybody. False, as
      that is how sessions are mixed up; an answer can take it out of what is kept: ``private="set-cookie"``.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        store: Store | None = None,
        vary_cookies: bool = False,
        stale_if_unreachable: bool = True,
        default_ttl: float | str | None = None,
        tags: str | Sequence[str] | None = "Surrogate-Key",
        client_directives: bool = True,
        store_set_cookie: bool = False,
    ) -> None:
        super().__init__(app)
        self.store: Store = MemoryStore() if store is None else _store(store)
        self.vary_cookies = flag("Cache", "vary_cookies", vary_cookies)
        self.stale_if_unreachable = flag("Cache", "stale_if_unreachable", stale_if_unreachable)
        self.default_ttl = None if default_ttl is None else seconds("Cache", "default_ttl", default_ttl)
        self.tags = tags
        self.client_directives = flag("Cache", "client_directives", client_directives)
        self.store_set_cookie = flag("Cache", "store_set_cookie", store_set_cookie)

        self._tag_headers = tuple(name.lower() for name in _names(tags))
        self.clock: Callable[[], float] = _now
        """Gives seconds since the epoch; tests put a stopped one in its place."""
        self._lookups: PerProcess[Lookup] = PerProcess(self._lookup)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method == "GET" or method == "HEAD":
            if ("HTTP_COOKIE" not in environ or self.vary_cookies) and cacheable(environ):
                asked = Asked(environ, obey=self.client_directives)
                if not asked.control.no_store:
                    return self._lookups.get().answer(self.app, asked, start_response)
        elif method in SAFE:
            return self.app(environ, start_response)
        else:
            return self._change(environ, start_response)

        # It passes by: in place, as this is what a request costs that is none of a cache's business.
        notes = environ.get("wsgikit.notes")
        if notes is None:
            notes = environ["wsgikit.notes"] = {}
        notes["cache"] = "bypass"

        def start(
            line: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if exc_info is None:
                return start_response(line, [*headers, _BYPASS])
            return start_response(line, [*headers, _BYPASS], exc_info)

        return self.app(environ, start)

    def purge(self, url: str) -> int:
        """Remove what is stored for an absolute URL, all variants; says how many there were.

        Answers for it that are under way are not stored. In a store that other processes share it is gone for them as
        well. Raises ``ValueError`` for what is no absolute URL, and ``StoreError`` when the store fails.
        """
        found = keys.keys_of(url)
        self._lookups.get().storage.fills.outdate(found)
        return sum(self.store.forget(key) for key in found)

    def purge_tag(self, tag: str) -> int:
        """Remove every stored answer that bears ``tag``; says how many there were. Raises as ``purge`` does."""
        self._lookups.get().storage.fills.outdate_tag(tag)
        return self.store.forget_tag(tag)

    def _lookup(self) -> Lookup:
        """What this process answers with."""
        storage = Storage(
            SafeStore(self.store),
            Fills(),
            lambda: self.clock(),
            self.default_ttl,
            self.stale_if_unreachable,
            self.store_set_cookie,
            self.vary_cookies,
            self._tag_headers,
        )
        return Lookup(storage)

    def _change(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.setdefault("wsgikit.notes", {})["cache"] = "bypass"
        asked = Asked(environ, obey=self.client_directives)
        change = Change(self._lookups.get().storage, asked, keys.key(environ))
        return Passage(self.app, environ.copy(), start_response, change).go()


def _now() -> float:
    return time.time()  # looked up each time, for those who stop it there


def _store(store: Any) -> Store:
    if isinstance(store, type):
        raise wrong_type("Cache", "store", store, f"an instance of it, such as {store.__name__}(...)")
    missing = [name for name in _STORE if not callable(getattr(store, name, None))]
    if missing:
        wanted = f"a MemoryStore, FileStore or RedisStore, or what has their methods (it lacks {missing[0]})"
        raise wrong_type("Cache", "store", store, wanted)
    found: Store = store
    return found


def _names(names: object) -> tuple[str, ...]:
    listed = () if names is None else (names,) if isinstance(names, str) else names
    if not isinstance(listed, tuple | list):
        raise wrong_type("Cache", "tags", names, 'a header name, such as "Cache-Tag", or several')
    for name in listed:
        if not isinstance(name, str) or not valid_name(name):
            raise wrong_value("Cache", "tags", name, 'a header name, such as "Cache-Tag"')
    return tuple(listed)
