"""Werkzeug without Flask: a map of rules, request and response objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.utils import redirect, send_file
from werkzeug.wsgi import responder

from tests.servers.apps import pages


def index(request: Request, urls: MapAdapter) -> Response:
    return Response(pages.index("werkzeug", urls.build("client")), mimetype="text/html")


def client(request: Request, urls: MapAdapter) -> Response:
    return Response(f"{request.remote_addr} {request.scheme} {request.host}")


def elsewhere(request: Request, urls: MapAdapter) -> Response:
    return redirect(urls.build("client"))


def echo(request: Request, urls: MapAdapter) -> Response:
    return Response(request.get_data(), mimetype="application/octet-stream")


def stream(request: Request, urls: MapAdapter) -> Response:
    def lines() -> Iterator[bytes]:
        yield pages.FIRST
        yield pages.last_line(request.args["port"])

    return Response(lines(), headers=pages.UNBUFFERED)


def cookie(request: Request, urls: MapAdapter) -> Response:
    answer = Response(request.cookies.get(pages.COOKIE, "-"))
    answer.set_cookie(pages.COOKIE, "werkzeug")
    return answer


def file(request: Request, urls: MapAdapter) -> Response:
    return send_file(pages.FILE, request.environ)


def unicode(request: Request, urls: MapAdapter, name: str) -> Response:
    return Response(name)


def error(request: Request, urls: MapAdapter) -> Response:
    raise pages.Failure


views: dict[str, Callable[..., Response]] = {
    "index": index,
    "client": client,
    "redirect": elsewhere,
    "echo": echo,
    "stream": stream,
    "cookie": cookie,
    "file": file,
    "unicode": unicode,
    "error": error,
}
rules = Map(
    [
        Rule("/", endpoint="index"),
        Rule("/echo", endpoint="echo", methods=["POST"]),
        Rule("/unicode/<name>", endpoint="unicode"),
        *[
            Rule(f"/{name}", endpoint=name)
            for name in ("client", "redirect", "stream", "cookie", "file", "error")
        ],
    ]
)


@responder
def application(environ: dict[str, object], start_response: object) -> Response | HTTPException:
    urls = rules.bind_to_environ(environ)
    try:
        endpoint, values = urls.match()
    except HTTPException as answer:
        return answer
    return views[endpoint](Request(environ), urls, **values)
