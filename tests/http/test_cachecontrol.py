"""Cache-Control: whatever is wrong with a text, nothing gets fresher by it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wsgikit.http import cachecontrol
from wsgikit.http.cachecontrol import LONGEST_TIME, NONE, CacheControl, parse, seconds


def said(text: str) -> dict[str, Any]:
    """What differs from saying nothing."""
    return {name: value for name, value in parse(text)._asdict().items() if value != getattr(NONE, name)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (" , ,", {}),
        ("max-age=60", {"max_age": 60}),
        ("MAX-AGE=60 , Public", {"max_age": 60, "public": True}),
        ('max-age="60"', {"max_age": 60}),
        ('max-age="6\\0"', {"max_age": 60}),
        ("max-age=0060", {"max_age": 60}),
        ("s-maxage=1,max-age=2", {"s_maxage": 1, "max_age": 2}),
        ("no-store, no-cache, private", {"no_store": True, "no_cache": True, "private": True}),
        ("must-revalidate, proxy-revalidate", {"must_revalidate": True, "proxy_revalidate": True}),
        ("no-transform, only-if-cached", {"no_transform": True, "only_if_cached": True}),
        ("immutable, must-understand", {"immutable": True, "must_understand": True}),
        ("max-stale", {"max_stale": LONGEST_TIME}),
        ("max-stale=5, max-stale", {"max_stale": 5}),
        ("min-fresh=5, min-fresh=9", {"min_fresh": 9}),
        (
            "stale-while-revalidate=5, stale-if-error=6",
            {"stale_while_revalidate": 5, "stale_if_error": 6},
        ),
        ('no-cache="A, b"', {"no_cache_fields": frozenset({"a", "b"})}),
        ("private=set-cookie", {"private_fields": frozenset({"set-cookie"})}),
        ('private="a", private="b"', {"private_fields": frozenset({"a", "b"})}),
        ('private="a", private', {"private_fields": frozenset({"a"}), "private": True}),
        ('extension, other=thing, third="a, no-store"', {}),
        ('ext="max-age=900", max-age=60', {"max_age": 60}),
        ('max-age=60, ext="max-age=900"', {"max_age": 60}),
        ('ext="a\\", no-store", max-age=60', {"max_age": 60}),
    ],
)
def test_what_is_well_formed(text: str, expected: dict[str, Any]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max-age", {"max_age": 0}),
        ("max-age=", {"max_age": 0}),
        ("max-age=1h", {"max_age": 0}),
        ("max-age=-1", {"max_age": 0}),
        ("max-age=+1", {"max_age": 0}),
        ("max-age=1.5", {"max_age": 0}),
        ("max-age=1e3", {"max_age": 0}),
        ("max-age =60", {"max_age": 0}),
        ("max-age= 60", {"max_age": 0}),
        ("max-age=6 0", {"max_age": 0}),
        ("max-age='60'", {"max_age": 0}),
        ("max-age=٦٠", {"max_age": 0}),
        ("max-age=60, max-age=junk", {"max_age": 0}),
        ("max-age=60 max-age=90", {"max_age": 0}),
        ("s-maxage=x", {"s_maxage": 0}),
        ("stale-if-error=x, max-stale=x", {"stale_if_error": 0, "max_stale": 0}),
        ("min-fresh=x", {"min_fresh": LONGEST_TIME}),
        ("no-store=yes", {"no_store": True}),
        ("no-store foo", {"no_store": True}),
        ("no-store; max-age=60", {"no_store": True}),
        ("public=1", {}),
        ("public foo", {}),
        ("must-understand=1", {}),
        ('private=""', {"private": True}),
        ('no-cache="a b"', {"no_cache": True}),
        ('no-cache="a', {"no_cache": True}),
        ('ext="a, no-store, public, max-age=60', {"no_store": True, "max_age": 0}),
        ('"x, private', {"private": True}),
        ('ext ="a, no-store, max-age=9"', {"no_store": True, "max_age": 0}),
    ],
)
def test_what_is_malformed_means_the_most_careful_thing(text: str, expected: dict[str, Any]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2147483647", 2**31 - 1),
        ("2147483648", 2**31),
        ("99999999999", 2**31),
        ("9" * 5000, 2**31),
        ("0" * 5000, 0),
    ],
)
def test_long_times_are_capped(text: str, expected: int) -> None:
    assert seconds(text) == expected


DIRECTIVES = st.sampled_from([name.replace("_", "-") for name in CacheControl._fields])
VALUES = st.sampled_from(["", "=", "=60", '="60"', "=x", '="a, b"', '="', " =1", "= 1", "=-1"])
TEXTS = st.lists(st.tuples(DIRECTIVES, VALUES).map("".join) | st.text(max_size=8), max_size=6).map(", ".join)


@given(TEXTS | st.text())
def test_nothing_raises_and_times_are_within_bounds(text: str) -> None:
    found = parse(text)
    for value in found:
        assert isinstance(value, bool | frozenset | None) or 0 <= value <= LONGEST_TIME


@given(TEXTS, TEXTS)
def test_more_text_never_lengthens_a_life(text: str, more: str) -> None:
    assume(text.count('"') % 2 == 0 and "\\" not in text)  # otherwise what follows is between quotes
    alone, both = parse(text), parse(f"{text}, {more}")
    for name in ("max_age", "s_maxage", "max_stale", "stale_while_revalidate", "stale_if_error"):
        if getattr(alone, name) is not None:
            assert getattr(both, name) <= getattr(alone, name)
    for name in ("no_store", "no_cache", "private", "must_revalidate", "proxy_revalidate"):
        assert getattr(both, name) >= getattr(alone, name)
    assert both.private_fields >= alone.private_fields or both.private


@given(TEXTS, TEXTS)
def test_text_in_front_hides_no_prohibition(text: str, before: str) -> None:
    """A quote that is never closed included; one that is closed within it is what quotes are for."""
    if '"' in text:
        return
    both = parse(f'ext="{before.replace(chr(34), "")}, {text}')
    for name in ("no_store", "no_cache", "must_revalidate", "proxy_revalidate"):
        assert getattr(both, name) >= getattr(parse(text), name)
    if parse(text).max_age is not None:
        assert both.max_age == 0


def test_each_distinct_text_is_read_once_and_long_ones_are_not_remembered() -> None:
    assert parse("max-age=77") is parse("max-age=77")
    before = cachecontrol._remembered.cache_info().currsize
    parse("x" * 5000)
    assert cachecontrol._remembered.cache_info().currsize == before


@pytest.mark.parametrize(
    "text", ['a="' * 20000, 'a="b"x,' * 20000, "," * 100000, '"' * 100000, "\\" * 100000]
)
def test_hostile_texts_are_read_in_linear_time(text: str) -> None:
    parse(text)  # quadratic ones take minutes
