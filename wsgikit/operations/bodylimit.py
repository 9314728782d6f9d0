"""BodyLimit: request bodies up to a size, whatever is announced."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import Wrapper, close, watched, wrapped_file
from wsgikit.core.environ import child, content_length
from wsgikit.core.flight import Flight
from wsgikit.core.input import BLOCK, CappedInput, TooLarge
from wsgikit.core.middleware import Middleware
from wsgikit.core.units import size as size_of
from wsgikit.operations.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.input import InputStream

# Without an announcement these have no body (RFC 9112 section 6.3). The others are counted all the same: there are
# servers that decode a chunked body and leave no trace of it.
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_LONGEST = 5.0  # seconds of reading what nobody wants; nginx' lingering_timeout is as long


class BodyLimit(Middleware):
    """Answers 413 to a request whose body is larger than ``size``.

    - ``size``: bytes, or text like ``"10MB"``. No default: what is large depends on the app.
    - ``linger`` (0): bytes of a refused body, or text like ``"1MiB"``, that are read and dropped once the refusal is
      out. Behind a proxy they are needed: one that still sends when its connection is closed forgets the answer, and
      tells its client 502 (RFC 9112 section 9.6). Without a proxy a client could keep a worker waiting.

    A Content-Length beyond it is refused before the app is called, and nothing of the body is read. Every other body is
    counted as the app reads it, a chunked one too: the read that goes beyond raises ``TooLarge`` (a ``ValueError``, in
    ``wsgikit.core.input``). Whatever the app makes of that, the answer is a 413: the app's own, or else ours in its
    place, unless bytes are out already. What the app does not read is not counted.

    A Content-Length that is not one number is answered 400 (RFC 9110 section 8.6). Raises ``ValueError`` or
    ``TypeError`` for a size that will not do.
    """

    def __init__(self, app: WSGIApplication, size: int | str, *, linger: int | str = 0) -> None:
        super().__init__(app)
        self.size = size_of("BodyLimit", "size", size)
        self.linger = size_of("BodyLimit", "linger", linger)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            length = content_length(environ)
        except ValueError:
            detail = "Content-Length is not one number."
            return refuse("BodyLimit", environ, start_response, 400, detail)
        if length is None or length == 0:
            if _has_none(environ):
                return self.app(environ, start_response)
        elif length > self.size:
            page = refuse("BodyLimit", environ, start_response, 413, _detail(self.size))
            return self._lingering(page, environ, length)
        counted = AnnouncedInput(environ["wsgi.input"], self.size, length or 0)
        body = _Exchange(environ, start_response, counted).through(self.app)
        return self._watching(body, environ, counted) if self.linger else body

    def _lingering(self, page: list[bytes], environ: WSGIEnvironment, length: int) -> Iterable[bytes]:
        # Who expects a 100 has sent nothing yet, and to read would ask for it.
        if not self.linger or "HTTP_EXPECT" in environ:
            return page
        return watched(page, environ, lambda _: _drop(environ["wsgi.input"], min(self.linger, length)))[1]

    def _watching(
        self, body: Iterable[bytes], environ: WSGIEnvironment, counted: AnnouncedInput
    ) -> Iterable[bytes]:
        if not environ.get("wsgi.input_terminated"):  # a read beyond its end may wait for ever
            return body
        return watched(body, environ, lambda _: counted.drop(self.linger))[1]


def _has_none(environ: WSGIEnvironment) -> bool:
    """Whether there is no body for certain: over HTTP/2 and 3 one may come without an announcement."""
    return (
        environ.get("REQUEST_METHOD") in _BODILESS
        and "HTTP_TRANSFER_ENCODING" not in environ
        and environ.get("SERVER_PROTOCOL", "HTTP/1.1").startswith("HTTP/1")
    )


def _drop(source: InputStream, most: int) -> None:
    """Read up to so many bytes, for as long as they come."""
    until = monotonic() + _LONGEST
    with suppress(Exception):  # the client has left, or the server lets nobody read any more
        while most > 0 and monotonic() < until and (part := source.read(min(most, BLOCK))):
            most -= len(part)


def _detail(size: int) -> str:
    return f"The request body may have {size} bytes at most."


class AnnouncedInput(CappedInput):
    """A body that is refused beyond ``cap`` bytes; up to its announced length, no more than that is asked for.

    Reading ahead for a line must not ask the server for more: wsgiref and werkzeug wait for it for ever.
    """

    def __init__(self, source: InputStream, cap: int, length: int) -> None:
        super().__init__(source, cap)
        self._length = length

    @property
    def over(self) -> bool:
        """Whether more has come than is allowed."""
        return self.count > self.cap

    def drop(self, most: int) -> None:
        """Where more has come than is allowed, read up to ``most`` bytes of the rest as well."""
        if self.over:
            _drop(self._source, most)

    def _pull(self, size: int) -> bytes:
        left = self._length - self.count
        return super()._pull(min(size, left) if left > 0 else size)


class _Exchange:
    """One request whose body is counted, and its answer until it is certain that this is no 413."""

    __slots__ = ("_environ", "_input", "_start_response", "_started", "_status")

    def __init__(
        self, environ: WSGIEnvironment, start_response: StartResponse, counted: AnnouncedInput
    ) -> None:
        self._environ = environ
        self._start_response = start_response
        self._input = counted
        self._started = False
        self._status = ""

    def through(self, app: WSGIApplication) -> Iterable[bytes]:
        inner = child(self._environ, **{"wsgi.input": self._input})
        try:
            # The flight holds the head until the call has returned: after a second one gunicorn would send both.
            body = Flight(inner, self.start_response, self.decide).through(app)
        except Exception as error:
            return self.refuse(error)
        if hasattr(type(body), "__len__") or wrapped_file(body, inner.get("wsgi.file_wrapper")) is not None:
            return body  # it is complete, and reads nothing any more
        return _GuardedBody(self, body)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The server's own; it is known from here on what it was given."""
        self._started = True
        if exc_info:
            try:
                return self._start_response(status, headers, exc_info)
            finally:
                exc_info = None  # a traceback that holds its own frame would keep the request alive
        return self._start_response(status, headers)

    def decide(self, flight: Flight) -> None:
        """The flight's head may go, unless the limit was passed: also where the app has caught the error."""
        self._status = flight.status
        self.check()

    def check(self) -> None:
        """No answer but a 413 will do once the limit was passed."""
        if self._input.over and self._status and not self._status.startswith("413"):
            raise TooLarge(_detail(self._input.cap))

    def refuse(self, error: Exception) -> list[bytes]:
        """Answer 413 if the limit was passed, and raise the error again if not, or if it is too late for that."""
        if not self._input.over:
            raise error
        start = self._start_response
        if self._started:  # with bytes out already the server raises the error again (PEP 3333)
            start = self._restart((type(error), error, error.__traceback__))
        return refuse("BodyLimit", self._environ, start, 413, _detail(self._input.cap))

    def _restart(self, exc_info: Any) -> StartResponse:
        def restart(
            status: str, headers: list[tuple[str, str]], _: Any = None, /
        ) -> Callable[[bytes], object]:
            return self._start_response(status, headers, exc_info)

        return restart


class _GuardedBody(Wrapper):
    """The app's body, which may still read the request's: a 413 comes in its place while no byte is out."""

    __slots__ = ("_begun", "_body", "_exchange", "_iterator")

    def __init__(self, exchange: _Exchange, body: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._body: Iterable[bytes] | None = body
        # Late, as a body's __iter__ may read the request as well.
        self._iterator: Iterator[bytes] = chain.from_iterable((body,))
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._begun:
            return next(self._iterator)
        try:
            chunk = next(self._iterator, None)
            self._exchange.check()
        except Exception as error:
            self._iterator = iter(self._exchange.refuse(error))
            self._begun = True
            return next(self._iterator)
        if chunk is None:
            raise StopIteration
        self._begun = bool(chunk)
        return chunk

    def close(self) -> None:
        """Close the app's body, once."""
        body, self._body = self._body, None
        close(body)
