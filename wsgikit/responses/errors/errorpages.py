"""ErrorPages: answers errors with pages of the site's own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import close, discard
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.middleware import Middleware
from wsgikit.responses.errors.errorpage import ErrorPage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_STATUSES = 'a status from 400 to 599, or a class of them, "4xx" or "5xx"'
_CLASSES = ("4xx", "5xx")
_NO_PAGES: Mapping[str, ErrorPage] = MappingProxyType({})


class ErrorPages(Middleware):
    """Answers in place of an app that answers with one of these statuses: with the page for it, under the same status.

    - ``pages``: by status (``404``) or class (``"5xx"``); a status goes before its class. A page is a path
      (``"/errors/404"``, seen from the app inside, which is asked for it) or a WSGI app.

    The page is asked for with GET and without a body, conditions or ranges. Its environ says what went wrong:
    ``wsgikit.error_status`` (a number), ``wsgikit.error_method``, ``wsgikit.error_path`` (SCRIPT_NAME and PATH_INFO),
    ``wsgikit.error_query``. Of its answer the content is sent, what describes it (Content-Type, -Encoding, -Language)
    and its Content-Security-Policy; all other headers are those of the original answer: cookies, Allow, Retry-After,
    WWW-Authenticate, what CORS and caches need. The original body is closed unread.

    Pages are read into memory before they are sent. One that fails (raises; or, for a path, answers anything but 2xx
    or the original status) is logged to ``wsgikit.errors``, and a sentence goes out instead.

    What the app raises is not caught: put CatchErrors inside. An answer that fails while it is sent is not replaced.
    """

    def __init__(self, app: WSGIApplication, pages: Mapping[int | str, str | WSGIApplication]) -> None:
        super().__init__(app)
        if not isinstance(pages, Mapping):
            raise wrong_type("ErrorPages", "pages", pages, "a mapping of statuses to pages")
        self.pages = pages
        found = {_status(key): ErrorPage(app, page) for key, page in pages.items()}
        if len(found) < len(pages):
            raise wrong_value("ErrorPages", "pages", pages, "each status once")
        self._pages: dict[str, ErrorPage] = {}
        for status in map(str, range(400, 600)):
            page = found.get(status) or found.get(f"{status[0]}xx")
            if page is not None:
                self._pages[status] = page

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange = Exchange(self._pages, environ.copy(), start_response)
        return exchange.settle(self.app(environ, exchange.start_response))

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The app inside, and the pages that are apps of their own."""
        own = [(str(key), page) for key, page in self.pages.items() if not isinstance(page, str)]
        return [("app", self.app), *own]


class Exchange:
    """One request, and the app's answer until it is known whether it stands.

    The head of an answer that stands goes on to the server at once, as it is; any other is kept here.
    """

    __slots__ = ("_environ", "_exc_info", "_headers", "_pages", "_start", "page", "status")

    _headers: list[tuple[str, str]]  # of an answer that is not to be sent

    def __init__(
        self, pages: Mapping[str, ErrorPage], environ: WSGIEnvironment, start_response: StartResponse
    ) -> None:
        self._pages = pages
        self._environ = environ
        self._start = start_response
        self._exc_info: Any = None
        self.status = ""  # the app's, as soon as it has said it
        self.page: ErrorPage | None = None  # what is sent in its answer's place

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``."""
        if self.page is not None and exc_info is None:
            raise AssertionError("start_response() called a second time without exc_info (PEP 3333)")
        told = self.status and self.page is None
        self.status = status
        self.page = self._pages.get(status[:3])
        if self.page is None:
            return (
                self._start(status, headers) if exc_info is None else self._start(status, headers, exc_info)
            )
        self._headers = headers
        if told:
            self._exc_info = exc_info  # the server has a head, and takes another one with this only
        return _unsent

    def settle(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body to give to the server, once the app's call has returned."""
        if self.page is not None:
            return self.replace(body)
        if self.status:
            self.let_go()
            return body
        return Unsettled(self, body)  # a generator, which says how it answers when it is first pulled

    def let_go(self) -> None:
        """From here on the app's body is sent, whatever becomes of it."""
        self._pages = _NO_PAGES

    def replace(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Close the app's body unread, and answer with the page."""
        page, start, exc_info = self.page, self._start, self._exc_info
        self._exc_info = None  # a traceback that holds its own frame would keep the request alive
        discard(body)  # first: the page may need what the app holds until then, the last connection of a pool

        def restart(
            status: str, headers: list[tuple[str, str]], _: Any = None, /
        ) -> Callable[[bytes], object]:
            return start(status, headers, exc_info)

        assert page is not None
        return page.answer(self._environ, start if exc_info is None else restart, self.status, self._headers)


class Unsettled:
    """The body of an app that has not said yet how it answers."""

    __slots__ = ("_body", "_exchange", "_next")

    def __init__(self, exchange: Exchange, body: Iterable[bytes]) -> None:
        self._exchange: Exchange | None = exchange  # until it is settled
        self._body: Iterable[bytes] | None = body
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._next is None:
            self._next = iter(self._body or ()).__next__
        if self._exchange is None:
            return self._next()
        return self._first(self._next, self._exchange)

    def _first(self, pull: Callable[[], bytes], exchange: Exchange) -> bytes:
        try:
            chunk = pull()
        except StopIteration:
            if exchange.page is None:
                raise
            chunk = b""
        if exchange.page is not None:
            body, self._body = self._body or (), ()  # closed there, whatever happens
            self._exchange = None
            self._next = iter(exchange.replace(body)).__next__
            return self._next()
        if exchange.status:
            exchange.let_go()
            self._exchange = None
        return chunk

    def close(self) -> None:
        """Close the app's body, once."""
        body, self._body = self._body, None
        close(body)


def _unsent(chunk: bytes, /) -> None:
    """``write()`` for an answer that is not to be sent."""


def _status(key: object) -> str:
    """A status or class as text; numbers come as text from configuration files."""
    if isinstance(key, bool) or not isinstance(key, int | str):
        raise wrong_type("ErrorPages", "pages", key, _STATUSES)
    text = str(key).lower()
    if text not in _CLASSES and not (
        len(text) == 3 and text.isascii() and text.isdigit() and text[0] in "45"
    ):
        raise wrong_value("ErrorPages", "pages", key, _STATUSES)
    return text
