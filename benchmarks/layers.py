"""What each layer costs a request, in microseconds, beside the bare app: ``python benchmarks/layers.py``.

Minima of many short rounds taken in turn, so that a slow moment of the machine hits all alike.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from wsgikit import AccessLog, Compress, Headers, Mount, RequestId, Route, Router, Stack, TrustedProxies
from wsgikit.core.middleware import Layer

ROUNDS, CALLS = 60, 500

PAGE = b"<!doctype html><title>page</title>" + b"<p>some text that stands in a page" * 20
HEAD = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]
ENVIRON: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/shop/items/7",
    "QUERY_STRING": "page=2",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "10.0.0.7",
    "REMOTE_PORT": "51234",
    "HTTP_HOST": "shop.example",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.5",
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_COOKIE": "session=0123456789abcdef",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": sys.stdin.buffer,
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def page(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", list(HEAD))
    return [PAGE]


def sink(line: str) -> None:
    """A log that costs nothing itself."""


def whole_stack() -> Stack:
    return Stack(
        Layer(AccessLog, "combined", to=sink),
        Layer(TrustedProxies, ["private"]),
        Layer(RequestId),
        Layer(Headers, default={"X-Content-Type-Options": "nosniff"}),
        Layer(Compress),
    )


SHOP = Router([Route("/shop/items/<int:number>", page), Route("/shop/", page), Route("/about", page)])

APPS: dict[str, Any] = {
    "the bare app": page,
    "Headers(default=...)": Headers(page, default={"X-Content-Type-Options": "nosniff"}),
    "Compress, client takes nothing": Compress(page),
    "RequestId": RequestId(page),
    "TrustedProxies": TrustedProxies(page, ["private"]),
    "werkzeug ProxyFix": ProxyFix(page, x_for=1, x_proto=1),
    "AccessLog combined": AccessLog(page, "combined", to=sink),
    "AccessLog json": AccessLog(page, "json", to=sink),
    "Mount, 3 mounts": Mount({"/": page, "/shop": page, "/blog": page}),
    "Router, 3 routes": SHOP,
    "all of them": whole_stack()(Mount({"/": SHOP, "/blog": page})),
}


def start_response(
    status: str, headers: list[tuple[str, str]], exc_info: Any = None
) -> Callable[[bytes], None]:
    return print


def once(app: Any) -> float:
    """Seconds for one request, as a server makes it: a fresh environ, the body iterated and closed."""
    begin = perf_counter()
    for _ in range(CALLS):
        body = app(ENVIRON.copy(), start_response)
        for _chunk in body:
            pass
        close = getattr(body, "close", None)
        if close is not None:
            close()
    return (perf_counter() - begin) / CALLS


def main() -> None:
    best = dict.fromkeys(APPS, float("inf"))
    for _ in range(ROUNDS):
        for name, app in APPS.items():
            best[name] = min(best[name], once(app))
    bare = best["the bare app"]
    print(f"{'':34}{'us a request':>14}{'us added':>12}")
    for name, spent in best.items():
        print(f"{name:34}{spent * 1e6:14.2f}{(spent - bare) * 1e6:12.2f}")


if __name__ == "__main__":
    main()
