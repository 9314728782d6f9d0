"""One response between the app and the server, for layers that change bodies.

The head is held back until a decision about it can be made, which PEP 3333 makes a small machine:

    waiting --start_response--> held --decide--> committed --first byte--> flying

- A held head may be replaced freely: a second ``start_response`` with ``exc_info`` decides anew, and the
  server never hears of the first one (gunicorn, cheroot and a2wsgi mix up the two).
- The decision falls before the app's call returns whenever the head is known by then, because
  Granian and mod_python lose a head that arrives later. A lazy app (a generator that calls
  ``start_response`` when first pulled) is decided at its first chunk, and ``write()`` decides at once.
- After the first byte, ``exc_info`` is raised again, as the PEP asks.

A layer gives the decision, a function of the flight that may change ``status`` and ``headers`` and
gives a ``Filter`` for the body, or None to leave it alone:

    flight = Flight(environ, start_response, self.decide)
    return flight.carry(self.app(environ, flight.start_response))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from wsgikit.core.body import close
from wsgikit.core.headers import get, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    Decide = Callable[["Flight"], "Filter | None"]


class Filter(Protocol):
    """What changes a body: bytes in, bytes out, in order; ``b""`` when a chunk gives nothing yet."""

    def feed(self, chunk: bytes) -> bytes:
        """What goes out for one chunk of the app's."""

    def finish(self) -> bytes:
        """What is left when the app's body has ended well; not called for a body that broke off."""

    def close(self) -> None:
        """Give back what the filter holds, however the body ended."""


class Flight:
    """One response on its way out, its head held until ``decide`` has seen it.

    ``status`` and ``headers`` are the app's head (a list of this flight's own, to change freely), and
    ``body`` its iterable, None while that is not known: the app is still running and has called ``write()``.
    """

    __slots__ = (
        "_committed",
        "_decide",
        "_filter",
        "_flying",
        "_start",
        "_write",
        "body",
        "environ",
        "headers",
        "status",
    )

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse, decide: Decide) -> None:
        self.environ = environ
        self._start = start_response
        self._decide = decide
        self._filter: Filter | None = None
        self._write: Callable[[bytes], object] | None = None
        self._committed = False
        self._flying = False
        self.body: Iterable[bytes] | None = None
        self.status = ""
        self.headers: list[tuple[str, str]] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``: keeps the head, or replaces it while no byte is out (PEP 3333)."""
        if exc_info:
            try:
                if self._flying:
                    raise exc_info[1].with_traceback(exc_info[2])
                if self._committed:
                    self._recommit(status, headers, exc_info)
                    return self.write
            finally:
                exc_info = None  # a traceback that holds its own frame would keep the request alive
        elif self.status:
            raise AssertionError("start_response() called a second time without exc_info (PEP 3333)")
        self.status = status
        self.headers = list(headers)
        return self.write

    def write(self, chunk: bytes) -> None:
        """The app's ``write()``: its bytes go through the same filter, ahead of the iterable's."""
        if not self._committed:
            self._commit()
        out = self._filter.feed(chunk) if self._filter else chunk
        if out and self._write is not None:
            self._flying = True
            self._write(out)

    def carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body to give to the server: the app's own object if nothing has to change in it."""
        try:
            self.body = body
            if self.status and not self._committed:
                whole = self._commit()
                if whole is not None:
                    return whole
            if self._committed and self._filter is None:
                return body
        except BaseException:
            self.close_filter()
            close(body)
            raise
        return FlightBody(self, body)

    @property
    def whole(self) -> bool:
        """Whether the body is already in memory as a list or tuple."""
        return type(self.body) in (list, tuple)

    def length(self) -> int | None:
        """The body's length where it is known: from a list of chunks, or from Content-Length."""
        if self.whole:
            return sum(map(len, self.body or ()))
        declared = get(self.headers, "content-length")
        return int(declared) if declared is not None and declared.isascii() and declared.isdigit() else None

    # What follows is for the body that carries on, below.

    def _commit(self) -> list[bytes] | None:
        """Decide, and pass the head on. A body already in memory is filtered at once, its length known."""
        self._filter = self._decide(self)
        whole = None
        if self._filter is not None and self.whole:
            whole = [self._apply(self.body or ())]
            self.headers = replaced(self.headers, "Content-Length", str(len(whole[0])))
        self._committed = True
        self._write = self._start(self.status, self.headers)
        return whole

    def _apply(self, chunks: Iterable[bytes]) -> bytes:
        """All of a body through the filter, which is then done."""
        used = self._filter
        assert used is not None
        out = [used.feed(chunk) for chunk in chunks]
        out.append(used.finish())
        self.close_filter()
        return b"".join(out)

    def _recommit(self, status: str, headers: list[tuple[str, str]], exc_info: Any) -> None:
        """A new head after the first one was passed on: the server decides whether it is in time.

        A body given back untouched is out of reach, and stays untouched.
        """
        self.status, self.headers = status, list(headers)
        if self._filter is not None:
            self.close_filter()
            self._filter = self._decide(self)
        self._write = self._start(self.status, self.headers, exc_info)

    def close_filter(self) -> None:
        """Close the filter, once."""
        used, self._filter = self._filter, None
        if used is not None:
            used.close()

    def pass_on(self, chunk: bytes) -> bytes:
        """One chunk of the app's iterable, committing before the first."""
        if not self._committed:
            if not self.status:
                raise AssertionError("the app gave a body before it called start_response() (PEP 3333)")
            self._commit()
        out = self._filter.feed(chunk) if self._filter else chunk
        if out:
            self._flying = True
        return out

    def land(self) -> bytes:
        """The end of the app's iterable: what the filter still held."""
        if not self._committed and self.status:
            self._commit()
        out = self._filter.finish() if self._filter else b""
        self.close_filter()
        return out


class FlightBody:
    """The app's body on its way through a flight: one item out for one item in, then what was left."""

    __slots__ = ("_body", "_flight", "_next")

    def __init__(self, flight: Flight, body: Iterable[bytes]) -> None:
        self._flight = flight
        self._body: Iterable[bytes] | None = body
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._body is None:
            raise StopIteration
        if self._next is None:
            self._next = iter(self._body).__next__
        try:
            chunk = self._next()
        except StopIteration:
            self._next = _ended
            rest = self._flight.land()
            if rest:
                return rest
            raise
        return self._flight.pass_on(chunk)

    def close(self) -> None:
        """Close the filter, then the app's body, once."""
        body, self._body = self._body, None
        if body is not None:
            try:
                self._flight.close_filter()
            finally:
                close(body)


def _ended() -> bytes:
    raise StopIteration
