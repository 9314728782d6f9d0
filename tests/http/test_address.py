"""Addresses out of texts."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http.address import address, numbered


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("192.0.2.1:65535", "192.0.2.1"),
        ("192.0.2.1:_gazonk", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]:_port", "2001:db8::1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:80", "fe80::1"),
        ("fe80::1%<script>", "fe80::1"),
    ],
)
def test_an_address_is_spelled_in_one_way(text: str, found: str) -> None:
    assert address(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "unknown",
        "_hidden",
        "localhost",
        "unix:",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.1.5",
        "010.0.0.1",
        "0x7f.1",
        "3221225985",
        " 192.0.2.1",
        "192.0.2.1 ",
        "192.0.2.1\n",
        "192.0.2.1:",
        "192.0.2.1:http",
        "192.0.2.1:123456",
        "192.0.2.1:80:80",
        "[192.0.2.1]",
        "[192.0.2.1]:80",
        "[2001:db8::1",
        "2001:db8::1]",
        "[]",
        "[]:80",
        "2001:db8::1::2",
        "fe80::1%",
        '"192.0.2.1"',
        "<script>",
        "192.0.2.1/24",
        "١٩٢.0.2.1",
        "1" * 5000,
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert address(text) is None


@given(
    st.one_of(
        st.ip_addresses(v=4).map(str),
        st.lists(st.one_of(st.integers(0, 300).map(str), st.text("0123456789", max_size=3)), max_size=5).map(
            ".".join
        ),
    )
)
def test_the_quick_way_for_ipv4_finds_what_ipaddress_finds(text: str) -> None:
    try:
        found = ip_address(text)
    except ValueError:
        assert address(text) is numbered(text) is None
    else:
        assert (address(text), numbered(text)) == (str(found), (4, int(found)))


@pytest.mark.parametrize(
    ("text", "found"),
    [("2001:db8::1", "2001:db8::1"), ("[::ffff:192.0.2.1]:80", "192.0.2.1"), ("192.0.2.1:80", "192.0.2.1")],
)
def test_a_number_is_that_of_the_address(text: str, found: str) -> None:
    assert numbered(text) == (ip_address(found).version, int(ip_address(found)))


@given(st.text(max_size=60))
def test_any_text_gives_an_address_or_none(text: str) -> None:
    found = address(text)
    assert found is None or str(ip_address(found)) == found


@given(st.ip_addresses(), st.integers(0, 65535))
def test_a_port_changes_nothing(found: object, port: int) -> None:
    text = str(found)
    assert address(f"[{text}]:{port}" if ":" in text else f"{text}:{port}") == address(text)
