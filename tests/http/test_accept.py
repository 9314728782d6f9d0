"""What the client would rather have, case by case; the cases are those in which WebOb or Werkzeug is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http import accept as module
from wsgikit.http.accept import best_encoding, best_type, qualities

ALL = ("zstd", "br", "gzip")


def test_members_are_read_with_their_weights_and_in_lower_case() -> None:
    assert qualities("GZIP;q=0.5 , br\t;\tQ=1.000,*;q=0") == {"gzip": 0.5, "br": 1.0, "*": 0.0}


@pytest.mark.parametrize(
    "member",
    [
        "",
        ";",
        ";q=1",
        "gzip;q=foo",
        "gzip;q=",
        "gzip;q",
        "gzip;q=-1",
        "gzip;q=1.1",
        "gzip;q=0.1234",
        "gzip;q=1e-1",
    ]
    + [
        "gzip;q =0",
        "gzip;q= 0",
        'gzip;q="0"',
        "gz ip",
        "gzip/",
        "/gzip",
        "g\x00zip",
        "gzíp",
        "a/b/c",
        '"gzip"',
    ],
)
def test_malformed_member_is_dropped_and_the_others_count(member: str) -> None:
    assert qualities(f"{member}, br;q=0.5") == {"br": 0.5}


def test_comma_in_quotes_does_not_part_a_member() -> None:
    assert qualities('text/html;x="a,b\\",c";q=0.5, text/css') == {"text/html": 0.5, "text/css": 1.0}


def test_quote_that_is_never_closed_takes_the_rest_with_it() -> None:
    assert qualities('br, gzip;x="a, zstd') == {"br": 1.0, "gzip": 1.0}


def test_name_given_twice_keeps_its_first_weight() -> None:
    assert qualities("gzip;q=0, gzip") == {"gzip": 0.0}


@given(st.text(alphabet=st.sampled_from(list('ab,;="\\ \tq01.*/')), max_size=400))
def test_any_text_is_read_to_weights_between_0_and_1(text: str) -> None:
    assert all(0 <= weight <= 1 for weight in qualities(text).values())


@pytest.mark.parametrize("unit", ['a;    "', ";    ", '"', '\\"', '"\\', '"a",', 'a="', ", ,", " "])
def test_hostile_text_is_read_at_once(unit: str) -> None:
    # Seven of the first unit took 14 s where a regex could part the spaces in many ways; a hang is what fails here.
    qualities("a" + unit * 4096)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("gzip;q=0.8, br;q=0.8", "br"),
        ("gzip, br;q=0.5", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip, identity;q=0.5", "gzip"),
    ],
)
def test_G1_weights_are_honoured_and_ties_go_by_the_servers_order(text: str, chosen: str | None) -> None:
    assert best_encoding(text, ALL) == chosen


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("gzip;q=0", None),
        ("gzip;q=0.000, *", "zstd"),
        ("zstd;q=0, br;q=0, *;q=0.1", "gzip"),
        ("*", "zstd"),
        ("*;q=0", None),
        ("*;q=0, gzip", "gzip"),
    ],
)
def test_G2_zero_forbids_and_the_star_covers_what_is_not_named(text: str, chosen: str | None) -> None:
    assert best_encoding(text, ALL) == chosen


def test_G2_the_star_covers_identity_too() -> None:
    assert best_encoding("gzip;q=0.5, *", ("gzip",)) is None


@pytest.mark.parametrize("text", ["", " ", ",", ";;,", "gzip;q=foo", "deflate", "compress, exi", "identity"])
def test_G3_nothing_that_can_be_used_means_identity(text: str) -> None:
    assert best_encoding(text, ALL) is None


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("x-gzip", "gzip"), ("X-GZip;q=0.5", "gzip"), ("x-gzip, gzip;q=0", None), ("x-gzip;q=0, *", None)],
)
def test_G13_x_gzip_is_gzip(text: str, chosen: str | None) -> None:
    assert best_encoding(text, ("gzip",)) == chosen


@pytest.mark.parametrize("text", ["identity;q=0", "*;q=0", "identity;q=0, gzip;q=0", "identity;q=0, deflate"])
def test_G16_identity_is_sent_where_even_that_is_forbidden(text: str) -> None:
    assert best_encoding(text, ALL) is None


def test_nothing_on_offer_means_identity() -> None:
    assert best_encoding("gzip, *", ()) is None


OFFERS = ("text/plain", "text/html", "application/json")


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/*;q=0.5, application/json", "application/json"),
        ("application/*", "application/json"),
        ("text/plain;q=0, */*;q=0.1", "text/html"),
        ("image/png", "text/plain"),
        ("*/*;q=0", "text/plain"),
        ("*; q=.2, */*; q=.2", "text/plain"),
        ('application/json;profile="a,b";q=0.9, text/html;q=0.2', "application/json"),
    ],
)
def test_media_type_with_the_highest_weight_is_chosen(text: str, chosen: str) -> None:
    assert best_type(text, OFFERS) == chosen


def test_what_is_beyond_any_preference_is_neither_read_nor_remembered() -> None:
    module._best_encoding.cache_clear()
    assert best_encoding("x" * 250_000, ("gzip",)) is None
    assert best_encoding("x" * 4096 + ", gzip", ("gzip",)) is None
    assert module._best_encoding.cache_info().currsize == 1
