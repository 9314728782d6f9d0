"""Middleware written as a generator inside every layer: whatever becomes of the answer, the app's body is closed.

A generator that is closed before it was started runs no ``finally``, and the ``close()`` of what it stands around is
lost: database connections stay open, spans never end. OpenTelemetry's middleware is one of many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from tests.conformance.test_matrix import LAYERS, bare
from wsgikit import Cascade, Router
from wsgikit.testing import call

ASKINGS: list[dict[str, str]] = [
    {},
    {"If-None-Match": '"one"'},
    {"If-Match": '"two"'},
    {"Range": "bytes=10-19"},
    {"Range": "bytes=0-0,-5"},
    {"Range": "bytes=50000-"},
    {"Accept-Encoding": "gzip"},
    {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"},
]


class Counting:
    """An app that counts its bodies, and those of them that were closed; its answers come in every status."""

    def __init__(self) -> None:
        self.made = self.closed = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status = environ["PATH_INFO"].lstrip("/") or "200 OK"
        start_response(
            status,
            [
                ("Content-Type", "text/html; charset=utf-8"),
                ("ETag", '"one"'),
                ("Cache-Control", "max-age=60"),
            ],
        )
        self.made += 1
        return Body(self)


class Body:
    def __init__(self, app: Counting) -> None:
        self._app = app

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"<p>a page</p>\n" * 50] * 2)

    def close(self) -> None:
        self._app.closed += 1


def as_generator(app: WSGIApplication) -> WSGIApplication:
    """What closes in a ``finally``, as the field does."""

    def finishing(body: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from body
        finally:
            body.close()  # type: ignore[attr-defined]

    return lambda environ, start_response: finishing(app(environ, start_response))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_body_is_closed_inside_a_layer(name: str, method: str) -> None:
    for outer in ("AccessLog", "Head", "ConditionalGet", "ErrorPages"):
        app = Counting()
        stack = bare(outer)(bare(name)(as_generator(app)))
        for headers in ASKINGS:
            for status in ("200 OK", "204 No Content", "404 Not Found", "500 Internal Server Error"):
                call(stack, method, "/" + status.replace(" ", "%20"), headers=headers)
                assert app.closed == app.made, (outer, headers, status)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_body_is_closed_inside_a_cascade(method: str) -> None:
    app = Counting()
    cascade = Cascade(as_generator(app), as_generator(app), Router([]))
    call(cascade, method, "/404%20Not%20Found")
    assert (app.made, app.closed) == (2, 2)
