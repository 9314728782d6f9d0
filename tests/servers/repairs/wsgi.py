"""What test_repairs.py serves: small apps by the first segment of the path, bare, or within ServerFix under /fixed."""

from __future__ import annotations

import json
import sys
from typing import Any

from wsgikit.servers.fix import ServerFix
from wsgikit.servers.recognition import recognise


class Text(str):
    __slots__ = ()


def show(environ: Any, start_response: Any) -> list[bytes]:
    shown = {key: value for key, value in environ.items() if isinstance(value, str | int | None)}
    body = json.dumps({**shown, "server": recognise(environ)}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def read(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def lines(environ: Any, start_response: Any) -> list[bytes]:
    stream = environ["wsgi.input"]
    body = b"|".join([stream.readline(3), *stream])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def late(environ: Any, start_response: Any) -> Any:
    start_response("201 Created", [("X-Late", "yes")])
    yield b"late"


def replaced(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("X-Old", "1"), ("Content-Length", "2")])
    try:
        raise ValueError
    except ValueError:
        start_response("503 Service Unavailable", [("X-New", "1")], sys.exc_info())
    return [b"new"]


def written(environ: Any, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", [])
    write(b"one,")
    return [b"two"]


def fails(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    raise RuntimeError("before the first byte")


def page(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "4")])
    return [b"page"]


def empty(environ: Any, start_response: Any) -> list[bytes]:
    start_response("204 No Content", [])
    return []


def subclasses(environ: Any, start_response: Any) -> list[bytes]:
    start_response(Text("200 OK"), [(Text("X-Text"), Text("yes"))])
    return [b"ok"]


def bare_status(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200", [])
    return [b"ok"]


def connection(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Keep-Alive", "timeout=5"), ("X-A", "1")])
    return [b"ok"]


def injected(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("X-A", "1\r\nX-Injected: 1")])
    return [b"ok"]


def too_long(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Length", "4")])
    return iter([b"12", b"345678"])


APPS = {name: app for name, app in globals().items() if callable(app) and app.__module__ == __name__}


def app(environ: Any, start_response: Any) -> Any:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return APPS.get(path.split("/")[2] if path.count("/") > 1 else "", show)(environ, start_response)


fixed = ServerFix(app)


def application(environ: Any, start_response: Any) -> Any:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return (fixed if path.startswith("/fixed") else app)(environ, start_response)
