"""Environ's keys and values: those that are promised, as the text that is promised."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from wsgikit.servers import environ as values


def repaired(repair: Any, environ: dict[str, Any]) -> dict[str, Any]:
    repair(environ)
    return environ


def test_what_is_promised_is_there() -> None:
    environ = repaired(values.promised_keys, {"PATH_INFO": "/a", "wsgi.run_once": None})
    assert environ["PATH_INFO"] == "/a"
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["SCRIPT_NAME"] == environ["QUERY_STRING"] == ""
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.errors"] is sys.stderr
    assert environ["wsgi.input"].read() == b""


def test_every_variable_is_exact_text() -> None:
    class Text(str):
        __slots__ = ()

    given = {
        "SERVER_PORT": 8000,
        "REMOTE_USER": b"caf\xe9",
        "SCRIPT_FILENAME": None,
        "HTTP_HOST": Text("a"),
        "FLAG": True,
        "headers_raw": (("A", "b"),),
        "wsgi.multithread": True,
    }
    assert repaired(values.text_values, given) == {
        "SERVER_PORT": "8000",
        "REMOTE_USER": "caf\xe9",
        "HTTP_HOST": "a",
        "FLAG": "1",
        "server.headers_raw": (("A", "b"),),
        "wsgi.multithread": True,
    }
    assert {type(given[key]) for key in given if "." not in key} == {str}


def test_one_variable_that_is_a_number_becomes_text() -> None:
    repair = values.text_of("SERVER_PORT")
    assert repaired(repair, {"SERVER_PORT": 80}) == {"SERVER_PORT": "80"}
    assert repaired(repair, {}) == {}


def test_a_variable_of_the_process_is_no_header_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_X_EXPORTED", "exported")
    monkeypatch.setattr(values, "_exported", values._exported.__wrapped__)  # not as at some first request
    given = {"HTTP_X_EXPORTED": "exported", "HTTP_HOST": "a"}
    assert repaired(values.exported_headers, dict(given)) == {"HTTP_HOST": "a"}
    given["HTTP_X_EXPORTED"] = "the client's own"
    assert repaired(values.exported_headers, dict(given)) == given


def test_nobodys_proxy_comes_from_a_header_field() -> None:
    assert repaired(values.proxy_field, {"HTTP_PROXY": "http://evil.example"}) == {}


def test_the_protocol_is_written_in_full() -> None:
    assert repaired(values.protocol, {"SERVER_PROTOCOL": "HTTP/1"})["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert repaired(values.protocol, {"SERVER_PROTOCOL": "HTTP/2"})["SERVER_PROTOCOL"] == "HTTP/2"


def test_errors_are_written_as_text() -> None:
    assert repaired(values.text_errors, {"wsgi.errors": io.BytesIO()})["wsgi.errors"] is sys.stderr


def test_a_folded_field_is_one_line() -> None:
    given = {"HTTP_X_A": "one\r\n two", "HTTP_X_B": "one\n\ttwo", "PATH_INFO": "/a\nb", "wsgi.input": 5}
    assert repaired(values.folded_fields, given) == {
        "HTTP_X_A": "one two",
        "HTTP_X_B": "one two",
        "PATH_INFO": "/a\nb",  # the client's %0A, and its business
        "wsgi.input": 5,
    }


def test_a_folded_field_takes_time_by_its_length_alone() -> None:
    """60,000 blanks without a fold after them took a minute: each was tried as the first of those before one."""
    given = {"HTTP_X_A": "a" + " " * 60_000 + "b\r\n\t c\r\n \r\n"}
    assert repaired(values.folded_fields, given)["HTTP_X_A"] == "a" + " " * 60_000 + "b c"


def test_a_field_that_was_decoded_as_utf8_is_the_view_of_its_bytes_again() -> None:
    given = {
        "HTTP_X": "\u20ac",
        "HTTP_Y": "caf\xe9",
        "HTTP_Z": "\ud800",
        "wsgi.note": "\u20ac",
        "HTTP_A": "a",
    }
    assert repaired(values.wide_values, given) == {
        "HTTP_X": "\xe2\x82\xac",
        "HTTP_Y": "caf\xe9",  # which may be one
        "HTTP_Z": "?",
        "wsgi.note": "\u20ac",
        "HTTP_A": "a",
    }


def test_an_empty_type_is_none() -> None:
    assert repaired(values.empty_content_type, {"CONTENT_TYPE": ""}) == {}
    assert repaired(values.empty_content_type, {"CONTENT_TYPE": "a/b"}) == {"CONTENT_TYPE": "a/b"}


def test_a_carriage_return_alone_is_no_part_of_a_field_either() -> None:
    """cheroot hands it on; what prints the value on a terminal, or forwards it, has two lines."""
    assert repaired(values.unusual_text, {"HTTP_X_A": "one\rtwo", "HTTP_X_B": " a "}) == {
        "HTTP_X_A": "one two",
        "HTTP_X_B": " a ",
    }
