"""One cookie out of a header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_cookie

from wsgikit.http.cookies import value_of


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("sid=1", "1"),
        ("a=b; sid=1; c=d", "1"),
        ("a=b;sid=1;c=d", "1"),
        ("a=b;\t sid=1 ; c=d", "1"),
        (" sid=1", "1"),
        ("sid=1; sid=2", "1"),
        ('sid="1"', "1"),
        ('sid="1"; a=b', "1"),
        ("sid=1=2", "1=2"),
        ("sid==", "="),
        ("sid=; sid=2", ""),
        ('sid=""', ""),
        ('sid="', '"'),
        ('sid="1', '"1'),
        ("xsid=0; sid=1", "1"),
        ("x-sid=0; sid=1", "1"),
        ("x sid=0; sid=1", "1"),
        ("a=sid=0; sid=1", "1"),
        ("a= sid=0; sid=1", "1"),
        ("sidx=0; sid=1", "1"),
        ("SID=0; sid=1", "1"),
        ('a="sid=0"; sid=1', "1"),
        ('a="x; sid=1; b=y"', "1"),  # the quotes belong to two cookies, for browsers
        ("a=sid=0", ""),
        ("xsid=0", ""),
        ("sid", ""),
        ("sid; a=b", ""),
        (";;;sid=1", "1"),
        ("", ""),
    ],
)
def test_value_is_found(header: str, value: str) -> None:
    assert value_of(header, "sid") == value


NAMES = st.sampled_from(["sid", "xsid", "sidx", "a", "x-sid", "si"])
PLAIN = st.text(alphabet="sid=1,.", max_size=8)


@given(
    st.lists(st.tuples(NAMES, PLAIN | PLAIN.map('"{}"'.format)), max_size=6),
    st.sampled_from(["; ", ";", " ;  "]),
)
def test_it_reads_as_werkzeug_does(cookies: list[tuple[str, str]], separator: str) -> None:
    header = separator.join(f"{name}={value}" for name, value in cookies)
    assert value_of(header, "sid") == parse_cookie(header).get("sid", "")


@given(st.text(alphabet='sid=; \t"x', max_size=60))
def test_it_reads_anything(header: str) -> None:
    assert value_of(header, "sid") in header
