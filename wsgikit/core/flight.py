"""One response between the app and the server, for layers that change bodies.

The head is held back until a decision about it can be made, which PEP 3333 makes a small machine:

    waiting --start_response--> held --decide--> committed --first byte--> flying

- A held head may be replaced freely: a second ``start_response`` with ``exc_info`` decides anew, and the
  server never hears of the first one (gunicorn, cheroot and a2wsgi mix up the two).
- The decision falls before the app's call returns whenever the head is known by then, because
  Granian and mod_python lose a head that arrives later. A lazy app (a generator that calls
  ``start_response`` when first pulled) is decided at its first chunk, and ``write()`` decides at once.
- A committed head may still be replaced with ``exc_info``: it is decided anew, and the server says whether
  it is in time. What the filter still held belonged to the answer that was withdrawn.
- After the first byte, ``exc_info`` is raised again, as the PEP asks.
- A body that broke off is never finished: a well-formed end would make it look whole.

A layer gives the decision, a function of the flight that may change ``status`` and ``headers`` and
gives a ``Filter`` for the body, or None to leave it alone:

    return Flight(environ, start_response, self.decide).through(self.app)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from wsgikit.core.body import Wrapper, close, discard
from wsgikit.core.headers import get, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    Decide = Callable[["Flight"], "Filter | None"]

# RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5; 1xx are not an app's to send.
_WITHOUT_CONTENT = ("204", "205", "304")


class Filter(Protocol):
    """What changes a body: bytes in, bytes out, in order; ``b""`` when a chunk gives nothing yet."""

    def feed(self, chunk: bytes, /) -> bytes:
        """What goes out for one chunk of the app's."""

    def finish(self) -> bytes:
        """What is left when the app's body has ended well; not called for a body that broke off."""

    def close(self) -> None:
        """Give back what the filter holds, however the body ended."""


