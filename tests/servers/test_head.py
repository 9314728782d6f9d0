"""Heads: what every server can carry, and a clear error for what can only be a mistake."""

from __future__ import annotations

import http
from typing import Any

import pytest

from wsgikit.servers.head import BadHead, repaired, status_line


class Text(str):
    """A str with a life of its own, as of markupsafe."""

    __slots__ = ()


def test_subclasses_of_str_become_str() -> None:
    found, _ = repaired([(Text("X-A"), Text("1")), [Text("X-B"), "2"]])
    assert found == [("X-A", "1"), ("X-B", "2")]
    assert {type(text) for pair in found for text in pair} == {str}
    assert {type(pair) for pair in found} == {tuple}


def test_a_tuple_of_headers_becomes_a_list() -> None:
    assert repaired((("X-A", "1"),)) == ([("X-A", "1")], None)


@pytest.mark.parametrize("value", [5, None, b"5", 1.5, http.HTTPStatus.OK])
def test_a_value_that_is_no_text_is_named_with_its_header(value: Any) -> None:
    with pytest.raises(BadHead, match=f"'X-A'.*{type(value).__name__}"):
        repaired([("X-A", value)])


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X-A\r\n", "X-\xc9", 5])
def test_a_name_that_is_no_token_is_refused(name: Any) -> None:
    with pytest.raises(BadHead):
        repaired([(name, "1")])


@pytest.mark.parametrize("value", ["1\r\nX-B: 2", "1\n2", "1\r2", "1\x002", "\u20ac", "\x7f"])
def test_a_value_with_a_line_break_in_it_is_refused_and_shown_escaped(value: str) -> None:
    with pytest.raises(BadHead) as caught:
        repaired([("X-A", value)])
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "bad", [None, 5, [("X-A",)], [("X-A", "1", "2")], ["X-A: 1"], ["ab"], ["ab", 5], [None]]
)
def test_what_is_no_list_of_pairs_is_refused(bad: Any) -> None:
    with pytest.raises(BadHead):
        repaired(bad)


@pytest.mark.parametrize(
    "name", ["Connection", "keep-alive", "TRANSFER-ENCODING", "Te", "Upgrade", "Status", "Trailer"]
)
def test_fields_that_are_the_servers_are_left_out(name: str) -> None:
    assert repaired([(name, "x"), ("X-A", "1")])[0] == [("X-A", "1")]


def test_the_length_is_read_once() -> None:
    assert repaired([("content-length", "5"), ("Content-Length", "5")]) == ([("content-length", "5")], 5)


@pytest.mark.parametrize("values", [("5", "6"), ("x",), ("-1",), ("",), ("+5",)])
def test_a_length_that_is_none_is_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(BadHead, match="Content-Length"):
        repaired([("Content-Length", value) for value in values])


def test_a_status_gets_its_reason_and_keeps_its_own() -> None:
    assert status_line("200") == "200 OK"
    assert status_line("404 ") == "404 Not Found"
    assert status_line("299") == "299 Status"
    assert status_line(Text("200 Fine")) == "200 Fine"
    assert type(status_line(Text("200 Fine"))) is str


@pytest.mark.parametrize(
    "status",
    ["", "OK", "20", "2000", "200OK", "099 X", "100 Continue", "600 X", "999 X", "200 \r\nX: 1", "200\x00"],
)
def test_a_status_that_is_none_is_refused(status: str) -> None:
    with pytest.raises(BadHead):
        status_line(status)


@pytest.mark.parametrize("status", [200, None, b"200 OK", http.HTTPStatus.OK])
def test_a_status_that_is_no_text_is_refused(status: Any) -> None:
    with pytest.raises(BadHead, match=r"200 OK"):
        status_line(status)
