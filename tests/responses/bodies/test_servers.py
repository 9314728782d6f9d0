"""The layers that change bodies, under real servers: each is asked the same questions over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPException

import pytest

from tests.responses.serving import Server, served
from tests.servers.launch import SERVERS

APP = """
from wsgikit.responses.bodies.htmlrewrite import HTMLRewrite
from wsgikit.responses.bodies.replace import Replace
from wsgikit.responses.bodies.transform import Transform
from wsgikit.responses.bodies.xslt import XSLT

PAGE = b"<html><head></head><body><p>one</p></body></html>"
SHEET = '''<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="html"/><xsl:template match="/"><p>two</p></xsl:template></xsl:stylesheet>'''
HTML = ("Content-Type", "text/html; charset=utf-8")

def bytewise(page=PAGE):
    for byte in page:
        yield bytes((byte,))

def failing():
    yield PAGE[:30]
    raise LookupError("midway")

def late(start_response):
    start_response("200 OK", [HTML])
    yield from bytewise()

def pages(environ, start_response):
    name = environ["PATH_INFO"].rpartition("/")[2]
    if name == "late":
        return late(start_response)
    length = ("Content-Length", str(len(PAGE)))
    if name == "malformed":
        start_response("200 OK", [HTML])
        return [b"<html>"]
    if name == "image":
        start_response("200 OK", [("Content-Type", "image/png"), length])
        return [PAGE]
    start_response("200 OK", [HTML, ("ETag", '"a"')] + ([length] if name in ("list", "length") else []))
    return {"list": lambda: [PAGE], "stream": bytewise, "length": bytewise, "failing": failing}[name]()

def two(request, response):
    response.text = response.text.replace("one", "two")

LAYERS = {
    "replace": Replace(pages, {"one": "two"}),
    "htmlrewrite": HTMLRewrite(pages, inject={"body-end": "<p>two</p>"}),
    "transform": Transform(pages, two),
    "xslt": XSLT(pages, SHEET, types="text/html"),
}

def application(environ, start_response):
    return LAYERS[environ["PATH_INFO"].split("/")[1]](environ, start_response)
"""
LAYERS = ("replace", "htmlrewrite", "transform", "xslt")


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    program: Callable[[str, str], str],
) -> Iterator[Server]:
    with served(request.param, APP, tmp_path_factory.mktemp(request.param), program) as running:
        yield running


@pytest.mark.parametrize("page", ["list", "stream", "length", "late"])
@pytest.mark.parametrize("layer", LAYERS)
def test_page_is_changed_however_it_comes(server: Server, layer: str, page: str) -> None:
    answer, body = server.ask(f"/{layer}/{page}")
    assert (answer.status, body.count(b"two")) == (200, 1)
    assert answer.headers.get_all("Content-Length") in (None, [str(len(body))])
    assert answer.headers["ETag"] == (None if page == "late" else 'W/"a"')


@pytest.mark.parametrize("layer", LAYERS)
def test_other_answers_arrive_as_they_are(server: Server, layer: str) -> None:
    answer, body = server.ask(f"/{layer}/image")
    assert (answer.headers["Content-Type"], answer.headers["Content-Length"]) == ("image/png", str(len(body)))
    assert b"one" in body


@pytest.mark.parametrize("page", ["list", "stream", "late"])
@pytest.mark.parametrize("layer", LAYERS)
def test_P9_head_has_no_body(server: Server, layer: str, page: str) -> None:
    answer, body = server.ask(f"/{layer}/{page}", "HEAD")
    assert (answer.status, body) == (200, b"")
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("layer", ["replace", "htmlrewrite"])
def test_P10_an_exception_midway_is_never_the_end_of_a_page(server: Server, layer: str) -> None:
    try:
        _, body = server.ask(f"/{layer}/failing")
    except (HTTPException, OSError):
        return
    assert body == b"<html><head></head><body><p>on"[: len(body)]  # wsgiref and uWSGI end it by closing


@pytest.mark.parametrize("layer", ["transform", "xslt"])
def test_P10_an_exception_before_the_body_is_whole_is_never_a_page(server: Server, layer: str) -> None:
    try:
        answer, _ = server.ask(f"/{layer}/failing")
    except (HTTPException, OSError):
        return  # uWSGI says nothing
    assert answer.status == 500


def test_document_that_cannot_be_transformed_is_500(server: Server) -> None:
    answer, body = server.ask("/xslt/malformed")
    assert answer.status == 500
    assert b"could not be transformed" in body
