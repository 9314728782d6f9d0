"""What each layer costs a request, in microseconds, beside the bare app: ``python benchmarks/layers.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rounds import BROWSER, minima, request
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgikit import AccessLog, Compress, Headers, Mount, RequestId, Route, Router, Stack, TrustedProxies
from wsgikit.core.middleware import Layer

PAGE = b"<!doctype html><title>page</title>" + b"<p>some text that stands in a page" * 20
HEAD = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]
ENVIRON = {
    **BROWSER,
    "HTTP_HOST": "shop.example",
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
    "HTTP_X_FORWARDED_PROTO": "https",
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


def main() -> None:
    best = minima({name: request(app, ENVIRON) for name, app in APPS.items()})
    bare = best["the bare app"]
    print(f"{'':34}{'us a request':>14}{'us added':>12}")
    for name, spent in best.items():
        print(f"{name:34}{spent:14.2f}{spent - bare:12.2f}")


if __name__ == "__main__":
    main()
