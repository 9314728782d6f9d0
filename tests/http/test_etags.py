from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http import etags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ('"a"', ('"a"',)),
        ('W/"a"', ('W/"a"',)),
        (' "a" , W/"b","c"', ('"a"', 'W/"b"', '"c"')),
        ('"a,b", "c"', ('"a,b"', '"c"')),
        ('""', ('""',)),
        ('"a", , "b",', ('"a"', '"b"')),
        ('"with space"', ('"with space"',)),
        ('"\xe9"', ('"\xe9"',)),
        ("", ()),
    ],
)
def test_a_list_gives_its_tags_as_written(text: str, tags: tuple[str, ...]) -> None:
    assert etags.parse(text) == tags


@pytest.mark.parametrize(
    "member", ["b", "'b'", 'w/"b"', 'W"b"', '"b', 'b"', '"b"c', '"b""c"', '"b\x01"', "*"]
)
def test_a_member_that_is_no_tag_is_left_out(member: str) -> None:
    assert etags.parse(f'"a",{member}') == ('"a"',)


@pytest.mark.parametrize("text", ["*", " *\t"])
def test_a_star_alone_is_any(text: str) -> None:
    assert etags.parse(text) == "*"


@pytest.mark.parametrize(
    ("one", "other", "strongly", "weakly"),
    [  # the table of RFC 9110 section 8.8.3.2
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
    ],
)
def test_R2_R3_the_two_comparisons(one: str, other: str, strongly: bool, weakly: bool) -> None:
    assert etags.strong(one, other) is strongly
    assert etags.strong(other, one) is strongly
    assert etags.weak(one, other) is weakly
    assert etags.weak(other, one) is weakly


@pytest.mark.parametrize(
    ("tag", "valid"), [('"a"', True), ('W/"a"', True), ("a", False), ('"a", "b"', False)]
)
def test_one_tag_is_told_from_what_is_none(tag: str, valid: bool) -> None:
    assert etags.valid(tag) is valid


@given(st.lists(st.from_regex(r'(W/)?"[!#-~]{0,8}"', fullmatch=True)))
def test_a_list_of_any_tags_is_read_whole(tags: list[str]) -> None:
    assert etags.parse(", ".join(tags)) == tuple(tags)


@given(st.text(alphabet='"W/,* ab\t\x00', max_size=60))
def test_whatever_is_read_is_a_tag(text: str) -> None:
    assert all(tag == "*" or etags.valid(tag) for tag in etags.parse(text))
