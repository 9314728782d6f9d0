"""Hosts are compared as the net compares them."""

from __future__ import annotations

import pytest

from wsgikit.routing.hosts import HostPattern, split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Example.COM", ("example.com", "80")),
        ("example.com.", ("example.com", "80")),
        ("example.com:8080", ("example.com", "8080")),
        ("example.com:", ("example.com", "80")),
        ("[::1]:81", ("[::1]", "81")),
        ("[0:0:0:0:0:0:0:1]", ("[::1]", "80")),
        ("[nonsense]", ("", "80")),
        ("evil.org/.example.com", ("", "80")),
        ("user@example.com", ("", "80")),
        ("a:b:c", ("", "")),
        ("", ("", "80")),
        ("exa\xe9mple.com", ("", "80")),
    ],
)
def test_a_host_header_is_taken_apart(text, expected):
    assert split(text, "http") == expected


def test_the_port_left_out_is_the_schemes_own():
    assert split("example.com", "https") == ("example.com", "443")
    assert split("example.com", "gopher") == ("example.com", "")


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (
            "example.com",
            ["example.com", "EXAMPLE.com:99", "example.com."],
            ["www.example.com", "example.org"],
        ),
        (
            "*.example.com",
            ["a.example.com", "a.b.example.com"],
            ["example.com", "aexample.com", ".example.com"],
        ),
        ("*.example.com:8080", ["a.example.com:8080"], ["a.example.com", "a.example.com:80"]),
        ("example.com:80", ["example.com", "example.com:80"], ["example.com:81"]),
        ("[::1]", ["[::1]", "[0::1]:9"], ["[::2]", "::1"]),
        ("::1", ["[::1]"], ["[::2]"]),
        ("bücher.example", ["xn--bcher-kva.example"], ["bcher.example"]),
        ("*", ["anything", "", "bad host"], []),
        ("*:81", ["a:81"], ["a"]),
        ("my_host", ["my_host"], ["myhost"]),
    ],
)
def test_a_pattern_means_these_hosts_and_no_others(pattern, matching, other):
    ready = HostPattern(pattern, layer="Host", option="patterns")
    for text in matching:
        assert ready.matches(*split(text, "http")), text
    for text in other:
        assert not ready.matches(*split(text, "http")), text


@pytest.mark.parametrize(
    "text", ["", "http://example.com", "a/b", "a b", "*x.com", "a.*.com", "[::g]", "*.", "x:y"]
)
def test_what_is_no_host_is_refused_by_name(text):
    with pytest.raises(ValueError, match="Host: patterns="):
        HostPattern(text, layer="Host", option="patterns")


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="Host: patterns="):
        HostPattern(b"example.com", layer="Host", option="patterns")
