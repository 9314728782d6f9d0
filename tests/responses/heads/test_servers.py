"""The layers that change heads, under real servers: each is asked the same questions over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

import pytest

from tests.servers.launch import PROGRAMS, SERVERS, app_server

APP = """
from wsgikit.core.middleware import Layer, Stack
from wsgikit.responses.errors.catcherrors import CatchErrors
from wsgikit.responses.heads.cors import CORS
from wsgikit.responses.errors.errorpages import ErrorPages
from wsgikit.responses.heads.security import SecurityHeaders
from wsgikit.responses.heads.servertiming import ServerTiming

HTML = ("Content-Type", "text/html; charset=utf-8")

def generator(start_response, *chunks, length=()):
    start_response("200 OK", [HTML, *length])
    yield from failing(*chunks)

def failing(*chunks):
    yield from chunks
    raise LookupError("in the body")

def site(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/errors/404":
        start_response("200 OK", [HTML, ("Content-Length", "21")])
        return [b"<title>sorry</title>\\n"]
    if path == "/raises":
        start_response("200 OK", [HTML, ("Content-Length", "1000")])
        raise LookupError("in the call")
    if path == "/raises/lazily":
        return generator(start_response)
    if path == "/raises/first":
        start_response("200 OK", [HTML])
        return failing()
    if path == "/raises/midway":
        return generator(start_response, b"<p>half", length=[("Content-Length", "1000")])
    if path == "/":
        start_response("200 OK", [HTML])
        return [b"<p>hello"]
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("ETag", '"x"')])
    return [b"not found"]

application = Stack(
    Layer(SecurityHeaders, content_security_policy="script-src 'nonce-{nonce}'"),
    Layer(CORS, origins="https://shop.example"),
    Layer(ServerTiming),
    Layer(ErrorPages, {404: "/errors/404"}),
    Layer(CatchErrors),
)(site)
"""


class Server:
    def __init__(self, port: int, output: Path) -> None:
        self.port = port
        self.output = output

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        """The answer and its body, on a connection of its own (uWSGI's http-socket keeps none)."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={**sent, "Connection": "close"})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    program: Callable[[str, str], str],
) -> Iterator[Server]:
    name = request.param
    if name in PROGRAMS:
        program(name, PROGRAMS[name])
    with app_server(name, APP, tmp_path_factory.mktemp(name)) as (port, output):
        yield Server(port, output)


def test_each_header_is_there_once(server: Server) -> None:
    answer, body = server.ask("/", Origin="https://shop.example")
    assert (answer.status, body) == (200, b"<p>hello")
    for name in (
        "Content-Security-Policy",
        "X-Frame-Options",
        "Access-Control-Allow-Origin",
        "Vary",
        "Server-Timing",
    ):
        assert len(answer.headers.get_all(name, [])) == 1, name


def test_a_preflight_is_answered_by_the_layer(server: Server) -> None:
    answer, body = server.ask(
        "/", "OPTIONS", Origin="https://shop.example", Access_Control_Request_Method="POST"
    )
    assert (answer.status, body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "script-src 'nonce-" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_error_page_stands_for_the_answer(server: Server, method: str) -> None:
    answer, body = server.ask("/nowhere", method)
    assert (answer.status, answer.headers["Content-Length"]) == (404, "21")
    assert body == (b"<title>sorry</title>\n" if method == "GET" else b"")
    assert answer.headers["Set-Cookie"] == "a=1"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["ETag"] is None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_exception_in_the_call_is_one_whole_answer(server: Server, method: str) -> None:
    answer, body = server.ask("/raises", method, Accept="application/json", Origin="https://shop.example")
    assert answer.status == 500
    assert answer.headers.get_all("Content-Type") == ["application/problem+json"]
    assert len(answer.headers.get_all("Content-Length", [])) == 1
    assert bool(body) == (method == "GET")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"


@pytest.mark.parametrize("path", ["/raises/lazily", "/raises/first"])
def test_an_exception_at_the_first_chunk_is_answered_500(server: Server, path: str) -> None:
    answer, body = server.ask(path)
    assert answer.status == 500
    assert body.startswith(b"500 Internal Server Error")
    assert server.output.read_text().count(f"'{path}' failed, request id") == 1


def test_P10_an_exception_midway_breaks_the_connection(server: Server) -> None:
    with pytest.raises((HTTPException, OSError)):
        server.ask("/raises/midway")
    assert server.output.read_text().count("'/raises/midway' failed, request id") == 1