class Flight:
    """One response on its way out, its head held until ``decide`` has seen it.

    ``status`` and ``headers`` are the app's head (a list of this flight's own, to change freely), and
    ``body`` its iterable, None while that is not known: the app is still running and has called ``write()``.
    ``reachable`` is False once the app's own body was given to the server: a head that is decided anew cannot
    change it any more.
    """

    __slots__ = (
        "_committed",
        "_decide",
        "_filter",
        "_flying",
        "_head_only",
        "_start",
        "_write",
        "body",
        "environ",
        "headers",
        "reachable",
        "status",
    )

    headers: list[tuple[str, str]]  # from the app's start_response() on
    _write: Callable[[bytes], object]  # the server's, once the head is committed

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse, decide: Decide) -> None:
        self.environ = environ
        self._start = start_response
        self._decide = decide
        self._head_only = environ.get("REQUEST_METHOD") == "HEAD"  # now: an app may edit its environ
        self._filter: Filter | None = None
        self._committed = False
        self._flying = False
        self.reachable = True
        self.body: Iterable[bytes] | None = None
        self.status = ""

    def through(self, app: WSGIApplication) -> Iterable[bytes]:
        """Call the app, and give the body for the server."""
        try:
            body = app(self.environ, self.start_response)
        except BaseException:
            self.close_filter()  # write() may have opened it
            raise
        return self.carry(body)

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

    def write(self, chunk: bytes, /) -> None:
        """The app's ``write()``: its bytes go through the same filter, ahead of the iterable's."""
        out = self.pass_on(chunk)
        if out or self._filter is None:  # write(b"") sends the head on some servers
            self._write(out)

    def carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body to give to the server: the app's own object if nothing has to change in it."""
        self.body = body
        try:
            if self.status and not self._committed:
                whole = self._commit()
                if whole is not None:
                    return whole
        except BaseException:
            _close_both(self, body)
            raise
        if self._committed and self._filter is None:
            self.reachable = False
            return body
        # A body of which nothing is sent is not asked for either; it is closed when the server closes.
        return FlightBody(self, body, ended=self._filter is NOTHING)

    @property
    def whole(self) -> bool:
        """Whether the body is already in memory as a list or tuple."""
        return type(self.body) in (list, tuple)

    @property
    def bodiless(self) -> bool:
        """Whether the answer has no content, whatever the app gives: to HEAD, and with 204, 205 and 304.

        The head is decided as ever; a filter is not fed then, and the app's body is left out, closed unread.
        """
        return self._head_only or self.status[:3] in _WITHOUT_CONTENT

    def length(self) -> int | None:
        """The content's length where it is known: from a list of chunks, or from Content-Length."""
        if self.whole and not self.bodiless:
            return sum(map(len, self.body or ()))
        declared = get(self.headers, "content-length")
        return int(declared) if declared is not None and declared.isascii() and declared.isdigit() else None

    def close_filter(self) -> None:
        """Close the filter, once."""
        used, self._filter = self._filter, None
        if used is not None:
            used.close()

    # What follows is for the body that carries on, below.

    def pass_on(self, chunk: bytes) -> bytes:
        """What goes out for one chunk of the app's; the head is passed on before the first."""
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
        if self.status and not self._committed:
            self._commit()
        out = self._filter.finish() if self._filter else b""
        self.close_filter()
        return out

    def _commit(self) -> list[bytes] | None:
        """Decide, and pass the head on. A body already in memory is filtered at once, its length known."""
        chosen = self._filter = self._decide(self)
        try:
            whole = None if chosen is None else self._engage(chosen)
            self._write = self._start(self.status, self.headers)
        except BaseException:
            self.close_filter()
            raise
        self._committed = True
        return whole

    def _engage(self, chosen: Filter) -> list[bytes] | None:
        """Make ready to filter; the whole content if it is at hand."""
        if self.bodiless:
            self.close_filter()
            self._filter = NOTHING
            return [] if self.whole else None
        if not self.whole:
            return None
        out = [chosen.feed(chunk) for chunk in self.body or ()]
        out.append(chosen.finish())
        self.close_filter()
        content = b"".join(out)
        self.headers = replaced(self.headers, "Content-Length", str(len(content)))
        return [content]

    def _recommit(self, status: str, headers: list[tuple[str, str]], exc_info: Any) -> None:
        """A new head after the first one was passed on: the server says whether it is in time."""
        self.close_filter()
        self.status, self.headers = status, list(headers)
        chosen = self._filter = self._decide(self)
        if chosen is not None and self.reachable:
            self._engage(chosen)
        elif chosen is not None:
            self.close_filter()
            self.headers = list(headers)
        self._write = self._start(self.status, self.headers, exc_info)


class FlightBody(Wrapper):
    """The app's body on its way through a flight: one item out for one item in, then what was left."""

    __slots__ = ("_body", "_close", "_done", "_flight", "_next")

    def __init__(self, flight: Flight, body: Iterable[bytes], *, ended: bool = False) -> None:
        self._flight = flight
        self._body: Iterable[bytes] | None = body
        self._next: Callable[[], bytes] | None = None
        self._done = ended
        self._close = discard if ended else close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._done:
            raise StopIteration
        try:
            if self._next is None:
                self._next = iter(self._body or ()).__next__
            chunk = self._next()
        except StopIteration:
            self._done = True
            rest = self._flight.land()
            if rest:
                return rest
            raise
        except BaseException:
            self._break_off()
            raise
        try:
            return self._flight.pass_on(chunk)
        except BaseException:
            self._break_off()
            raise

    def _break_off(self) -> None:
        """A server that asks for more after an error gets nothing, and above all no well-formed end."""
        self._done = True
        self._flight.close_filter()

    def close(self) -> None:
        """Close the filter, then the app's body, once."""
        body, self._body = self._body, None
        self._done = True
        if body is not None:
            _close_both(self._flight, body, self._close)


def _close_both(
    flight: Flight, body: Iterable[bytes], closing: Callable[[Iterable[bytes]], None] = close
) -> None:
    try:
        flight.close_filter()
    finally:
        closing(body)


class Nothing:
    """The filter of an answer without content: it lets no byte through."""

    def feed(self, chunk: bytes, /) -> bytes:
        return b""

    def finish(self) -> bytes:
        return b""

    def close(self) -> None:
        """There is nothing to give back."""


NOTHING = Nothing()
"""The filter for a layer that leaves the whole body out."""
