from __future__ import annotations

from typing import Any

import pytest

from wsgikit.core import environ as e


def test_a_child_is_a_copy() -> None:
    environ = {"A": 1}
    assert e.child(environ, B=2) == {"A": 1, "B": 2}
    assert environ == {"A": 1}


def test_the_border_moves_in_a_copy() -> None:
    environ = {"SCRIPT_NAME": "/x", "PATH_INFO": "/blog/post"}
    assert e.moved(environ, 5) == {"SCRIPT_NAME": "/x/blog", "PATH_INFO": "/post"}
    assert environ == {"SCRIPT_NAME": "/x", "PATH_INFO": "/blog/post"}
    assert e.moved({}, 0) == {"SCRIPT_NAME": "", "PATH_INFO": ""}


def test_path_bytes_undo_the_latin_1_view() -> None:
    assert e.path_bytes({"PATH_INFO": "/caf\xc3\xa9"}) == "/café".encode()
    assert e.path_bytes({}) == b""


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({"HTTP_HOST": "a.example:8080"}, "a.example:8080"),
        ({"SERVER_NAME": "a.example", "SERVER_PORT": "80"}, "a.example"),
        ({"SERVER_NAME": "a.example", "SERVER_PORT": "443", "wsgi.url_scheme": "https"}, "a.example"),
        ({"SERVER_NAME": "a.example", "SERVER_PORT": "8080"}, "a.example:8080"),
        ({"SERVER_NAME": "::1", "SERVER_PORT": 8080}, "[::1]:8080"),
        ({}, ""),
    ],
)
def test_host(environ: dict[str, Any], host: str) -> None:
    assert e.host(environ) == host


def test_url_is_quoted() -> None:
    environ = {"HTTP_HOST": "x", "SCRIPT_NAME": "/a b", "PATH_INFO": "/\xc3\xa9?", "QUERY_STRING": "q=%20"}
    assert e.url(environ) == "http://x/a%20b/%C3%A9%3F?q=%20"
    assert e.url(environ, query=False) == "http://x/a%20b/%C3%A9%3F"
    assert e.url({"HTTP_HOST": "x"}) == "http://x/"


@pytest.mark.parametrize(("text", "length"), [(None, None), ("", None), ("0", 0), ("15", 15), (7, 7)])
def test_content_length(text: Any, length: int | None) -> None:
    assert e.content_length({} if text is None else {"CONTENT_LENGTH": text}) == length


@pytest.mark.parametrize("text", ["+5", "-1", "0_5", " 5", "5 ", "0x5", "4, 4", "٣", "abc"])
def test_a_content_length_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        e.content_length({"CONTENT_LENGTH": text})


def test_two_lengths_are_none() -> None:
    assert e.content_length({"CONTENT_LENGTH": "5", "HTTP_CONTENT_LENGTH": "5"}) == 5
    for environ in ({"CONTENT_LENGTH": "5", "HTTP_CONTENT_LENGTH": "6"}, {"HTTP_CONTENT_LENGTH": "6"}):
        with pytest.raises(ValueError, match="Content-Length is"):
            e.content_length(environ)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("X-Request-Id", "HTTP_X_REQUEST_ID"),
        ("content-type", "CONTENT_TYPE"),
        ("Content-Length", "CONTENT_LENGTH"),
        ("Content-Encoding", "HTTP_CONTENT_ENCODING"),
    ],
)
def test_where_a_header_stands(name: str, key: str) -> None:
    assert e.header_key(name) == key
