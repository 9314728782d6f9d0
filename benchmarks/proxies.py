"""The proxies that run side by side, each made of the URLs of its backends; peers take the first of them.

``uwsgi --module proxies`` serves the one that the environment variable PROXY names, before those in BACKENDS.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import urllib3
from paste.proxy import Proxy
from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.wsgi import ClosingIterator, get_input_stream
from wsgiproxy import HostProxy

from wsgikit import CircuitBreaker, HealthCheck, PassiveHealth, Retry, ReverseProxy, Sticky
from wsgikit.http.hop import HOP_BY_HOP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class PoolProxy:
    """A proxy as one writes it over urllib3: a pool, both bodies streamed, connection fields left out."""

    def __init__(self, url: str) -> None:
        timeout = urllib3.Timeout(connect=5.0, read=60.0)
        self._pool = urllib3.connection_from_url(url, maxsize=32, timeout=timeout, retries=False)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        target = quote(environ["PATH_INFO"].encode("latin-1"), safe="/-._~!$&'()*+,;=:@")
        if environ["QUERY_STRING"]:
            target += f"?{environ['QUERY_STRING']}"
        answer = self._pool.urlopen(
            environ["REQUEST_METHOD"],
            target,
            body=get_input_stream(environ) if environ.get("CONTENT_LENGTH") else None,
            headers=_fields(environ),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason}", headers)
        return ClosingIterator(answer.stream(65536, decode_content=False), answer.release_conn)


def _fields(environ: WSGIEnvironment) -> dict[str, str]:
    fields = {}
    for key, value in environ.items():
        if key.startswith("HTTP_") and key != "HTTP_HOST":
            name = key[5:].replace("_", "-").title()
            if name.lower() not in HOP_BY_HOP:
                fields[name] = value
    for key, name in (("CONTENT_TYPE", "Content-Type"), ("CONTENT_LENGTH", "Content-Length")):
        if environ.get(key):
            fields[name] = environ[key]
    fields["X-Forwarded-For"] = environ["REMOTE_ADDR"]
    return fields


def everything(urls: list[str]) -> ReverseProxy:
    """All that ReverseProxy does for a request, switched on."""
    return ReverseProxy(
        urls,
        policy="least_conn",
        retry=Retry(),
        passive=PassiveHealth(),
        breaker=CircuitBreaker(),
        health=HealthCheck(),
        sticky=Sticky("backend", secret="not a secret, this is a benchmark"),
        max_connections=64,
        max_waiting=64,
        total_timeout=30.0,
    )


def hello(environ: Any, start_response: Any) -> list[bytes]:
    """What the server itself costs: no proxy at all."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


EVERYTHING = "ReverseProxy, everything on"
PROXIES: dict[str, Callable[[list[str]], WSGIApplication]] = {
    "ReverseProxy, one backend": lambda urls: ReverseProxy(urls[0]),
    "ReverseProxy, least_conn of two": lambda urls: ReverseProxy(urls, policy="least_conn"),
    EVERYTHING: everything,
    "WSGIProxy2, http.client": lambda urls: HostProxy(urls[0]),
    "WSGIProxy2, urllib3": lambda urls: HostProxy(urls[0], client="urllib3"),
    "urllib3 by hand": lambda urls: PoolProxy(urls[0]),
    "Paste Proxy": lambda urls: Proxy(urls[0]),
    "Werkzeug ProxyMiddleware": lambda urls: ProxyMiddleware(hello, {"/shop": {"target": urls[0]}}),
}

if "PROXY" in os.environ:
    application = {**PROXIES, "no proxy": lambda urls: hello}[os.environ["PROXY"]](
        os.environ["BACKENDS"].split()
    )
