"""What the benchmarks share: a browser's request, made as a server makes it, and minima of rounds taken in turn.

Many short rounds, one contestant after the other, so that a slow moment of the machine hits all alike; the least
of them is what the code costs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

BROWSER: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/shop/items/7",
    "QUERY_STRING": "page=2",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "10.0.0.7",
    "REMOTE_PORT": "51234",
    "HTTP_HOST": "127.0.0.1:8000",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "HTTP_REFERER": "https://shop.example/",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.5",
    "HTTP_COOKIE": "session=0123456789abcdef",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": sys.stdin.buffer,
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def request(app: Any, environ: dict[str, Any]) -> Callable[[], None]:
    """A call that makes one request as a server does: a fresh environ, the body iterated and closed."""

    def once() -> None:
        body = app(environ.copy(), start_response)
        for _chunk in body:
            pass
        close = getattr(body, "close", None)
        if close is not None:
            close()

    return once


def start_response(
    status: str, headers: list[tuple[str, str]], exc_info: Any = None
) -> Callable[[bytes], None]:
    return print


def minima(cases: dict[str, Callable[[], None]], *, rounds: int = 80, calls: int = 400) -> dict[str, float]:
    """Microseconds of one call of each case, the least of ``rounds`` rounds of ``calls`` calls."""
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(rounds):
        for name, once in cases.items():
            begin = perf_counter()
            for _ in range(calls):
                once()
            best[name] = min(best[name], (perf_counter() - begin) / calls * 1e6)
    return best
