"""Pyramid."""

from __future__ import annotations

from collections.abc import Iterator

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound
from pyramid.request import Request
from pyramid.response import FileResponse, Response

from tests.servers.apps import pages


def index(request: Request) -> Response:
    return Response(pages.index("pyramid", request.route_path("client")))


def client(request: Request) -> Response:
    return Response(f"{request.remote_addr} {request.scheme} {request.host}", content_type="text/plain")


def elsewhere(request: Request) -> HTTPFound:
    return HTTPFound(request.route_url("client"))


def echo(request: Request) -> Response:
    return Response(request.body, content_type="application/octet-stream")


def stream(request: Request) -> Response:
    def lines() -> Iterator[bytes]:
        yield pages.FIRST
        yield pages.last_line(request.params["port"])

    answer = Response(app_iter=lines(), content_type="text/plain")
    answer.headers.update(pages.UNBUFFERED)
    return answer


def cookie(request: Request) -> Response:
    answer = Response(request.cookies.get(pages.COOKIE, "-"), content_type="text/plain")
    answer.set_cookie(pages.COOKIE, "pyramid")
    return answer


def file(request: Request) -> FileResponse:
    return FileResponse(str(pages.FILE), request)


def unicode(request: Request) -> Response:
    return Response(request.matchdict["name"], content_type="text/plain")


def error(request: Request) -> Response:
    raise pages.Failure


with Configurator() as config:
    for name, pattern, view in [
        ("index", "/", index),
        ("client", "/client", client),
        ("redirect", "/redirect", elsewhere),
        ("echo", "/echo", echo),
        ("stream", "/stream", stream),
        ("cookie", "/cookie", cookie),
        ("file", "/file", file),
        ("unicode", "/unicode/{name}", unicode),
        ("error", "/error", error),
    ]:
        config.add_route(name, pattern)
        config.add_view(view, route_name=name)
    application = config.make_wsgi_app()
