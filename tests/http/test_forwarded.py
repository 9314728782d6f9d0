"""X-Forwarded-* and Forwarded as texts. What becomes of environ is tested with TrustedProxies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http import forwarded as module
from wsgikit.http.forwarded import at_hop, forwarded, host, members, node, port, prefix, read_element, scheme
from wsgikit.http.networks import Networks

TRUSTED = Networks(["10.0.0.0/8", "2001:db8:aaaa::/48"]).contains


def test_members_come_from_the_right() -> None:
    assert list(members("a, b ,\tc")) == ["c", "b", "a"]
    assert list(members("a,,")) == ["", "", "a"]
    assert list(members("")) == [""]


@given(st.text(alphabet='ab,"\\ \t'))
def test_members_are_what_split_gives(text: str) -> None:
    assert list(members(text)) == [member.strip(" \t") for member in reversed(text.split(","))]


@pytest.mark.parametrize(
    ("text", "hop", "value"),
    [
        ("https", 0, "https"),
        ("https", 3, "https"),
        ("http, https", 0, "https"),
        ("http,https", 1, "http"),
        ("http, https", 2, None),
        (" https ", 0, "https"),
        ("", 0, ""),
        (None, 0, None),
    ],
)
def test_a_list_gives_the_member_of_a_hop(text: str | None, hop: int, value: str | None) -> None:
    assert at_hop(text, hop) == value


@pytest.mark.parametrize("text", ["javascript", "https, http", "ftp", "wss", "", " https", "https:", None])
def test_what_is_no_scheme(text: str | None) -> None:
    assert scheme(text) is None


def test_a_scheme_is_lower_case() -> None:
    assert scheme("HTTPS") == scheme("Https") == "https"


@pytest.mark.parametrize(
    "text", ["example.com", "example.com:8443", "a_b.example", "[2001:db8::1]", "[::1]:80"]
)
def test_a_host_stays_as_it_is(text: str) -> None:
    assert host(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a b",
            "a/b",
            "a@b",
            "a,b",
            "a?b",
            "a#b",
            "a:",
            "a:x",
            "a:0",
            "a:65536",
            "a:80:80",
            "[::1",
            "::1",
        ),
        *("a\r\nX: y", "<script>", 'a"', "a\\b", "[not v6]", "é", "a" * 300, None),
    ],
)
def test_what_is_no_host(text: str | None) -> None:
    assert host(text) is None


@pytest.mark.parametrize(
    ("text", "found"), [("80", "80"), ("0443", "443"), ("65535", "65535"), ("65536", None), ("0", None)]
)
def test_a_port_is_a_number_from_1_to_65535(text: str, found: str | None) -> None:
    assert port(text) == found


@pytest.mark.parametrize("text", ["", "abc", "-1", "+80", "8 0", "80, 443", "٨٠", "1e3", "000080", None])
def test_what_is_no_port(text: str | None) -> None:
    assert port(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/app", "/app"),
        ("/app/", "/app"),
        ("/a/b", "/a/b"),
        ("/caf%C3%A9", "/caf\xc3\xa9"),
        ("/a.b-c_d~e", "/a.b-c_d~e"),
        ("/", ""),
    ],
)
def test_a_prefix_is_as_script_name_has_it(text: str, found: str) -> None:
    assert prefix(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "app",
            "evil/",
            "//evil.example",
            "/a//b",
            "/a/../b",
            "/..",
            "/.",
            "/%2e%2e",
            "/a%00",
            "/a%0d%0aX",
        ),
        *("/a b", "/a?b", "/a#b", "/a\\b", "/a%5Cb", "/%2F%2Fevil", "/a\n", "http://evil/", "/é", None),
    ],
)
def test_what_is_no_prefix(text: str | None) -> None:
    assert prefix(text) is None


@pytest.mark.parametrize(
    ("text", "found", "kept"),
    [
        ("for=192.0.2.1", "192.0.2.1", "for=192.0.2.1"),
        ("For=192.0.2.1;Proto=https", "192.0.2.1", "for=192.0.2.1;Proto=https"),
        ('for="192.0.2.1:4711"', "192.0.2.1", "for=192.0.2.1"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1", 'for="[2001:db8::1]"'),
        ("for=[2001:db8::1]", "2001:db8::1", 'for="[2001:db8::1]"'),
        ('for="1\\92.0.2.1"', "192.0.2.1", "for=192.0.2.1"),
        (";for=192.0.2.1;", "192.0.2.1", "for=192.0.2.1"),
        ("for=192.0.2.1 ; proto=http", "192.0.2.1", "for=192.0.2.1;proto=http"),
        ("for=192.0.2.1;by=_me;secret=x", "192.0.2.1", "for=192.0.2.1;by=_me;secret=x"),
        ("for=192.0.2.1;proto=javascript", "192.0.2.1", "for=192.0.2.1"),
        ('for=192.0.2.1;host="a b"', "192.0.2.1", "for=192.0.2.1"),
        ('host="a,b;c";for=192.0.2.1', "192.0.2.1", "for=192.0.2.1"),
    ],
)
def test_an_element_keeps_what_may_be_passed_on(text: str, found: str, kept: str) -> None:
    element = read_element(text)
    assert element.address == found
    assert element.text == kept


@pytest.mark.parametrize(
    "text",
    [
        *("", "for", "for=", "=192.0.2.1", "for = 192.0.2.1", 'for="192.0.2.1', "for=192.0.2.1 proto=http"),
        *(
            "for=unknown",
            "for=_hidden",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1;For=192.0.2.1",
            'for="',
        ),
        *("192.0.2.1", "for=192.0.2.1\x00", "proto=https", 'for="192.0.2.1"x', "for=<script>"),
    ],
)
def test_an_element_without_a_usable_address(text: str) -> None:
    assert read_element(text).address is None


@pytest.mark.parametrize(
    "text",
    [
        'for="a, for=203.0.113.9',
        'for="a, for="203.0.113.9"',
        '", for=203.0.113.9',
        'for=1.1.1.1;x=", for=203.0.113.9',
        "for=\\, for=203.0.113.9",
        'for="\\", for="203.0.113.9"',
        'for=1.1.1.1, for=203.0.113.9;host="x, for=10.0.0.1"',
        'for=1.1.1.1, for=203.0.113.9;host="x\\", for=10.0.0.1"',
    ],
)
def test_no_quote_of_the_clients_hides_what_the_proxy_added(text: str) -> None:
    assert forwarded(text, TRUSTED).client == "203.0.113.9"


def test_the_element_of_the_client_says_scheme_and_host() -> None:
    text = "for=1.1.1.1;proto=http, for=203.0.113.9;proto=https;host=shop.example, for=10.0.0.2;proto=http"
    claims = forwarded(text, TRUSTED)
    assert (claims.client, claims.scheme, claims.host) == ("203.0.113.9", "https", "shop.example")
    assert claims.headers == {
        "HTTP_FORWARDED": "for=203.0.113.9;proto=https;host=shop.example, for=10.0.0.2;proto=http"
    }


@given(st.text(alphabet='for=,;"\\[]:.0123456789abcdef_ \tproth', max_size=80))
def test_any_text_is_read(text: str) -> None:
    claims = forwarded(text, TRUSTED)
    if claims.client is not None:
        # What is passed on says the same again.
        again = forwarded(claims.headers["HTTP_FORWARDED"], TRUSTED)
        assert (again.client, again.headers) == (claims.client, claims.headers)


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_the_client_wrote_before_changes_nothing(before: str, more: str) -> None:
    added = 'for="[2001:db8::7]";proto=https'
    assert forwarded(f"{before}{more}, {added}", TRUSTED) == forwarded(added, TRUSTED)


def test_the_walk_is_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header of many elements costs no more than the ones that are believed."""
    read: list[str] = []
    monkeypatch.setattr(module, "read_element", lambda text: read.append(text) or read_element(text))
    forwarded("for=1.1.1.1, " * 1000 + "for=203.0.113.9, for=10.0.0.1", TRUSTED)
    assert read == ["for=10.0.0.1", "for=203.0.113.9"]


def test_a_node_quotes_ipv6() -> None:
    assert node("192.0.2.1") == "192.0.2.1"
    assert node("2001:db8::1") == '"[2001:db8::1]"'
