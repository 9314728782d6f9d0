"""A backend's answer on its way to the client."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from wsgikit.forwarding import events
from wsgikit.forwarding.errors import ForwardingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIEnvironment

    from wsgikit.forwarding.exchange import Exchange


class AnswerBody:
    """The body of a backend's answer, handed on as it comes; its connection is given back at the end."""

    __slots__ = ("_environ", "_exchange", "_started")

    def __init__(self, exchange: Exchange, environ: WSGIEnvironment, started: float) -> None:
        self._exchange = exchange
        self._environ = environ
        self._started = started

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = self._exchange.read()
        except ForwardingError as error:
            self._environ["wsgikit.notes"]["upstream_error"] = error.kind
            self.close()
            events.refused(self._environ, self._exchange.backend.url, error, "the answer broke off")
            raise
        if piece:
            return piece
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Give the connection back, or drop it if the client left before the end."""
        if not self._exchange.over:
            self._environ["wsgikit.notes"]["upstream_time"] = perf_counter() - self._started
            self._exchange.end()
