"""Accounting: each request through an app is seen in flight, and counted when it is over."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import WatchedBody, watched
from wsgikit.operations.scoreboard.board import board
from wsgikit.operations.scoreboard.inside import inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.operations.scoreboard.inside import Inside
    from wsgikit.operations.scoreboard.slot import Slot
    from wsgikit.operations.scoreboard.snapshot import Snapshot

_MARK = "wsgikit.accounted."
"""With the service's name behind it, the key of the request in environ: layers of one service count it once."""

NOTES = "wsgikit.notes"
_BODILESS = frozenset(("204", "304"))


class Accounting:
    """Calls ``app``, and books on the scoreboard of ``service`` what comes of it.

    From the call on until the body is closed, or the app has raised, a request is in flight. What WarmUp sends is none.
    """

    def __init__(self, app: WSGIApplication, service: str) -> None:
        self.app = app
        self._mark = _MARK + service
        self._board = board(service)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._mark in environ or "wsgikit.warmup" in environ:
            return self.app(environ, start_response)
        mine = self._board.get()
        request = Request(mine.slot or mine.claim(), environ, start_response)
        environ[self._mark] = request
        try:
            body = self.app(environ, request.start_response)
        except BaseException:
            request.close(failed=True)
            raise
        kind = type(body)
        if kind is list or kind is tuple:
            request.chunks = body  # type: ignore[assignment]  # the line above says so
            return request
        return watched(body, environ, request.done)[1]

    def snapshot(self) -> Snapshot:
        """The service as it is now, in all of its workers, of which this process is one."""
        mine = self._board.get()
        mine.claim()
        return mine.snapshot()


def forget(environ: WSGIEnvironment) -> None:
    """Count nothing for a request that is for an operator, where a layer outside has begun to."""
    for key in [key for key in environ if key.startswith(_MARK)]:
        environ[key].forget()


class Request:
    """One request, from the call to its end.

    Nearly every answer is a list of chunks, and then this is its body as well, which saves an object and two calls: a
    list has no ``close()`` of its own, its length stays exact, and it can be iterated again, as servers may.
    """

    __slots__ = (
        "_notes",
        "_slot",
        "_start_response",
        "_started",
        "_write",
        "chunks",
        "core",
        "failed",
        "inside",
        "method",
        "micros",
        "path",
        "route",
        "sent",
        "status",
    )

    _write: Callable[[bytes], object]  # from the first start_response on
    failed: bool
    inside: Inside | None
    micros: int

    def __init__(self, slot: Slot, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        get = environ.get
        self._slot: Slot | None = slot
        self._start_response = start_response
        notes = get(NOTES)
        if notes is None:
            notes = environ[NOTES] = {}
        self._notes = notes
        self.route = get("wsgikit.route")
        path = get("PATH_INFO", "")  # without the query, which may hold secrets
        if script := get("SCRIPT_NAME"):
            path = f"{script}{path}"
        self.path: str = path
        self.method: str = get("REQUEST_METHOD", "")
        self.sent = 0
        self.status = ""
        self.chunks: (
            list[bytes] | tuple[bytes, ...]
        ) = ()  # it lies in environ, where others ask whether it is true
        self._started = started = perf_counter()
        try:
            self.core = slot.enter(self, started, self.method, path)
        except AttributeError:  # a server that gives bytes, or nothing at all
            self.method, self.path = str(self.method), str(path)
            self.core = slot.enter(self, started, self.method, self.path)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``: the last one that the server took is what counts."""
        if exc_info:
            try:
                self._write = self._start_response(status, headers, exc_info)
            finally:
                exc_info = None  # a traceback that holds its own frame would keep the request alive
        else:
            self._write = self._start_response(status, headers)
        self.status = status[:3]
        return self.write

    def write(self, chunk: bytes, /) -> object:
        """The server's ``write()``, counted."""
        result = self._write(chunk)
        self.sent += len(chunk)
        return result

    def __len__(self) -> int:
        return len(self.chunks)

    def __iter__(self) -> Iterator[bytes]:
        chunks = self.chunks
        if len(chunks) != 1:
            return self._each()
        self.sent += len(chunks[0])  # one chunk is sent whole or not at all
        return iter(chunks)

    def _each(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.sent += len(chunk)
            yield chunk

    def done(self, body: WatchedBody) -> None:
        """The app's own body was closed."""
        self.sent += body.sent
        self.close(failed=body.error is not None)

    def __del__(self) -> None:
        if self._slot is not None:  # some servers never close a body whose client has left
            self.close()

    def forget(self) -> None:
        """It was none of the app's."""
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.leave(self.core, self)

    def close(self, *, failed: bool = False) -> None:
        """The answer is over, or the app has ``failed``: book it, once."""
        now, slot = perf_counter(), self._slot
        if slot is None:
            return
        self._slot = None
        self.micros = int((now - self._started) * 1e6)
        self.failed = failed
        status = self.status
        if not status or (failed and not self.sent):
            self.status = "500"  # the server answers for the app
        if self.sent and (status in _BODILESS or self.method == "HEAD"):
            self.sent = 0  # whatever the app gave, it is not part of such an answer
        notes = self._notes
        route = notes.get("route") or self.route
        self.route = route if route is None or type(route) is str else _rule(route)
        told = "upstream" in notes or "cache" in notes or "upstream_error" in notes
        self.inside = inside(notes) if told else None
        slot.book(self, now)


def _rule(route: Any) -> str:
    """The rule of a router's Match, or what else a layer has called the route."""
    return str(getattr(getattr(route, "route", route), "rule", route))
