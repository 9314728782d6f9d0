"""Answers taken whole: the head waits until the body is complete, so that it can be decided by the body.

    waiting --body complete--> acted upon
       |-- grown too large --> passed on as it is, chunk by chunk
       |-- not wanted -------> passed on at once

Nothing goes to the server while the answer waits, so an error of the app's is still an answer of its own. An app that
gives a list is done when the call returns; with any other body the wait is over at the first chunk that the server
asks for, and the head goes out then, before any byte (PEP 3333 allows it; `ServerFix` is for servers that do not).
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import close
from wsgikit.core.flight import NOTHING
from wsgikit.core.headers import get
from wsgikit.core.units import size
from wsgikit.responses.bodies.bodylayer import BodyLayer
from wsgikit.responses.bodies.changing import with_listed_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.flight import Filter, Flight
    from wsgikit.core.headers import Headers

    Wants = Callable[[str, Headers], bool]
    Act = Callable[["Gathering", bytes], Iterable[bytes]]


class WholeBodyLayer(BodyLayer):
    """A layer that changes whole bodies, up to ``max_size``; what is larger streams on as it is.

    Answers that are watched as they grow are left alone, for they would come all at once: event streams, and those
    that say ``X-Accel-Buffering: no``, which is how an app tells nginx not to hold them back.
    """

    def __init__(self, app: WSGIApplication, types: str | Iterable[str], max_size: int | str) -> None:
        super().__init__(app, types)
        self.max_size = size(type(self).__name__, "max_size", max_size)

    def vehicle(self, environ: WSGIEnvironment, start_response: StartResponse) -> Gathering:
        return Gathering(environ, start_response, self.wants, self.act, self.max_size)

    def wants(self, status: str, headers: Headers) -> bool:
        return super().wants(status, headers) and not _live(headers)

    def filter(self, flight: Flight) -> Filter | None:
        """The answer to HEAD: its content is never known."""
        return NOTHING

    def act(self, gathering: Gathering, content: bytes) -> Iterable[bytes]:
        """Answer with what becomes of ``content``, by ``gathering.start``."""
        raise NotImplementedError(f"{type(self).__name__} does not act on bodies")


class Gathering:
    """One answer taken whole, up to ``max_size`` bytes.

    ``wants`` is asked about the head. ``act`` gets this object and the content, calls ``start`` (the server's
    ``start_response``) and gives the body to send; ``status`` and ``headers`` are the app's, and ``given`` is its
    body if that was a list and the whole content.
    """

    __slots__ = (
        "_act",
        "_announced",
        "_held",
        "_left",
        "_max_size",
        "_wants",
        "_write",
        "environ",
        "given",
        "headers",
        "start",
        "status",
        "waiting",
    )

    headers: list[tuple[str, str]]  # from the app's start_response() on
    _write: Callable[[bytes], object]  # the server's, once the head was passed on

    def __init__(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        wants: Wants,
        act: Act,
        max_size: int,
    ) -> None:
        self.environ = environ
        self.start = start_response
        self.status = ""
        self.waiting = True
        self.given: Iterable[bytes] | None = None
        self._announced: int | None = None
        self._wants = wants
        self._act = act
        self._max_size = self._left = max_size
        self._held: list[bytes] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``: keeps the head, or passes it on if the answer is not wanted."""
        if not self.waiting:
            return self.start(status, headers, exc_info) if exc_info else self.start(status, headers)
        if exc_info:
            try:
                if self._left < self._max_size:  # for the app, its first byte is out
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.status:
            raise AssertionError("start_response() called a second time without exc_info (PEP 3333)")
        self.status = status
        self.headers = list(headers)
        self._announced = _announced(headers)
        if not self._wants(status, headers) or (self._announced or 0) > self._max_size:
            if status[:3] == "304":
                self.headers = with_listed_tag(self.headers, self.environ)
            self._pass_on()
        return self.write

    def write(self, chunk: bytes, /) -> None:
        """The app's ``write()``: held with the rest, ahead of the iterable's."""
        if not self.waiting:
            self._write(chunk)
        elif not self.take(chunk):
            for held in self.release():
                self._write(held)

    def carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body for the server: the app's own if nothing has to change in it."""
        if not self.waiting:
            return body
        if not self.status or type(body) not in (list, tuple):
            return GatheredBody(self, body)
        written = len(self._held)
        kept = [self.take(chunk) for chunk in body]
        if all(kept):
            self.given = None if written else body
            return self.finish()
        for held in self.release()[:written]:
            self._write(held)
        return body

    def close_filter(self) -> None:
        """Let go of what is held: the app raised."""
        self._held = []

    def take(self, chunk: bytes) -> bool:
        """Hold one chunk; False if the answer does not wait any more, because it has grown too large, say."""
        if not self.status:
            raise AssertionError("the app gave a body before it called start_response() (PEP 3333)")
        self._held.append(chunk)
        self._left -= len(chunk)
        if self.waiting and self._left < 0:
            self._pass_on()
        return self.waiting

    def release(self) -> list[bytes]:
        """What is held, to be sent as it is."""
        held, self._held = self._held, []
        return held

    def finish(self) -> Iterable[bytes]:
        """What goes out for the complete body."""
        if not self.status:
            raise AssertionError("the app ended before it called start_response() (PEP 3333)")
        content = b"".join(self.release())
        missing = (self._announced or 0) - len(content)
        if missing > 0:
            # The client could have seen by the Content-Length that it was cut short, and would not see it now.
            raise EOFError(f"the body ended {missing} bytes before its Content-Length")
        if self._announced is not None and missing < 0:  # what goes beyond it is cut off, as servers do
            content, self.given = content[: self._announced], None
        self.waiting = False
        return self._act(self, content)

    def _pass_on(self) -> None:
        self.waiting = False
        self._write = self.start(self.status, self.headers)


class GatheredBody:
    """A body that is pulled as a whole when its first chunk is asked for."""

    __slots__ = ("_answer", "_body", "_chunks", "_gathering")

    def __init__(self, gathering: Gathering, body: Iterable[bytes]) -> None:
        self._gathering = gathering
        self._body: Iterable[bytes] | None = body
        self._answer: Iterable[bytes] | None = None
        self._chunks: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._chunks is None:
                self._chunks = self._begin()
            return next(self._chunks)
        except BaseException:
            self._chunks = iter(())  # a server that asks for more after an error gets nothing
            self._gathering.close_filter()
            raise

    def _begin(self) -> Iterator[bytes]:
        """Pull until it is known what goes out, and pass the head on."""
        gathering = self._gathering
        chunks = iter(self._body or ())
        for chunk in chunks:
            if not gathering.take(chunk):
                return chain(gathering.release(), chunks)
        if gathering.waiting:
            self._answer = gathering.finish()
        return iter(self._answer or ())

    def close(self) -> None:
        """Close what was made of it, then the app's body, once."""
        body, self._body = self._body, None
        answer, self._answer = self._answer, None
        self._chunks = iter(())
        self._gathering.close_filter()
        try:
            if answer is not None:
                close(answer)
        finally:
            if body is not None:
                close(body)


def _live(headers: Headers) -> bool:
    for name, value in headers:
        field = name.lower()
        if field == "content-type" and value[:17].lower() == "text/event-stream":
            return True
        if field == "x-accel-buffering" and value.strip().lower() == "no":
            return True
    return False


def _announced(headers: Headers) -> int | None:
    declared = get(headers, "content-length")
    return int(declared) if declared is not None and declared.isascii() and declared.isdigit() else None
