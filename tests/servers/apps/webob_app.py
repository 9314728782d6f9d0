"""A function that takes and gives WebOb's objects, through ``wsgify``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from webob import Request, Response
from webob.dec import wsgify
from webob.exc import HTTPFound, HTTPNotFound
from webob.static import FileApp

from tests.servers.apps import pages


@wsgify
def application(request: Request) -> Any:
    page = request.path_info_pop() or ""
    view = views.get(page)
    return HTTPNotFound() if view is None else view(request)


def index(request: Request) -> str:
    return pages.index("webob", urlsplit(request.relative_url("client", to_application=False)).path)


def client(request: Request) -> Response:
    return Response(f"{request.remote_addr} {request.scheme} {request.host}", content_type="text/plain")


def elsewhere(request: Request) -> HTTPFound:
    return HTTPFound(location=request.relative_url("client", to_application=False))


def echo(request: Request) -> Response:
    return Response(request.body, content_type="application/octet-stream")


def stream(request: Request) -> Response:
    def lines() -> Iterator[bytes]:
        yield pages.FIRST
        yield pages.last_line(request.GET["port"])

    answer = Response(app_iter=lines(), content_type="text/plain")
    answer.headers.update(pages.UNBUFFERED)
    return answer


def cookie(request: Request) -> Response:
    answer = Response(request.cookies.get(pages.COOKIE, "-"), content_type="text/plain")
    answer.set_cookie(pages.COOKIE, "webob")
    return answer


def file(request: Request) -> FileApp:
    return FileApp(str(pages.FILE))


def unicode(request: Request) -> Response:
    return Response(request.path_info.lstrip("/"), content_type="text/plain", charset="utf-8")


def error(request: Request) -> Response:
    raise pages.Failure


views = {
    "": index,
    "client": client,
    "redirect": elsewhere,
    "echo": echo,
    "stream": stream,
    "cookie": cookie,
    "file": file,
    "unicode": unicode,
    "error": error,
}
