"""Flask."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response, redirect, request, send_file, url_for

from tests.servers.apps import pages

application = Flask(__name__)


@application.get("/")
def index() -> str:
    return pages.index("flask", url_for("client"))


@application.get("/client")
def client() -> str:
    return f"{request.remote_addr} {request.scheme} {request.host}"


@application.get("/redirect")
def elsewhere() -> Response:
    return redirect(url_for("client"))  # type: ignore[return-value]


@application.post("/echo")
def echo() -> Response:
    return Response(request.get_data(), mimetype="application/octet-stream")


@application.get("/stream")
def stream() -> Response:
    port = request.args["port"]

    def lines() -> Iterator[bytes]:
        yield pages.FIRST
        yield pages.last_line(port)

    return Response(lines(), mimetype="text/plain", headers=pages.UNBUFFERED)


@application.get("/cookie")
def cookie() -> Response:
    answer = Response(request.cookies.get(pages.COOKIE, "-"), mimetype="text/plain")
    answer.set_cookie(pages.COOKIE, "flask")
    return answer


@application.get("/file")
def file() -> Response:
    return send_file(pages.FILE)


@application.get("/unicode/<name>")
def unicode(name: str) -> Response:
    return Response(name, mimetype="text/plain")


@application.get("/error")
def error() -> str:
    raise pages.Failure
