from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.responses.heads.origins import Origins, list_origins


@pytest.mark.parametrize(
    ("listed", "inside", "outside"),
    [
        (
            "https://example.com",
            ["https://example.com"],
            [
                "http://example.com",
                "https://example.com:8443",
                "https://example.com.evil.org",
                "https://example.com/",
                "HTTPS://example.com",
                "https://Example.com",
                "https://evilexample.com",
                "https://example.com\r\nX: y",
                "null",
                "",
            ],
        ),
        (
            "https://*.example.com",
            ["https://a.example.com", "https://a.b.example.com", "https://xn--bcher-kva.example.com"],
            [
                "https://example.com",
                "http://a.example.com",
                "https://a.example.com:8443",
                "https://aexample.com",
                "https://a.exampleXcom",
                "https://.example.com",
                "https://a..example.com",
                "https://evil.org/.example.com",
                "https://evil.org#.example.com",
                "https://user@a.example.com",
                "https://a.example.com.evil.org",
                "https://*.example.com",
                "https://a.example.com\n",
                "null",
            ],
        ),
        ("http://*.test:8080", ["http://a.test:8080"], ["http://a.test", "http://a.test:80801"]),
        ("http://[::1]:3000", ["http://[::1]:3000"], ["http://[::1]"]),
        ("chrome-extension://abcdef", ["chrome-extension://abcdef"], ["chrome-extension://abcdeg"]),
    ],
)
def test_origins_are_compared_exactly(listed: str, inside: list[str], outside: list[str]) -> None:
    origins = Origins([listed])
    assert [one for one in inside if one not in origins] == []
    assert [one for one in outside if one in origins] == []


def test_a_function_is_asked_about_what_is_an_origin_and_no_other() -> None:
    asked: list[str] = []

    def ask(origin: str) -> bool:
        asked.append(origin)
        return origin.endswith(".test")

    origins = Origins([ask, "https://example.com"])
    assert "https://a.test" in origins
    assert "https://b.org" not in origins
    assert "https://example.com" in origins
    for text in ("null", "", "*", "https://a.test/", "https://a.test\r\nX: .test", "https://*.test"):
        assert text not in origins
    assert asked == ["https://a.test", "https://b.org"]


def test_null_is_in_it_only_by_name() -> None:
    assert "null" in Origins(["null"])
    assert "null" not in Origins(["https://*.example.com", lambda origin: True])


@given(st.text())
def test_no_text_is_taken_for_an_origin_below_the_pattern_unless_it_ends_as_that_does(text: str) -> None:
    if f"https://{text}.example.com" in Origins(["https://*.example.com"]):
        assert not set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789._-")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("example.com", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        ("https://example.com/app", "https://example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("https://Example.com", "https://example.com"),
        ("*.example.com", "https://*.example.com"),
        ("HTTPS://example.com", "https://example.com"),
    ],
)
def test_what_no_browser_sends_is_refused_and_what_was_meant_is_named(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match="CORS: origins=") as raised:
        Origins([text])
    assert str(raised.value).endswith(f"did you mean {meant!r}?")


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "",
        "https://*",
        "*://example.com",
        "https://a.*.com",
        "https://*a.com",
        "https://büro.de",
        "https://a b",
    ]
    + ["https://a.com:*", "https://a.com\n", "https://", "//example.com", "https://a.com,https://b.com"],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="CORS: origins="):
        Origins([text])


def test_one_or_several_make_a_list() -> None:
    assert list_origins("https://a.test") == ["https://a.test"]
    assert list_origins(str.isalpha) == [str.isalpha]
    assert list_origins(iter(["https://a.test"])) == ["https://a.test"]


@pytest.mark.parametrize("given", [None, 5, b"https://a.test", True])
def test_what_lists_nothing_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="CORS: origins="):
        list_origins(given)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(ValueError, match=r"CORS: origins=\[\]"):
        list_origins([])
