"""Bottle."""

from __future__ import annotations

from collections.abc import Iterator

from bottle import Bottle, redirect, request, response, static_file

from tests.servers.apps import pages

application = Bottle()


@application.get("/")
def index() -> str:
    return pages.index("bottle", application.get_url("client"))


@application.get("/client", name="client")
def client() -> str:
    response.content_type = "text/plain"
    parts = request.urlparts
    return f"{request.environ['REMOTE_ADDR']} {parts.scheme} {parts.netloc}"


@application.get("/redirect")
def elsewhere() -> None:
    redirect(application.get_url("client"), 302)


@application.post("/echo")
def echo() -> bytes:
    response.content_type = "application/octet-stream"
    return request.body.read()


@application.get("/stream")
def stream() -> Iterator[bytes]:
    response.content_type = "text/plain"
    response.headers.update(pages.UNBUFFERED)
    yield pages.FIRST
    yield pages.last_line(request.query["port"])


@application.get("/cookie")
def cookie() -> str:
    response.content_type = "text/plain"
    response.set_cookie(pages.COOKIE, "bottle", path="/")
    return request.get_cookie(pages.COOKIE, "-")


@application.get("/file")
def file() -> object:
    return static_file(pages.FILE.name, root=str(pages.FILE.parent))


@application.get("/unicode/<name>")
def unicode(name: str) -> str:
    response.content_type = "text/plain; charset=utf-8"
    return name


@application.get("/error")
def error() -> str:
    raise pages.Failure
