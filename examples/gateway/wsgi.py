"""The gateway: several frameworks and a remote backend behind one WSGI app.

    gunicorn wsgi:application

GATEWAY_BACKEND has the addresses at which the fourth application runs, with spaces between them (default
http://127.0.0.1:8081), and GATEWAY_LOG says where the access log goes (default stderr).
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bottle_app
import django_app
import flask_app

from wsgikit import (
    AccessLog,
    Compress,
    Headers,
    HealthCheck,
    Layer,
    Mount,
    RequestId,
    ReverseProxy,
    Route,
    Router,
    ServerFix,
    Stack,
    TrustedProxies,
)


def welcome(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    links = "".join(f'<li><a href="/{name}/">{name}</a>' for name in ("flask", "django", "bottle", "remote"))
    return [f"<!doctype html><title>wsgikit</title><h1>The gateway</h1><ul>{links}</ul>\n".encode()]


def hello(environ, start_response):
    _, values = environ["wsgiorg.routing_args"]
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"Hello, {values['name']}!\n".encode()]


pages = Router([Route("/", welcome), Route("/hello/<name>", hello)])

backends = os.environ.get("GATEWAY_BACKEND", "http://127.0.0.1:8081").split()

mounts = Mount(
    {
        "/": pages,
        "/flask": flask_app.app,
        "/django": django_app.application,
        "/bottle": bottle_app.app,
        "/remote": ReverseProxy(backends, policy="least_conn", health=HealthCheck(interval="5s")),
    },
    cookies="scoped",
    redirect_slash=True,
)

stack = Stack(
    Layer(ServerFix),
    Layer(AccessLog, "combined", to=os.environ.get("GATEWAY_LOG", "stderr")),
    Layer(TrustedProxies, ["loopback", "unix"]),
    Layer(RequestId),
    Layer(Headers, default={"X-Content-Type-Options": "nosniff"}),
    Layer(Compress),
)

application = stack(mounts)
