"""One request and its answer, as the access log sees them pass."""

from __future__ import annotations

import re
from time import perf_counter, time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wsgikit.core.body import WatchedBody, WatchedList, watched
from wsgikit.core.environ import header_key
from wsgikit.core.memory import memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

NOTES = "wsgikit.notes"

_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9/:@!$&'()*+,;=~._-]+")  # a path that needs no quoting, as most do
_BODILESS = ("204", "304")
_USUAL = frozenset(map(str, range(100, 1000))).difference(_BODILESS)


class Exchange(WatchedList):
    """What a line is made of. The request is a copy from before any inner layer or app could change it.

    ``request`` is that copy and ``environ`` the dict itself, which TrustedProxies edits in place; ``notes`` is shared
    with the inner layers. ``status`` is the three digits as text, ``sent`` the bytes of the body, ``started`` seconds
    since the epoch, ``duration`` and ``ttfb`` seconds. ``error`` is what the app raised.

    ``watched`` gives the body to hand to the server. Where the app's is a list, as nearly always, that is the exchange
    itself: an object and some calls less, a fifteenth of what a line costs.
    """

    __slots__ = (
        "_clock",
        "_finished",
        "_start_response",
        "_write",
        "duration",
        "environ",
        "headers",
        "notes",
        "request",
        "started",
        "status",
        "ttfb",
    )

    _write: Callable[[bytes], object]  # from the first start_response on
    duration: float
    ttfb: float

    def __init__(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        finished: Callable[[Exchange], None],
    ) -> None:
        notes = environ.get(NOTES)
        if notes is None:
            notes = environ[NOTES] = {}
        self.notes: dict[str, Any] = notes
        self.environ = environ
        self.request = environ.copy()
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.error = None
        self.first_byte = None
        self.sent = 0
        self._start_response = start_response
        self._finished = finished
        self.started = time()
        self._clock = perf_counter()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``: the last one that the server took is what is logged."""
        if exc_info:
            try:
                self._write = self._start_response(status, headers, exc_info)
            finally:
                exc_info = None  # a traceback that holds its own frame would keep the request alive
        else:
            self._write = self._start_response(status, headers)
        self.status = status[:3]
        self.headers = headers
        return self.write

    def write(self, chunk: bytes) -> object:
        """The server's ``write()``, counted."""
        if chunk and self.first_byte is None:
            self.first_byte = perf_counter()
        result = self._write(chunk)
        self.sent += len(chunk)
        return result

    def watched(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The app's body, of the same kind, watched: its end is the exchange's."""
        if type(body) is list:
            self._body = self._chunks = body
            return self
        return watched(body, self.environ, self.done)[1]

    def close(self) -> None:
        """The end, where the exchange is the body."""
        if self._body is not None:
            self._body = None
            self.done(self)

    def raised(self, error: BaseException) -> None:
        """The app raised before it gave a body."""
        self.failed(error)
        self.done(self)

    def done(self, body: WatchedBody) -> None:
        """The body was closed."""
        now, clock = perf_counter(), self._clock
        if body is not self:
            # Bytes through write() go ahead of the body's.
            self.first_byte = self.first_byte or body.first_byte
            self.sent += body.sent if body.first_byte else self._sent_by_server(body.sent)
        self.duration = now - clock
        self.ttfb = (self.first_byte or now) - clock
        error = body.error
        if error is not None or self.status not in _USUAL:
            self._correct(error, error is not None and not body.late)
        if self.request.get("REQUEST_METHOD") == "HEAD":
            self.sent = 0  # whatever the app gave, it is not part of such an answer
        self._finished(self)
        if error is not None:
            self.error = body.error = None  # it holds frames that hold this, and would keep the request alive

    def _sent_by_server(self, rest: int) -> int:
        """What sendfile has sent of a file: all to its end unless a Content-Length says where to stop."""
        announced = length(self.response_header("content-length")) if rest else None
        return rest if announced is None else min(rest, announced)

    def _correct(self, error: BaseException | None, in_time: bool) -> None:
        """The status that the client saw, where that is not simply the app's."""
        if error is not None:
            self.error = error
            self.notes.setdefault("error.type", type(error).__name__)
        if self.status in _BODILESS:
            self.sent = 0
        elif self.status not in _USUAL:
            self.status = "500"  # never given, or no number
        if in_time and self.first_byte is None:
            self.status = "500"  # the server answers for the app

    @property
    def client(self) -> str:
        """The verified client: REMOTE_ADDR after TrustedProxies; the peer without it."""
        client: str = self.environ.get("REMOTE_ADDR") or ""
        return client

    @property
    def peer(self) -> str:
        """The host at the other end of the connection, also where somebody else's ProxyFix stands inside."""
        peer: str = (self.environ.get("wsgikit.original") or self.request).get("REMOTE_ADDR") or ""
        return peer

    @property
    def target(self) -> str:
        """Path and query as they stood in the request line; not redacted."""
        get = self.request.get
        return target_of(
            get("RAW_URI"), get("REQUEST_URI"), get("SCRIPT_NAME"), get("PATH_INFO"), get("QUERY_STRING")
        )

    def header(self, name: str) -> str | None:
        """A request header, its name in lower case."""
        value = self.request.get(header_key(name))
        return None if value is None else str(value)

    def response_header(self, name: str) -> str | None:
        """A response header, its name in lower case; several are joined by a comma."""
        values = [str(value) for key, value in self.headers if key.lower() == name]
        return ", ".join(values) if values else None

    @property
    def request_id(self) -> str | None:
        """What RequestId has given the request."""
        found: str | None = self.notes.get("request.id") or self.environ.get("wsgikit.request_id")
        return found


class MeasuredExchange(Exchange):
    """One that also notes the resident memory of the process, ``rss`` and ``rss_delta`` in bytes (1.5 us more).

    The difference is what the whole process has grown by meanwhile: under threads, through all that they did.
    """

    __slots__ = ("rss",)

    def __init__(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        finished: Callable[[Exchange], None],
    ) -> None:
        self.rss = memory()[1]
        super().__init__(environ, start_response, finished)

    def done(self, body: WatchedBody) -> None:
        """The body was closed."""
        rss = memory()[1]
        self.notes.update(rss=rss, rss_delta=rss - self.rss)
        super().done(body)


def length(announced: object) -> int | None:
    """A Content-Length as a number; None for what is none."""
    text = str(announced)
    return int(text) if _LENGTH.fullmatch(text) else None


def target_of(
    raw_uri: str | None, request_uri: str | None, script: str | None, path: str | None, query: str | None
) -> str:
    """Path and query as they stood in the request line: as the server kept them, or else what it made of them.

    gunicorn has RAW_URI; uWSGI, waitress, cheroot, nginx and Apache have REQUEST_URI. Not redacted.
    """
    raw = raw_uri or request_uri or ""
    if raw.startswith("/"):
        return raw
    quoted = quoted_path((script or "") + (path or ""))
    return f"{quoted}?{query}" if query else quoted


def quoted_path(path: str) -> str:
    """A path as it stands in a URL, whatever is in it."""
    if _PLAIN.fullmatch(path):
        return path
    try:
        raw = path.encode("latin-1")
    except UnicodeEncodeError:  # mod_python and rocket3 decode UTF-8 themselves
        raw = path.encode("utf-8", "replace")
    return quote(raw, safe="/:@!$&'()*+,;=~-._") or "/"
