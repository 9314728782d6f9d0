"""What the layers that change heads cost a request, in microseconds: ``python benchmarks/heads.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rounds import BROWSER, minima, request

from wsgikit.responses.errors.catcherrors import CatchErrors
from wsgikit.responses.errors.errorpages import ErrorPages
from wsgikit.responses.heads.cors import CORS
from wsgikit.responses.heads.security import SecurityHeaders
from wsgikit.responses.heads.servertiming import ServerTiming

PAGE = b"<!doctype html><title>page</title>"
HEAD = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(PAGE))),
    ("Set-Cookie", "a=1"),
]
SHOP = "https://shop.example"
ASKED = {**BROWSER, "HTTP_ORIGIN": SHOP}
PREFLIGHT = {**ASKED, "REQUEST_METHOD": "OPTIONS", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"}


def page(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", list(HEAD))
    return [PAGE]


def stream(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", list(HEAD))
    return iter([PAGE])


def missing(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("404 Not Found", list(HEAD))
    return [PAGE]


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "the bare app": (page, BROWSER),
    "SecurityHeaders, api": (SecurityHeaders(page, preset="api"), BROWSER),
    "SecurityHeaders, strict, with a nonce": (SecurityHeaders(page), BROWSER),
    "CORS, everybody": (CORS(page, origins="*"), BROWSER),
    "CORS, no Origin": (CORS(page, origins=SHOP), BROWSER),
    "CORS, an origin": (CORS(page, origins=SHOP), ASKED),
    "CORS, an origin by pattern": (CORS(page, origins="https://*.example"), ASKED),
    "CORS, a preflight": (CORS(page, origins=SHOP, methods=["PUT"]), PREFLIGHT),
    "ServerTiming, when= does not hold": (ServerTiming(page, when=lambda environ: False), BROWSER),
    "ServerTiming": (ServerTiming(page), BROWSER),
    "ErrorPages, 200": (ErrorPages(page, {404: page}), BROWSER),
    "ErrorPages, 404": (ErrorPages(missing, {404: page}), BROWSER),
    "CatchErrors, a list": (CatchErrors(page), BROWSER),
    "CatchErrors, an iterator": (CatchErrors(stream), BROWSER),
}


def main() -> None:
    best = minima({name: request(app, environ) for name, (app, environ) in CASES.items()})
    bare = best["the bare app"]
    print(f"{'':40}{'us a request':>14}{'us added':>12}")
    for name, spent in best.items():
        print(f"{name:40}{spent:14.2f}{spent - bare:12.2f}")


if __name__ == "__main__":
    main()
