"""Answers that are over before the app's body is: what is left of it is not asked for, only closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.flight import NOTHING, Flight, FlightBody
from wsgikit.core.reply import reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgikit.core.flight import Filter
    from wsgikit.core.headers import Headers

# What is said of the app's representation, and so not of a refusal to send it. A lifetime above all: a cache would
# give the refusal to clients that asked for nothing special.
_OF_THE_CONTENT = frozenset(
    {
        "accept-ranges",
        "age",
        "cache-control",
        "digest",
        "etag",
        "expires",
        "last-modified",
        "repr-digest",
    }
)


class EarlyFlight(Flight):
    """A flight whose filter sets ``over`` when it wants no more of the app's body.

    ``request`` is the environ as it came: an app may edit its own.
    """

    __slots__ = ("over", "request")

    def __init__(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        decide: Callable[[Any], Filter | None],  # given this flight, of whichever class
    ) -> None:
        super().__init__(environ, start_response, decide)
        self.request = environ.copy()
        self.over = False

    def carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body to give to the server: the app's own object if nothing has to change in it."""
        carried = super().carry(body)
        if type(carried) is FlightBody:
            return _EarlyBody(self, body, ended=self._filter is NOTHING)
        return carried


class _EarlyBody(FlightBody):
    __slots__ = ()

    _flight: EarlyFlight

    def __next__(self) -> bytes:
        chunk = super().__next__()
        if self._flight.over:
            self._done = True
        return chunk


class Refusal:
    """The filter that puts a refusal in the place of the app's body; it changes the head of ``flight`` to suit."""

    __slots__ = ("_content", "_flight")

    def __init__(
        self, flight: EarlyFlight, status: int, detail: str, *, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        head: list[tuple[str, Headers]] = []

        def start(line: str, own: Headers, exc_info: object = None, /) -> Callable[[bytes], object]:
            head.append((line, own))
            return _unwritten

        content = reply(flight.request, start, status, detail, headers=headers)
        flight.status, own = head[0]
        flight.headers = [pair for pair in flight.headers if not _of_the_content(pair[0].lower())] + own
        self._content = b"".join(content)
        self._flight = flight

    def feed(self, chunk: bytes, /) -> bytes:
        """The refusal, for the first chunk."""
        self._flight.over = True
        return self.finish()

    def finish(self) -> bytes:
        """The refusal, if there was no chunk."""
        content, self._content = self._content, b""
        return content

    def close(self) -> None:
        """There is nothing to give back."""


def _of_the_content(field: str) -> bool:
    return field.startswith("content-") or field in _OF_THE_CONTENT


def _unwritten(chunk: bytes, /) -> None:
    """The ``write()`` of an answer that is collected; nobody calls it."""
