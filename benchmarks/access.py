"""TrustedProxies beside werkzeug's ProxyFix, AccessLog beside Paste's TransLogger: ``python benchmarks/access.py``.

Both log layers write to stderr as they come, and stderr is /dev/null here. What counts is what a layer adds
to the bare app.
"""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING, Any

from paste.translogger import TransLogger
from rounds import BROWSER, minima, request
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgikit import AccessLog, RequestId, TrustedProxies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PLAIN = {**BROWSER, "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd"}
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


def anew(app: Any) -> Callable[..., Iterable[bytes]]:
    """Asks ``app`` for another page as another client each time: what a layer remembers does not help it then."""
    numbers = count()

    def ask(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        number = next(numbers)
        environ["QUERY_STRING"] = f"page={number}"
        environ["HTTP_X_FORWARDED_FOR"] = f"203.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        answer: Iterable[bytes] = app(environ, start_response)
        return answer

    return ask


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
    ("all new: the bare app", anew(page), FORWARDED, ""),
    ("... ProxyFix", anew(ProxyFix(page, 1, 1, 1, 1, 1)), FORWARDED, ""),
    ("... TrustedProxies", anew(TrustedProxies(page, "private")), FORWARDED, "... ProxyFix"),
    ("... TransLogger", anew(TransLogger(page, setup_console_handler=False)), FORWARDED, ""),
    ("... AccessLog combined", anew(AccessLog(page)), FORWARDED, "... TransLogger"),
    ("... AccessLog json", anew(AccessLog(page, "json")), FORWARDED, "... TransLogger"),
    ("RequestId", RequestId(page), PLAIN, ""),
]


def main() -> None:
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    best = minima({name: request(app, environ) for name, app, environ, _peer in CASES})
    added = {
        name: spent - best["all new: the bare app" if name.startswith("...") else "the bare app"]
        for name, spent in best.items()
    }
    print(f"{'':38}{'us added':>10}{'of the peer':>14}")
    for name, _app, _environ, peer in CASES[1:]:
        ratio = f"{added[name] / added[peer]:.2f}x" if peer else ""
        print(f"{name:38}{added[name]:10.2f}{ratio:>14}")


if __name__ == "__main__":
    main()
