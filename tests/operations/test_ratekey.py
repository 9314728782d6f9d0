"""Whose requests are counted together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.operations.ratekey import identify_by
from wsgikit.testing import build_environ


def who(key: Any, **environ: Any) -> str | None:
    return identify_by("RateLimit", key)(environ)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]:4711", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unix"),
        ("unix:", "unix"),
        (None, "unix"),
    ],
)
def test_clients_are_counted_by_address_and_of_ipv6_by_the_first_64_bits(
    address: str | None, counted: str
) -> None:
    assert who("client_ip", REMOTE_ADDR=address) == counted


def test_without_an_address_it_is_a_unix_socket() -> None:
    assert who("client_ip") == "unix"


def test_a_header_counts_by_a_hash_of_its_value() -> None:
    one = who("header:X-Api-Key", HTTP_X_API_KEY="secret", REMOTE_ADDR="203.0.113.9")
    assert one == who("header:x-api-key", HTTP_X_API_KEY="secret", REMOTE_ADDR="203.0.113.10")
    assert one != who("header:X-Api-Key", HTTP_X_API_KEY="other")
    assert "secret" not in str(one)
    assert who("header:Content-Type", CONTENT_TYPE="secret") == one


def test_a_cookie_counts_by_a_hash_of_its_value() -> None:
    one = who("cookie:sid", HTTP_COOKIE="a=b; sid=secret", REMOTE_ADDR="203.0.113.9")
    assert one == who("cookie:sid", HTTP_COOKIE="sid=secret")
    assert one != who("cookie:sid", HTTP_COOKIE="sid=other")
    assert "secret" not in str(one)


@pytest.mark.parametrize("key", ["header:X-Api-Key", "cookie:sid"])
@pytest.mark.parametrize(
    "environ", [{}, {"HTTP_X_API_KEY": "", "HTTP_COOKIE": ""}, {"HTTP_COOKIE": "other=1"}]
)
def test_who_leaves_it_out_is_counted_by_address(key: str, environ: dict[str, Any]) -> None:
    """Otherwise leaving it out would be the way around the limit."""
    assert who(key, REMOTE_ADDR="203.0.113.9", **environ) == "203.0.113.9"


def test_a_function_says_who_or_nobody() -> None:
    assert who(lambda environ: environ["user"], user="ann") == who(lambda environ: "ann")
    assert who(lambda environ: 7) == who(lambda environ: "7")
    assert who(lambda environ: None) is None


@given(st.text(), st.text(), st.text())
def test_whatever_a_client_sends_is_short_and_plain(address: str, header: str, cookie: str) -> None:
    environ = {"REMOTE_ADDR": address, "HTTP_X": header, "HTTP_COOKIE": f"c={cookie}"}
    for key in ("client_ip", "header:X", "cookie:c", lambda environ: header):
        found = str(who(key, **environ))
        assert found.isascii()
        assert found.isprintable()
        assert 0 < len(found) <= 40


@pytest.mark.parametrize(
    "key", ["", "ip", "clientip", "header", "header:", "header:a b", "cookie:", "cookie:a=b", "x:y", 7, None]
)
def test_a_key_that_will_not_do_is_named(key: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="RateLimit: key="):
        identify_by("RateLimit", key)


def test_the_nearest_right_one_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'client_ip'"):
        identify_by("RateLimit", "clientip")


def test_it_reads_environ_as_a_server_gives_it() -> None:
    assert identify_by("RateLimit", "client_ip")(build_environ()) == "127.0.0.1"
