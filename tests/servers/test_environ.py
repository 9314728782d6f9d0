"""Environ's keys and values: those that are promised, as the text that is promised."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from wsgikit.servers import environ as values
from wsgikit.servers.refusal import Refused


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


@pytest.mark.parametrize("text", ["+5", "-1", "abc", "4, 4", "0x4", " 5", "5 ", "1_0", "\u0665"])
def test_a_length_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        values.request_length({"CONTENT_LENGTH": text})


def test_an_empty_length_and_an_empty_type_are_none() -> None:
    assert repaired(values.request_length, {"CONTENT_LENGTH": ""}) == {}
    assert repaired(values.request_length, {"CONTENT_LENGTH": None}) == {}
    assert repaired(values.empty_content_type, {"CONTENT_TYPE": ""}) == {}
    assert repaired(values.request_length, {"CONTENT_LENGTH": 0}) == {"CONTENT_LENGTH": "0"}
    assert repaired(values.request_length, {"CONTENT_LENGTH": "5"}) == {"CONTENT_LENGTH": "5"}


def test_the_content_fields_have_names_of_their_own() -> None:
    given = {
        "CONTENT_LENGTH": "5",
        "HTTP_CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "text/plain",
        "HTTP_CONTENT_TYPE": "text/plain",
    }
    assert repaired(values.content_fields_twice, given) == {
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "text/plain",
    }
    alone = {"HTTP_CONTENT_LENGTH": "5", "HTTP_CONTENT_TYPE": "text/plain"}
    assert repaired(values.content_fields_twice, alone) == {
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "text/plain",
    }


def test_two_lengths_that_differ_are_refused() -> None:
    with pytest.raises(Refused, match="twice"):
        values.content_fields_twice({"CONTENT_LENGTH": "5", "HTTP_CONTENT_LENGTH": "6"})


def test_a_length_beside_chunks_is_refused_but_where_nginx_has_decoded_them() -> None:
    given = {"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked"}
    with pytest.raises(Refused):
        values.length_beside_chunks(dict(given))
    assert repaired(values.decoded_by_nginx, dict(given)) == given
    decoded = repaired(values.decoded_by_nginx, {**given, "DOCUMENT_ROOT": "/srv"})
    assert decoded == {"CONTENT_LENGTH": "5", "DOCUMENT_ROOT": "/srv"}


def test_a_length_of_the_framing_is_no_length() -> None:
    given = {"CONTENT_LENGTH": "25", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert repaired(values.length_of_framing, given) == {"HTTP_TRANSFER_ENCODING": "chunked"}
    assert repaired(values.length_of_framing, {"CONTENT_LENGTH": "5"}) == {"CONTENT_LENGTH": "5"}


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
