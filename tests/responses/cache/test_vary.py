"""What selects a response: Vary, normalised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http.accept import qualities
from wsgikit.responses.cache.asked import Asked
from wsgikit.responses.cache.head import Head
from wsgikit.responses.cache.vary import COOKIES, STEERING, normalised, selecting, value_of, varies_by


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([], ()),
        (["Foo"], ("foo",)),
        (["foo, BAR", "Foo"], ("bar", "foo")),
        ([" , foo,,"], ("foo",)),
        (["*"], ("*",)),
        (["foo", "*"], ("*", "foo")),
    ],
)
def test_names_of_vary(lines: list[str], names: tuple[str, ...]) -> None:
    assert varies_by(Head(200, [("Vary", line) for line in lines])) == names


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("accept-encoding", "gzip, br", "br,gzip"),
        ("accept-encoding", "gzip;q=0.5, br", "br;q=1.0,gzip;q=.5".replace("=.5", "=0.500")),
        ("accept-encoding", "GZIP", "gzip"),
        ("accept-language", "en , de;q=0.5", "en,de; q=0.5"),
        ("accept-language", "en-US", "en-us"),
        ("foo", " a,b", "a , b "),
    ],
)
def test_the_same_preference_is_one_variant(name: str, one: str, other: str) -> None:
    assert normalised(name, one) == normalised(name, other)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("accept-encoding", "gzip;q=0", "gzip"),
        ("accept-encoding", "gzip;q=foo, br", "br"),  # each app has its own idea of the malformed member
        ("accept-encoding", "gzip, gzip;q=0", "gzip"),
        ("accept-encoding", "gzip;x=1", "gzip"),
        ("accept-encoding", "identity", ""),
        ("accept-language", "en, de", "de, en"),
        ("foo", "A", "a"),  # an app to which case matters could answer the first with its default
        ("foo", "a b", "ab"),
        ("foo", '"a , b"', '"a,b"'),
        ("cookie", "a=1;b=2", "b=2;a=1"),
    ],
)
def test_what_an_app_could_tell_apart_is_two(name: str, one: str, other: str) -> None:
    assert normalised(name, one) != normalised(name, other)


@given(st.text(st.sampled_from("gzip, br;q=01.x*\t"), max_size=30))
def test_what_is_normalised_asks_for_the_same(text: str) -> None:
    assert qualities(normalised("accept-encoding", text)) == qualities(text)
    assert normalised("accept-encoding", normalised("accept-encoding", text)) == normalised(
        "accept-encoding", text
    )


def test_an_empty_header_is_none() -> None:
    assert value_of("foo", {"HTTP_FOO": ""}) is value_of("foo", {}) is None


def test_content_headers_have_keys_of_their_own() -> None:
    assert value_of("content-type", {"CONTENT_TYPE": "a/b"}) == "a/b"


def test_what_is_kept_names_what_steers_and_cookies_on_demand() -> None:
    head = Head(200, [("Vary", "Foo")])
    environ = {"HTTP_FOO": "1", "HTTP_COOKIE": "a=1", "HTTP_X_FORWARDED_HOST": "evil"}
    steered = (STEERING, "HTTP_X_FORWARDED_HOST=evil")
    value = Asked(environ).value
    assert selecting(head, value, cookies=False) == (steered, ("foo", "1"))
    with_cookies = selecting(head, value, cookies=True)
    assert [name for name, _ in with_cookies] == [STEERING, COOKIES, "foo"]


@pytest.mark.parametrize("name", [COOKIES, "cookie", "authorization"])
def test_credentials_are_told_apart_by_a_digest(name: str) -> None:
    key = "HTTP_AUTHORIZATION" if name == "authorization" else "HTTP_COOKIE"
    value = value_of(name, {key: "a=secret"})
    assert value is not None
    assert "secret" not in value
    assert value == value_of(name, {key: " a=secret"})
    assert value_of(name, {key: "a=x ,y"}) != value_of(name, {key: "a=x,y"})
    assert value_of(name, {key: value.strip()}) != value  # nobody gets there by sending the digest


def test_long_values_are_told_apart_in_little_memory() -> None:
    one, other = (value_of("foo", {"HTTP_FOO": "x" * 100_000 + end}) for end in "ab")
    assert one is not None
    assert other is not None
    assert one != other
    assert len(one) < 100
    assert value_of("foo", {"HTTP_FOO": one.strip()}) != one
    steered = value_of(STEERING, {"HTTP_X_FORWARDED_HOST": "x" * 100_000})
    assert steered is not None
    assert len(steered) < 100


@given(st.text(st.sampled_from(" \t,;a"), max_size=12))
def test_space_around_separators_is_dropped_and_no_other(text: str) -> None:
    parts = [part.strip(" \t") for part in text.replace(";", ",").split(",")]
    separators = [character for character in text if character in ",;"]
    expected = "".join(part + sep for part, sep in zip(parts, [*separators, ""], strict=True))
    assert normalised("foo", text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r'host="a\"b"', r'host="a\"c"'),
        ('host="a,b', 'host="a,c'),
        ('host="a\\', 'host="a'),
        ('for="x;host=a"', 'for="x;host=b"'),
    ],
)
def test_a_malformed_forwarded_hides_no_host(one: str, other: str) -> None:
    assert value_of(STEERING, {"HTTP_FORWARDED": one}) != value_of(STEERING, {"HTTP_FORWARDED": other})


@pytest.mark.parametrize(
    ("forwarded", "value"),
    [
        ("for=1", None),
        ("for=1;host=a;proto=https", "host=a\nproto=https"),
        ('for="[::1]", Host="a:80" ;by=x', 'Host="a:80"\nby=x'),
    ],
)
def test_of_forwarded_only_host_scheme_and_interface_count(forwarded: str, value: str | None) -> None:
    assert value_of(STEERING, {"HTTP_FORWARDED": forwarded}) == value
