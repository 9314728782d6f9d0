"""A service in production: an app, a backend that is still elsewhere, and the layers around them.

README.md says what else belongs to it. What differs from host to host comes from the environment:

    RUNTIME_DIRECTORY    where the socket and the switches are (default /run/gateway; systemd sets it)
    GATEWAY_LEGACY       the backend behind /legacy (default http://127.0.0.1:9000)
    GATEWAY_REQUESTS     how many requests a worker serves (default 100000)
    GATEWAY_MIN_AGE      how old it is at least when it leaves (default 10s)
"""

import json
import os

from wsgikit import (
    AccessLog,
    BodyLimit,
    CatchErrors,
    Compress,
    ConcurrencyLimit,
    HeaderLimit,
    Health,
    Layer,
    Maintenance,
    Method,
    Metrics,
    Mount,
    Path,
    RateLimit,
    Recycle,
    RequestId,
    ReverseProxy,
    Route,
    Router,
    SecurityHeaders,
    Stack,
    Stats,
    Status,
    TrustedProxies,
    WarmUp,
    Watchdog,
)
from wsgikit.core.memory import memory

RUN = os.environ.get("RUNTIME_DIRECTORY", "/run/gateway")
NGINX = ["unix", "0.0.0.0/32"]  # a peer on a unix socket, as gunicorn shows one and as uWSGI does


def welcome(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b"<!doctype html><title>The service</title><h1>It serves</h1>" + b"<p>Welcome.</p>\n" * 100]


def whoami(environ, start_response):
    """What the app knows about who asks, and as what it was asked for."""
    told = {
        "client": environ["REMOTE_ADDR"],
        "url": f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}{environ['PATH_INFO']}",
        "request_id": environ["wsgikit.request_id"],
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


def upload(environ, start_response):
    size, left = 0, int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, 65536))):
        size += len(piece)
        left -= len(piece)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d bytes\n" % size]


def broken(environ, start_response):
    raise LookupError("as asked for")


site = Router(
    [
        Route("/", welcome),
        Route("/whoami", whoami),
        Route("/upload", upload, methods=["POST"]),
        Route("/broken", broken),
    ]
)


def log_memory(app):
    """Any function that takes an app and gives one is a layer: this one notes the process's memory for the log."""

    def noted(environ, start_response):
        environ["wsgikit.notes"]["process.memory.usage"] = memory()[1]
        return app(environ, start_response)

    return noted


stack = Stack(
    Layer(
        Recycle,
        rss="512MiB",
        requests=int(os.environ.get("GATEWAY_REQUESTS", "100000")),
        min_age=os.environ.get("GATEWAY_MIN_AGE", "10s"),
    ),
    Layer(Health, switch=f"{RUN}/drain"),
    # Who asks, and what came of it.
    Layer(AccessLog, "json", to="stdout"),
    Layer(TrustedProxies, NGINX),
    Layer(RequestId),
    log_memory,
    Layer(Watchdog, "10s"),
    # For operators on this host: uwsgitop, Prometheus, a browser.
    Layer(Stats),
    Layer(Metrics, allow="loopback"),
    Layer(Status),
    # What is refused, and how it looks.
    Layer(SecurityHeaders),
    Layer(CatchErrors),
    Layer(HeaderLimit),
    Layer(Maintenance, switch=f"{RUN}/maintenance", allow="loopback"),
    Layer(RateLimit, "10/minute", when=Method("POST") & Path("/login")),
    Layer(ConcurrencyLimit, 5, queue=2, timeout="2s"),  # of 8 threads: one is left for the layers above
    Layer(BodyLimit, "10MiB"),
    Layer(Compress),
    Layer(WarmUp, ["/"]),
)

application = stack(
    Mount(
        {
            "/": site,
            "/legacy": ReverseProxy(os.environ.get("GATEWAY_LEGACY", "http://127.0.0.1:9000")),
        }
    )
)
