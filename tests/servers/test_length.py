"""How a request says that it has a body: once, in one way, or it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from wsgikit.servers import length
from wsgikit.servers.refusal import Refused


def repaired(repair: Any, environ: dict[str, Any]) -> dict[str, Any]:
    repair(environ)
    return environ


@pytest.mark.parametrize("text", ["+5", "-1", "abc", "4, 4", "0x4", " 5", "5 ", "1_0", "\u0665"])
def test_a_length_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        length.request_length({"CONTENT_LENGTH": text})


def test_an_empty_length_is_none() -> None:
    assert repaired(length.request_length, {"CONTENT_LENGTH": ""}) == {}
    assert repaired(length.request_length, {"CONTENT_LENGTH": None}) == {}
    assert repaired(length.request_length, {"CONTENT_LENGTH": 0}) == {"CONTENT_LENGTH": "0"}
    assert repaired(length.request_length, {"CONTENT_LENGTH": "5"}) == {"CONTENT_LENGTH": "5"}


def test_the_content_fields_have_names_of_their_own() -> None:
    given = {
        "CONTENT_LENGTH": "5",
        "HTTP_CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "text/plain",
        "HTTP_CONTENT_TYPE": "text/plain",
    }
    assert repaired(length.content_fields_twice, given) == {
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "text/plain",
    }


@pytest.mark.parametrize("repair", [length.content_fields_twice, length.forged_content_fields])
def test_a_content_length_that_came_by_another_name_is_none(repair: Any) -> None:
    """``Content_Length: 5``, of a request without a body: 5 bytes of the next would be read for it."""
    alone = {"HTTP_CONTENT_LENGTH": "5", "HTTP_CONTENT_TYPE": "text/plain", "HTTP_HOST": "a"}
    assert repaired(repair, alone) == {"HTTP_HOST": "a"}
    assert repaired(repair, {"HTTP_HOST": "a"}) == {"HTTP_HOST": "a"}


def test_two_lengths_that_differ_are_refused() -> None:
    with pytest.raises(Refused, match="twice"):
        length.content_fields_twice({"CONTENT_LENGTH": "5", "HTTP_CONTENT_LENGTH": "6"})


def test_a_length_beside_chunks_is_refused_but_where_nginx_has_decoded_them() -> None:
    given = {"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked"}
    with pytest.raises(Refused):
        length.length_beside_chunks(dict(given))
    assert repaired(length.decoded_by_nginx, dict(given)) == given
    decoded = repaired(length.decoded_by_nginx, {**given, "DOCUMENT_ROOT": "/srv"})
    assert decoded == {"CONTENT_LENGTH": "5", "DOCUMENT_ROOT": "/srv"}


def test_a_length_of_the_framing_is_no_length() -> None:
    given = {"CONTENT_LENGTH": "25", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert repaired(length.length_of_framing, given) == {"HTTP_TRANSFER_ENCODING": "chunked"}
    assert repaired(length.length_of_framing, {"CONTENT_LENGTH": "5"}) == {"CONTENT_LENGTH": "5"}


def test_a_length_of_thousands_of_digits_is_refused() -> None:
    """int() raises above 4,300: a 500 and a traceback in the log, at any stranger's wish."""
    with pytest.raises(Refused):
        length.request_length({"CONTENT_LENGTH": "9" * 5000})


@pytest.mark.parametrize("coding", ["xchunked", "identity", "gzip, chunked", "chunked, chunked", ""])
def test_a_body_in_any_other_coding_is_refused(coding: str) -> None:
    with pytest.raises(Refused):
        length.only_chunked({"HTTP_TRANSFER_ENCODING": coding})
    for known in ("chunked", "Chunked", " chunked\t"):
        length.only_chunked({"HTTP_TRANSFER_ENCODING": known})
    length.only_chunked({})


def test_what_speaks_cgi_has_decoded_the_body() -> None:
    given = {"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert repaired(length.decoded_by_gateway, dict(given)) == given
    behind = {**given, "GATEWAY_INTERFACE": "CGI/1.1"}
    assert "HTTP_TRANSFER_ENCODING" not in repaired(length.decoded_by_gateway, behind)
