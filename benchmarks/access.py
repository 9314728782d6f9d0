"""TrustedProxies beside werkzeug's ProxyFix, AccessLog beside Paste's TransLogger: ``python benchmarks/access.py``.

Both log layers write to stderr as they come, and stderr is /dev/null here. What counts is what a layer adds
to the bare app. Minima of many short rounds taken in turn, so that a slow moment of the machine hits all alike.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from paste.translogger import TransLogger
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgikit import AccessLog, RequestId, TrustedProxies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROUNDS, CALLS = 80, 400

PLAIN: dict[str, Any] = {
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
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
    "HTTP_COOKIE": "session=0123456789abcdef",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": sys.stdin.buffer,
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
FORWARDED = {
    **PLAIN,
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "shop.example",
    "HTTP_X_FORWARDED_PORT": "443",
}


def page(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


# Name, app, request, and the name of the peer that it is measured against.
CASES: list[tuple[str, Any, dict[str, Any], str]] = [
    ("the bare app", page, PLAIN, ""),
    ("werkzeug ProxyFix, all five headers", ProxyFix(page, 1, 1, 1, 1, 1), FORWARDED, ""),
    ("TrustedProxies", TrustedProxies(page, "private"), FORWARDED, "werkzeug ProxyFix, all five headers"),
    ("TrustedProxies, nothing forwarded", TrustedProxies(page, "private"), PLAIN, ""),
    ("paste TransLogger", TransLogger(page), PLAIN, ""),
    ("AccessLog combined", AccessLog(page), PLAIN, "paste TransLogger"),
    ("AccessLog json", AccessLog(page, "json"), PLAIN, "paste TransLogger"),
    ("AccessLog logfmt", AccessLog(page, "logfmt"), PLAIN, "paste TransLogger"),
    ("AccessLog combined, queue=1000", AccessLog(page, queue=1000, to=len), PLAIN, "paste TransLogger"),
    ("RequestId", RequestId(page), PLAIN, ""),
]


def start_response(
    status: str, headers: list[tuple[str, str]], exc_info: Any = None
) -> Callable[[bytes], None]:
    return print


def once(app: Any, environ: dict[str, Any]) -> float:
    """Seconds for one request, as a server makes it: a fresh environ, the body iterated and closed."""
    begin = perf_counter()
    for _ in range(CALLS):
        body = app(environ.copy(), start_response)
        for _chunk in body:
            pass
        close = getattr(body, "close", None)
        if close is not None:
            close()
    return (perf_counter() - begin) / CALLS


def main() -> None:
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    best = {name: float("inf") for name, *_ in CASES}
    for _ in range(ROUNDS):
        for name, app, environ, _peer in CASES:
            best[name] = min(best[name], once(app, environ))
    added = {name: (spent - best["the bare app"]) * 1e6 for name, spent in best.items()}
    print(f"{'':38}{'us added':>10}{'of the peer':>14}")
    for name, _app, _environ, peer in CASES[1:]:
        ratio = f"{added[name] / added[peer]:.2f}x" if peer else ""
        print(f"{name:38}{added[name]:10.2f}{ratio:>14}")


if __name__ == "__main__":
    main()
