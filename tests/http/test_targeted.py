"""CDN-Cache-Control, beside the library of the RFC's author as a second opinion on the grammar."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http.cachecontrol import LONGEST_TIME, NONE
from wsgikit.http.targeted import _members, parse


def said(text: str) -> dict[str, Any] | None:
    found = parse(text)
    if found is None:
        return None
    return {name: value for name, value in found._asdict().items() if value != getattr(NONE, name)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max-age=60", {"max_age": 60}),
        ("  max-age=60 ", {"max_age": 60}),
        ("foobar, max-age=60", {"max_age": 60}),
        ("foo=(1 2);q=1, bar;x=?0;y, max-age=60;z", {"max_age": 60}),
        ("max-age=60, max-age=90", {"max_age": 90}),  # RFC 9651: the last one counts
        ("max-age=-5", {"max_age": 0}),
        ("max-age=99999999999", {"max_age": LONGEST_TIME}),
        ("no-store, public", {"no_store": True, "public": True}),
        ("no-store=?0", {}),
        ("no-store=1", {"no_store": True}),
        ("public=1", {}),
        ('private="a, B"', {"private_fields": frozenset({"a", "b"})}),
        ('no-cache=""', {"no_cache": True}),
        ("no-cache", {"no_cache": True}),
        ("stale-while-revalidate=5, stale-if-error=6", {"stale_while_revalidate": 5, "stale_if_error": 6}),
    ],
)
def test_what_counts(text: str, expected: dict[str, Any]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "max-age=60, &&&&&",
        "max-age=60,",
        ",max-age=60",
        'max-age="60"',
        "max-age=60.0",
        "max-age",
        "max-age =60",
        "max-age= 60",
        "MaX-aGe=60",
        "max-age=60 no-store",
        "max-age=1234567890123456",
        'max-age=60, x="é"',
        'x="a',
        "x=(1 2",
        "a" * 5000,
    ],
)
def test_what_is_no_field_at_all(text: str) -> None:
    assert parse(text) is None


KEYS = st.sampled_from(["a", "max-age", "no-store", "*", "x.y_z-1", "A", "1"])
ITEMS = st.sampled_from(
    [
        "1",
        "-1",
        "1.5",
        "1.2345",
        "1234567890123456",
        '"s"',
        '"\\""',
        '"\\x"',
        "tok/en:x",
        "?1",
        "?2",
        ":YQ==:",
        "(1 2)",
    ]
    + ["()", "( a )", "(a b", "@1", "", "é", "(1;a=2 b;c)"]
)
MEMBERS = st.one_of(
    KEYS,
    st.tuples(KEYS, ITEMS).map("=".join),
    st.tuples(KEYS, ITEMS, KEYS).map(lambda m: f"{m[0]}={m[1]};{m[2]}"),
)
TEXTS = st.lists(MEMBERS, max_size=4).flatmap(
    lambda m: st.sampled_from([", ", ",", " ,\t", ",,"]).map(lambda s: s.join(m))
)


@given(TEXTS | st.text())
def test_the_grammar_is_that_of_structured_fields(text: str) -> None:
    http_sf = pytest.importorskip("http_sf", reason="http-sf is not installed")
    try:
        expected = sorted(http_sf.parse(text.encode(), tltype="dictionary"))
    except (http_sf.StructuredFieldError, ValueError):
        expected = None
    found = _members(text)
    assert (None if found is None else sorted(found)) == expected


@given(st.text())
def test_nothing_raises(text: str) -> None:
    parse(text)


@pytest.mark.parametrize(
    "text", ["a=(" + "1 " * 2000, "a" + ";b" * 2000 + ";", 'a="' + "\\" * 4000, "a=(1" + " " * 4000]
)
def test_hostile_texts_are_read_in_linear_time(text: str) -> None:
    assert parse(text) is None


def test_the_library_is_not_needed() -> None:
    assert "http_sf" not in vars(importlib.import_module("wsgikit.http.targeted"))
