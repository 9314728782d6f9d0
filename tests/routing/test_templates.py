"""Templates are read at once, and encode each value for the place where it stands."""

from __future__ import annotations

import json
from html import unescape
from urllib.parse import unquote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.routing.templates import (
    Name,
    Template,
    for_type,
    in_header,
    in_html,
    in_json,
    in_path,
    in_query,
    in_quotes,
    in_variable,
    parse,
)
from wsgikit.routing.text import decoded, encoded

captures = st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


def read(text):
    return parse(text, layer="Layer", option="option")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("plain", ["plain"]),
        ("{a}", [Name("a")]),
        ("/x/{a}/{b_2}?q", ["/x/", Name("a"), "/", Name("b_2"), "?q"]),
        ("{a}{b}", [Name("a"), Name("b")]),
        ("{{a}}", ["{a}"]),
        ("{{{a}}}", ["{", Name("a"), "}"]),
        ("{{", ["{"]),
        ("a}b", ["a}b"]),
        ("{größe}", [Name("größe")]),
    ],
)
def test_a_brace_opens_a_name_and_two_are_a_brace(text, parts):
    assert read(text) == parts


@pytest.mark.parametrize("text", ["{", "{}", "{0}", "{a b}", "{a.b}", "{a!r}", "{a:>3}", "x{"])
def test_a_brace_that_opens_no_name_is_an_error_at_once(text):
    with pytest.raises(ValueError, match=r"Layer: option=.*'\{' opens a name"):
        read(text)


def test_what_is_no_text_is_an_error_at_once():
    with pytest.raises(TypeError, match="Layer: option=7"):
        read(7)


def test_a_name_without_a_value_leaves_nothing():
    assert Template(read("a{x}b{y}"), str).render({"y": "Y"}) == "abY"


def test_a_value_is_not_read_as_a_template():
    assert Template(read("{x}"), str).render({"x": "{y} {{"}) == "{y} {{"


@given(st.binary(max_size=30))
def test_text_comes_back_as_the_bytes_it_was(raw):
    assert encoded(decoded(raw.decode("latin-1"))) == raw


def test_a_surrogate_that_stands_for_no_byte_becomes_a_question_mark():
    assert encoded("\ud800x") == b"?x"


@given(captures)
def test_in_a_path_and_a_query_the_value_comes_back_and_stays_one(value):
    for encode, breaking in ((in_path, '?#&%\\ :"'), (in_query, "/?#&=+;% ,")):
        sent = encode(value)
        assert unquote_to_bytes(sent) == encoded(value)
        assert sent.isascii()
        assert sent.isprintable()
        assert not set(sent) & set(breaking) - {"%"}


@given(captures)
def test_in_a_header_nothing_is_sent_but_printable_ascii(value):
    sent = in_header(value)
    assert sent.isascii()
    assert sent.isprintable()
    assert unquote(sent, errors="surrogateescape") == unquote(value, errors="surrogateescape")


@given(captures)
def test_in_quotes_the_string_cannot_be_ended(value):
    assert not set(in_quotes(value)) & set('"\\')


def test_quotes_in_the_plain_text_are_noticed():
    template = Template(read('a="{x}"; b={x}; c="{y}{x}'), in_header)
    assert template.render({"x": '"', "y": "\\"}) == 'a="%22"; b="; c="%5C%22'


@given(captures)
def test_in_a_variable_there_are_no_controls_and_nothing_beyond_latin1(value):
    sent = in_variable(value)
    sent.encode("latin-1")
    assert not any(ord(character) < 32 or ord(character) == 127 for character in sent)


@given(captures)
def test_in_html_no_tag_and_no_attribute_can_begin_or_end(value):
    assert not set(in_html(value)) & set("<>\"'")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_in_html_and_json_the_value_comes_back(value):
    assert unescape(in_html(value)) == value
    assert json.loads(f'"{in_json(value)}"') == value


@pytest.mark.parametrize(
    ("kind", "encode"),
    [
        ("text/html; charset=utf-8", in_html),
        ("Application/XHTML+XML", in_html),
        ("image/svg+xml", in_html),
        ("application/json", in_json),
        ("application/problem+json", in_json),
        ("text/plain", str),
        ("", str),
    ],
)
def test_a_bodys_type_says_how_its_values_are_escaped(kind, encode):
    assert for_type(kind) is encode
