"""Keys: one for each resource, however it is spelled, and never one for two."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.responses.cache.invalidate import SAFE, invalidated
from wsgikit.responses.cache.keys import _resource, canonical, key, keys_of, same_origin
from wsgikit.testing.environ import build_environ


def environ(path: str = "/", **more: Any) -> dict[str, Any]:
    return {**build_environ("GET", path), "HTTP_HOST": "Example.com", **more}


@pytest.mark.parametrize(
    ("request_environ", "expected"),
    [
        (environ(), "http://example.com/"),
        (environ("/a?b=c"), "http://example.com/a?b=c"),
        (environ(HTTP_HOST="example.com:80"), "http://example.com/"),
        (environ(HTTP_HOST="example.com:8080"), "http://example.com:8080/"),
        (environ(HTTP_HOST="example.com:443", **{"wsgi.url_scheme": "https"}), "https://example.com/"),
        (environ("/b", SCRIPT_NAME="/a"), "http://example.com/a/b"),
        (environ("/%C3%A9"), "http://example.com/%C3%A9"),
        (environ("/%c3%a9"), "http://example.com/%C3%A9"),
        (environ("/%7Eme"), "http://example.com/~me"),
        (environ("/a%2Fb"), "http://example.com/a%2Fb"),
        (environ("/a%2fb", RAW_URI="", REQUEST_URI=""), "http://example.com/a/b"),
        (environ("/a%20b", RAW_URI="", REQUEST_URI=""), "http://example.com/a%20b"),
        (
            environ("/a%2Fb", RAW_URI="/elsewhere%2F"),
            "http://example.com/a/b",
        ),  # rewritten: the raw one is another's
        (environ("/a%2Fb", SCRIPT_NAME="/m"), "http://example.com/m/a%2Fb"),
        (
            environ("/a%2Fb", RAW_URI="http://example.com/a%2Fb?x", QUERY_STRING="x"),
            "http://example.com/a%2Fb?x",
        ),
        (environ("/a", RAW_URI="/a?"), "http://example.com/a?"),
        (environ("/", PATH_INFO="", SCRIPT_NAME=""), "http://example.com/"),
        ({"REQUEST_METHOD": "GET", "SERVER_NAME": "s", "SERVER_PORT": "80"}, "http://s/"),
    ],
)
def test_key_of_a_request(request_environ: dict[str, Any], expected: str) -> None:
    assert key(request_environ) == expected


@pytest.mark.parametrize(
    ("host", "path", "others_host", "others_path"),
    [
        ("example.com/admin", "/page", "example.com", "/admin/page"),
        ("example.com/a?b=", "/c", "example.com", "/a?b=/c"),
        ("example.com#", "/c", "example.com", "/c"),
        ("example.co", "m/c", "example.com", "/c"),  # waitress lets such a request line through
        ("example.com", "*", "example.com*", "/"),
        ("\xc3.com", "/", "\xe3.com", "/"),
    ],
)
def test_a_host_and_a_path_are_never_taken_for_another_two(
    host: str, path: str, others_host: str, others_path: str
) -> None:
    path, _, query = path.partition("?")
    mine = environ(HTTP_HOST=host, PATH_INFO=path, QUERY_STRING=query, RAW_URI="", REQUEST_URI="")
    assert key(mine) != key(environ(others_path, HTTP_HOST=others_host))


_HOSTS = st.text(st.sampled_from("a./?#%:@ "), max_size=5)
_TARGETS = st.text(st.sampled_from("a./%?"), max_size=5)


@given(_HOSTS, _TARGETS, _HOSTS, _TARGETS)
def test_two_requests_have_one_key_only_if_they_are_for_the_same(
    host: str, path: str, others_host: str, others_path: str
) -> None:
    def made(host: str, path: str) -> dict[str, Any]:
        return environ("/", HTTP_HOST=host or "x", PATH_INFO=path, RAW_URI="", REQUEST_URI="")

    def same(host: str, path: str) -> tuple[str, str]:
        return (host or "x").removesuffix(":80").removesuffix(":"), path or "/"

    if key(made(host, path)) == key(made(others_host, others_path)):
        assert same(host, path) == same(others_host, others_path)


def test_long_paths_are_not_remembered() -> None:
    before = _resource.cache_info().currsize
    assert key(environ("/" + "a" * 10_000)) == "http://example.com/" + "a" * 10_000
    assert _resource.cache_info().currsize == before


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com", ["http://example.com/"]),
        ("HTTP://Example.COM:80/a?b#c", ["http://example.com/a?b"]),
        ("https://user@example.com:443/%7Ea", ["https://example.com/~a"]),
        ("http://example.com/a%2fb", ["http://example.com/a%2Fb", "http://example.com/a/b"]),
        ("http://example.com/é", ["http://example.com/%C3%A9"]),
        ("http://example.com/?", ["http://example.com/?"]),
        ("http://[::1]:8080/", ["http://[::1]:8080/"]),
        (
            "http://b\u00fccher.example/",
            ["http://b%c3%bccher.example/"],
        ),  # as a client that sends UTF-8 writes it
    ],
)
def test_keys_of_a_url(url: str, expected: list[str]) -> None:
    assert keys_of(url) == expected


PATHS = st.text(st.sampled_from("/ab%2Ff7Eé. ;?#"), max_size=20).map(lambda text: "/" + text)


@given(st.binary(max_size=12), st.sampled_from(["RAW_URI", "REQUEST_URI"]))
def test_purging_the_url_of_a_request_finds_it(path: bytes, name: str) -> None:
    from urllib.parse import quote

    quoted = "/" + quote(path, safe="")
    for raw in (quoted, ""):
        made = environ("/", PATH_INFO="/" + path.decode("latin-1"), RAW_URI="", REQUEST_URI="")
        made[name] = raw
        assert key(made) in keys_of("http://example.com" + quoted)


@given(PATHS)
def test_one_spelling_is_stable(path: str) -> None:
    assert canonical(canonical(path)) == canonical(path)


@given(st.text(), st.text())
def test_nothing_raises(raw: str, path: str) -> None:
    key(environ(RAW_URI=raw + "%2F", PATH_INFO=path))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a/", "http://A:80/b", True),
        ("http://a/", "https://a/", False),
        ("http://a/", "http://a:81/", False),
        ("http://a/", "http://b/", False),
        ("http://a/", "http://[/", False),
    ],
)
def test_same_origin(one: str, other: str, same: bool) -> None:
    assert same_origin(one, other) is same


@pytest.mark.parametrize("status", [199, 400, 404, 500, 0])
def test_only_success_invalidates(status: int) -> None:
    assert invalidated("http://a/x", status, [("Location", "/y")]) == []


@given(st.text(st.characters(max_codepoint=255)))
def test_a_place_is_of_the_same_origin_or_ignored(place: str) -> None:
    for url in invalidated("http://a/x", 200, [("Location", place)]):
        assert same_origin("http://a/", url)


def test_safe_methods_are_those_of_the_registry() -> None:
    assert {"GET", "HEAD", "OPTIONS", "TRACE"} <= SAFE
    assert not SAFE & {"POST", "PUT", "DELETE", "PATCH", "CONNECT", "MKCOL"}
