"""What ServerFix costs a request, in microseconds, by server: ``python benchmarks/serverfix.py``.

The app answers a page of 700 bytes with three headers; each server's environ is what it gives a browser's GET over TCP,
as far as a repair looks at it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Any

from rounds import BROWSER, minima, request

from wsgikit.servers.fix import ServerFix
from wsgikit.servers.plans import PLANS

PAGE = b"<p>some text that stands in a page" * 20
HEAD = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(PAGE))),
    ("Cache-Control", "no-store"),
]

LENGTHS = cycle(range(100, len(PAGE)))

RAW = [(b"host", b"shop.example"), (b"accept", b"*/*"), (b"user-agent", b"Mozilla"), (b"cookie", b"a=b")]
GIVEN: dict[str, dict[str, Any]] = {
    "wsgiref": {"CONTENT_LENGTH": "", "CONTENT_TYPE": "text/plain"},
    "werkzeug": {"REMOTE_PORT": 51234},
    "hypercorn": {"SERVER_PORT": 8000},
    "a2wsgi": {"asgi.scope": {"headers": RAW}},
    "fastwsgi": {"REMOTE_ADDR": "10.0.0.7:51234"},
    "flup": {"CONTENT_LENGTH": "", "CONTENT_TYPE": "", "DOCUMENT_URI": "/shop/items/7"},
}


def page(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", list(HEAD))
    return [PAGE]


def stream(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", list(HEAD))
    return iter([PAGE])


def measured(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """As from a template: hardly two answers are of one length."""
    body = PAGE[: next(LENGTHS)]
    start_response("200 OK", [HEAD[0], ("Content-Length", str(len(body))), HEAD[2]])
    return [body]


def frame(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    return page(environ, start_response)


def environ(server: str) -> dict[str, Any]:
    return {**BROWSER, "wsgi.input": io.BytesIO(), **GIVEN.get(server, {})}


def main() -> None:
    plain = environ("")
    cases = {"the bare app": request(page, plain), "one frame around it": request(frame, plain)}
    cases |= {server: request(ServerFix(page, server=server), environ(server)) for server in PLANS}
    cases["gunicorn, found out"] = request(ServerFix(page), {**plain, "SERVER_SOFTWARE": "gunicorn/27.0.1"})
    cases["an iterator"] = request(stream, plain)
    cases["an iterator, gunicorn"] = request(ServerFix(stream, server="gunicorn"), plain)
    cases["lengths that differ"] = request(measured, plain)
    cases["lengths that differ, gunicorn"] = request(ServerFix(measured, server="gunicorn"), plain)
    best = minima(cases)
    for name, took in best.items():
        kind = name.partition(", gunicorn")[0]
        bare = best[kind if kind in ("an iterator", "lengths that differ") else "the bare app"]
        print(f"{name:30} {took:5.2f}  {took - bare:+5.2f}")


if __name__ == "__main__":
    main()
