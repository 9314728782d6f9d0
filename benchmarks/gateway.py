"""A whole gateway beside the one people put together from the libraries there are: ``python benchmarks/gateway.py``.

Both take the same request from a trusted proxy through the same work: the access log, the client behind the proxy, an
id for the request, a header on every answer, one of three mounted apps, one of nine routes in it. On the peers'
side that is Paste's TransLogger, Werkzeug's ProxyFix, a WebOb ``wsgify.middleware`` for the id and one for the header,
Werkzeug's DispatcherMiddleware and its ``Map``. Each layer of both is also measured alone. Logs go to /dev/null.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from paste.translogger import TransLogger
from rounds import BROWSER, minima, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Map, Rule

from wsgikit import (
    AccessLog,
    Headers,
    Layer,
    Mount,
    RequestId,
    Route,
    Router,
    Stack,
    TrustedProxies,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # WebOb wants the module cgi
    from webob import Request, Response
    from webob.dec import wsgify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ENVIRON = {
    **BROWSER,
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "shop.example",
}
RULES = (
    *("/", "/about", "/items/", "/items/<int:number>", "/items/<int:number>/edit", "/orders/"),
    *("/orders/<int:number>", "/users/<name>", "/search"),
)
NOSNIFF = ("X-Content-Type-Options", "nosniff")


def page(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


# --- the peers


@wsgify.middleware  # type: ignore[untyped-decorator]
def with_id(asked: Request, app: Any) -> Response:
    found = str(uuid4())
    asked.environ["HTTP_X_REQUEST_ID"] = found
    answer = asked.get_response(app)
    answer.headers["X-Request-Id"] = found
    return answer


@wsgify.middleware  # type: ignore[untyped-decorator]
def with_header(asked: Request, app: Any) -> Response:
    answer = asked.get_response(app)
    answer.headers.setdefault(*NOSNIFF)
    return answer


@wsgify.middleware  # type: ignore[untyped-decorator]
def with_both(asked: Request, app: Any) -> Response:
    """What one writes who counts microseconds."""
    found = str(uuid4())
    asked.environ["HTTP_X_REQUEST_ID"] = found
    answer = asked.get_response(app)
    answer.headers["X-Request-Id"] = found
    answer.headers.setdefault(*NOSNIFF)
    return answer


URLS = Map([Rule(rule, endpoint=page) for rule in RULES])


def mapped(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """What Werkzeug's tutorial makes of a Map."""
    try:
        endpoint, values = URLS.bind_to_environ(environ).match()
    except HTTPException as error:
        return error(environ, start_response)  # type: ignore[arg-type]
    environ["wsgiorg.routing_args"] = (), values
    answer: Iterable[bytes] = endpoint(environ, start_response)
    return answer


def peers(*middle: Callable[[Any], Any]) -> Any:
    app: Any = DispatcherMiddleware(page, {"/shop": mapped, "/blog": page})
    for layer in middle:
        app = layer(app)
    return TransLogger(ProxyFix(app, x_for=1, x_proto=1, x_host=1))


# --- ours

ROUTED = Router([Route(rule, page) for rule in RULES])


def ours() -> Any:
    return Stack(
        Layer(AccessLog),
        Layer(TrustedProxies, "private"),
        Layer(RequestId),
        Layer(Headers, default=dict([NOSNIFF])),
    )(Mount({"/": page, "/shop": ROUTED, "/blog": page}))


# What each part is called, ours and theirs, and what the request is when it comes to the router.
BELOW = {**ENVIRON, "SCRIPT_NAME": "/shop", "PATH_INFO": "/items/7"}
PARTS: list[tuple[str, Any, str, Any, dict[str, Any]]] = [
    ("AccessLog", AccessLog(page), "TransLogger", TransLogger(page), ENVIRON),
    ("TrustedProxies", TrustedProxies(page, "private"), "ProxyFix", ProxyFix(page, x_host=1), ENVIRON),
    ("RequestId", RequestId(page), "wsgify", with_id(page), ENVIRON),
    ("Headers", Headers(page, default=dict([NOSNIFF])), "wsgify", with_header(page), ENVIRON),
    (
        "Mount",
        Mount({"/": page, "/shop": page, "/blog": page}),
        "DispatcherMiddleware",
        DispatcherMiddleware(page, {"/shop": page, "/blog": page}),
        ENVIRON,
    ),
    ("Router", ROUTED, "Map", mapped, BELOW),
]


def main() -> None:
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    cases = {
        "page": request(page, ENVIRON),
        "ours": request(ours(), ENVIRON),
        "theirs": request(peers(with_header, with_id), ENVIRON),
        "one wsgify": request(peers(with_both), ENVIRON),
    }
    for mine, layer, theirs, peer, environ in PARTS:
        cases |= {mine: request(layer, environ), f"{mine}: {theirs}": request(peer, environ)}
    best = minima(cases, rounds=60, calls=200)
    added = {name: spent - best["page"] for name, spent in best.items()}
    print(f"{'us added':16}{'wsgikit':>10}  {'':22}{'peer':>10}{'ratio':>8}")
    for mine, _, theirs, _, _ in PARTS:
        show(mine, added[mine], theirs, added[f"{mine}: {theirs}"])
    show("together", added["ours"], "", added["theirs"])
    show("", added["ours"], "one wsgify for both", added["one wsgify"])
    show("a request", best["ours"], "", best["theirs"])


def show(mine: str, spent: float, theirs: str, spent_there: float) -> None:
    print(f"{mine:16}{spent:10.2f}  {theirs:22}{spent_there:10.2f}{spent_there / spent:7.2f}x")


if __name__ == "__main__":
    main()
