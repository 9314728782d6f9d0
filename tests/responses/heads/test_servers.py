"""The layers that change heads, under real servers: each is asked the same questions over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPException

import pytest

from tests.responses.serving import Server, served
from tests.servers.launch import SERVERS

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


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    program: Callable[[str, str], str],
) -> Iterator[Server]:
    with served(request.param, APP, tmp_path_factory.mktemp(request.param), program) as running:
        yield running


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
