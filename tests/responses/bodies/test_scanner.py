from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.responses.bodies.scanner import ATTRIBUTE, COMMENT, TAG, TEXT, skipping, walk

tags = st.text("a=\"'/ >b\n<", max_size=14).map(lambda rest: f"<a{rest}".encode())


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        (b"<a>", (b"", b"a", b"", b"")),
        (b"</a>", (b"/", b"a", b"", b"")),
        (b"<br/>", (b"", b"br", b"", b"/")),
        (b"<br />", (b"", b"br", b" ", b"/")),
        (b"<a b=c/>", (b"", b"a", b" b=c/", b"")),  # the slash belongs to the value
        (b"<a b='>'>", (b"", b"a", b" b='>'", b"")),
        (b'<a b=">" c>', (b"", b"a", b' b=">" c', b"")),
        (b'<a b"c>', (b"", b"a", b' b"c', b"")),  # no value, so no quote
        (b"<a b=it's>", (b"", b"a", b" b=it's", b"")),
        (b"<a =b='>'>", (b"", b"a", b" =b='>'", b"")),
        (b"<a b = 'c' d>", (b"", b"a", b" b = 'c' d", b"")),
        (b"<a b=>", (b"", b"a", b" b=", b"")),
        (b"<a b='c'd='e'>", (b"", b"a", b" b='c'd='e'", b"")),
        (b"<a<b>", (b"", b"a<b", b"", b"")),
        (b"<my-tag\nx>", (b"", b"my-tag", b"\nx", b"")),
    ],
)
def test_tag_is_read_as_browsers_read_it(text: bytes, groups: tuple[bytes, ...]) -> None:
    match = TAG.fullmatch(text)
    assert match is not None
    assert match.groups() == groups


@pytest.mark.parametrize(
    "text", [b"<a", b"<a b='>", b'<a b=">', b"<a b=c", b"< a>", b"<1>", b"</ a>", b"<>", b"<!a>"]
)
def test_what_is_no_whole_tag_is_none(text: bytes) -> None:
    assert TAG.match(text) is None


@given(text=tags, cut=st.integers(0, 16))
def test_walk_ends_where_the_tag_ends_wherever_it_is_cut(text: bytes, cut: int) -> None:
    cut = min(max(cut, 1), len(text))
    state, end = walk("name", text[:cut], 1)
    if state:
        state, end = walk(state, text[cut:], 0)
        end += cut
    whole = TAG.match(text)
    assert (state == "") == (whole is not None)
    assert whole is None or end == whole.end()


def test_attributes_come_with_their_values_as_they_stand() -> None:
    found = [match.groups() for match in ATTRIBUTE.finditer(b" a=1 b = '2' c d=\"3\"/e ")]
    assert found == [(b"a", b"1"), (b"b", b"'2'"), (b"c", None), (b"d", b'"3"'), (b"e", None)]


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        (b"<!-->x", b"<!-->"),
        (b"<!--->x", b"<!--->"),
        (b"<!--x", b"<!--"),
        (b"<!---x", b"<!--"),
        (b"<!----", b"<!--"),
    ],
)
def test_comment_may_end_at_once(text: bytes, begun: bytes) -> None:
    match = COMMENT.match(text)
    assert match is not None
    assert match[0] == begun


@pytest.mark.parametrize("text", [b"<!--", b"<!---"])
def test_comment_that_may_end_at_once_is_unclear(text: bytes) -> None:
    assert COMMENT.match(text) is None


@pytest.mark.parametrize(
    ("text", "stop"),
    [
        (b"text < 3 <p>x</p><b class='a'><title>", b"<title>"),
        (b"<p><TITLE >", b"<TITLE >"),
        (b"<p></title>", b"</title>"),
        (b"<titles>", b""),
        (b"<p title='<title>'><!-- -->", b"<!-- -->"),
        (b"<p><?xml ?>", b"<?xml ?>"),
        (b"<p></>", b"</>"),
        (b"<p>x<p a='", b"<p a='"),
        (b"<p>x<", b"<"),
        (b"<p a=1><p HREF=2>", b"<p HREF=2>"),
        (b'<p a="1" href="2">', b'<p a="1" href="2">'),
        (b"<p hrefs=2 xhref=3 a='href=4'>", b""),
    ],
)
def test_leap_stops_at_what_matters_and_at_what_is_no_whole_tag(text: bytes, stop: bytes) -> None:
    match = skipping(b"title", b"href").match(text)
    assert match is not None
    assert text[match.end() :] == stop


@given(text=st.text("<a>/ t=\"'!", max_size=30).map(str.encode))
def test_leap_stops_where_going_tag_by_tag_stops(text: bytes) -> None:
    position = 0
    while True:
        position = TEXT.match(text, position).end()  # type: ignore[union-attr]
        tag = TAG.match(text, position)
        if tag is None or tag[2] == b"t":
            break
        position = tag.end()
    leap = skipping(b"t").match(text)
    assert leap is not None
    assert leap.end() == position


def test_time_is_linear_in_what_is_hostile() -> None:
    """Without possessive quantifiers each of these would take hours."""
    for text in (
        b"<a" + b" a=" * 50_000,
        b"<a " + b"a" * 100_000,
        b"<a" + b" ='" * 50_000,
        b"<" * 100_000,
        b"<a/" * 50_000,
    ):
        skipping(b"title", b"href").match(text)
        TAG.match(text)
