from __future__ import annotations

import re
from typing import Any

import pytest

from tests.responses.bodies.answering import HTML, Body, answering, in_pieces, start_nothing
from wsgikit.responses.bodies.htmlrewrite import HTMLRewrite
from wsgikit.responses.heads.security import SecurityHeaders
from wsgikit.testing import call, lint

PAGE = b"<html><head><title>x</title></head><body><a href=/y>z</a></body></html>"
NONCE = {"wsgikit.csp_nonce": "abc123=="}


def ask(
    body: Any, *headers: tuple[str, str], kind: str = HTML[1], environ: Any = None, **options: Any
) -> Any:
    return call(lint(HTMLRewrite(answering(body, *headers, kind=kind), **options)), environ=environ)


def test_snippets_and_links_at_once() -> None:
    options = {"inject": {"head-end": "<meta>", "body-end": "<hr>"}, "links": lambda url: f"/app{url}"}
    expected = b'<html><head><title>x</title><meta></head><body><a href="/app/y">z</a><hr></body></html>'
    assert ask([PAGE], **options).body == expected
    assert ask(Body(in_pieces(PAGE, 1)), **options).body == expected


def test_O2_nonce_of_the_answer_is_copied() -> None:
    inject = {"head-start": '<script nonce="{nonce}">a={nonce: 1, b: {}}</script>'}
    body = ask([PAGE], inject=inject, environ=NONCE).body
    assert b'<script nonce="abc123==">a={nonce: 1, b: {}}</script>' in body
    assert b'<script nonce="">' in ask([PAGE], inject=inject).body


def test_O2_nonce_is_the_one_that_the_policy_allows() -> None:
    page = HTMLRewrite(answering([PAGE]), inject={"head-end": "<script nonce='{nonce}'></script>"})
    result = call(SecurityHeaders(page, content_security_policy="script-src 'nonce-{nonce}'"))
    nonce = re.search(r"'nonce-([^']+)'", result.header("Content-Security-Policy") or "")
    assert nonce is not None
    assert f"<script nonce='{nonce[1]}'>" in result.text


def test_O2_nonce_cannot_break_out() -> None:
    body = ask(
        [PAGE], inject={"head-start": '<i a="{nonce}">'}, environ={"wsgikit.csp_nonce": '"><script>'}
    ).body
    assert b'<i a="&quot;&gt;&lt;script&gt;">' in body


def test_page_with_a_nonce_has_nothing_to_be_validated_by() -> None:
    headers = (("ETag", '"a"'), ("Last-Modified", "x"))
    result = ask([PAGE], *headers, inject={"head-end": "<i a='{nonce}'>"}, environ=NONCE)
    assert (result.header("ETag"), result.header("Last-Modified")) == (None, None)
    result = ask([PAGE], *headers, inject={"head-end": "<i>"}, environ=NONCE)
    assert (result.header("ETag"), result.header("Last-Modified")) == ('W/"a"', "x")


def test_snippet_is_in_the_encoding_of_the_page() -> None:
    inject = {"body-end": "<p>é ж</p>"}
    for charset, snippet in (
        ("iso-8859-1", b"<p>\xe9 &#1078;</p>"),
        ("koi8-r", b"<p>&#233; \xd6</p>"),
        ("utf-8", "<p>é ж</p>".encode()),
        ("shift_jis", b"<p>&#233; \x84w</p>"),
    ):
        assert snippet in ask([PAGE], kind=f"text/html; charset={charset}", inject=inject).body
    assert "<p>é ж</p>".encode() in ask([PAGE], kind="text/html", inject=inject).body


@pytest.mark.parametrize("charset", ["utf-16", "utf-16le", "iso-2022-jp", "utf-7", "nonsense"])
def test_page_in_an_encoding_that_cannot_be_read_is_left_itself(charset: str) -> None:
    body = [PAGE]
    app = answering(body, kind=f"text/html; charset={charset}")
    assert HTMLRewrite(app, inject={"head-end": "x"}, links=str)({}, start_nothing) is body


@pytest.mark.parametrize("kind", ["application/xhtml+xml", "text/plain", "application/json"])
def test_other_types_are_left_alone(kind: str) -> None:
    assert ask([PAGE], kind=kind, inject={"head-end": "x"}).body == PAGE


@pytest.mark.parametrize("options", [{}, {"inject": {}}, {"links": None}])
def test_without_anything_to_do_it_does_nothing(options: Any) -> None:
    body = [PAGE]
    assert HTMLRewrite(answering(body), **options)({}, start_nothing) is body


def test_P10_page_that_breaks_off_gets_no_last_snippet() -> None:
    def stream() -> Any:
        yield b"<body>text"
        raise KeyError

    chunks = iter(HTMLRewrite(answering(stream()), inject={"body-end": "<hr>"})({}, start_nothing))
    assert next(chunks) == b"<body>text"
    with pytest.raises(KeyError):
        next(chunks)
    assert list(chunks) == []


def test_mistyped_place_names_the_right_one() -> None:
    with pytest.raises(ValueError, match=r"HTMLRewrite: inject='head_end' .*did you mean 'head-end'"):
        HTMLRewrite(answering([]), inject={"head_end": "x"})


@pytest.mark.parametrize("options", [{"inject": "<p>"}, {"inject": {"head-end": b"x"}}, {"links": "/app"}])
def test_wrong_type_is_refused_by_name(options: Any) -> None:
    with pytest.raises(TypeError, match=f"HTMLRewrite: {next(iter(options))}="):
        HTMLRewrite(answering([]), **options)


def test_options_are_attributes() -> None:
    layer = HTMLRewrite(answering([]), inject={"head-end": "x"}, links=str)
    assert (layer.inject, layer.links) == ({"head-end": "x"}, str)
