"""Keys of a mount: one normal form, or an error that says what would do."""

from __future__ import annotations

import pytest

from wsgikit.mounting.keys import Key, parse_key, split_host


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("/", Key("", "", "", "")),
        ("", Key("", "", "", "")),
        ("/blog", Key("", "", "", "/blog")),
        ("/blog/", Key("", "", "", "/blog")),
        ("/Blog/2026", Key("", "", "", "/Blog/2026")),
        ("/café", Key("", "", "", "/caf\xc3\xa9")),
        ("//admin.example.com", Key("", "admin.example.com", "", "")),
        ("//Admin.Example.COM/", Key("", "admin.example.com", "", "")),
        ("//admin.example.com./x", Key("", "admin.example.com", "", "/x")),
        ("//*.example.com:8080/api", Key("", "*.example.com", "8080", "/api")),
        ("//example.com:080", Key("", "example.com", "80", "")),
        ("https://host/x", Key("https", "host", "", "/x")),
        ("HTTP://host:8080", Key("http", "host", "8080", "")),
        ("//[::1]:8080/x", Key("", "[::1]", "8080", "/x")),
        ("//[0:0:0:0:0:0:0:1]", Key("", "[::1]", "", "")),
        ("//[2001:DB8::A]", Key("", "[2001:db8::a]", "", "")),
        ("//127.0.0.1", Key("", "127.0.0.1", "", "")),
        ("//bücher.example", Key("", "xn--bcher-kva.example", "", "")),
        ("//under_score.example", Key("", "under_score.example", "", "")),
    ],
)
def test_a_key_has_one_normal_form(written: str, normal: Key) -> None:
    assert parse_key("Mount", written) == normal


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("blog", "did you mean '/blog'?"),
        ("*.example.com", "a path begins with a slash"),
        ("/a//b", "empty segment"),
        ("/a/../b", "dot segment"),
        ("/a/.", "dot segment"),
        ("/a?b", "no query"),
        ("/a#b", "no fragment"),
        ("/caf%C3%A9", "decoded"),
        ("/a\\b", "backslash"),
        ("/a\0", "control"),
        ("/\ud800", "half of a character"),
        ("//", "after // stands a host"),
        ("///blog", "after // stands a host"),
        ("//user@host", "after // stands a host"),
        ("//a b", "after // stands a host"),
        ("//*", "for any host write the path alone"),
        ("//*.", "for any host"),
        ("//www.*.com", "at its front only"),
        ("//*example.com", "at its front only"),
        ("//-a.example", "a host is a name"),
        ("//host:0", "between 1 and 65535"),
        ("//host:70000", "between 1 and 65535"),
        ("//[::g]", "after // stands a host"),
        ("//[1::2::3]", "IPv6 address"),
        ("ftp://host", "http or https"),
    ],
)
def test_a_key_that_can_never_match_is_refused(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^Mount: key=") as raised:
        parse_key("Mount", written)
    assert said in str(raised.value)


def test_a_key_is_text() -> None:
    with pytest.raises(TypeError, match=r"Mount: key=7 \(int\)"):
        parse_key("Mount", 7)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Example.com", ("example.com", "")),
        ("example.com.:8080", ("example.com", "8080")),
        ("example.com:", ("example.com", "")),
        ("[::1]", ("[::1]", "")),
        ("[0::1]:80", ("[::1]", "80")),
        ("[nonsense]", ("", "")),
        ("a b", ("", "")),
        ("a:b", ("", "")),
        ("evil@example.com", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_host_header_is_read_as_keys_are(text: str, parts: tuple[str, str]) -> None:
    assert split_host(text) == parts
