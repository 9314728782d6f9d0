from __future__ import annotations

from typing import Any

import pytest

from wsgikit.access.trust import TrustedProxies
from wsgikit.forwarding.forwarded import chain_of, forwarded, valid_host, x_forwarded


def fields(lines: tuple[str, ...]) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lines)


def environ(**more: Any) -> dict[str, Any]:
    return {"REMOTE_ADDR": "192.0.2.1", "wsgi.url_scheme": "http", **more}


def test_the_backend_is_told_who_asked_for_what() -> None:
    assert fields(x_forwarded(environ(), "site.example:8080", "/mnt")) == {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "site.example:8080",
        "X-Forwarded-Port": "8080",
        "X-Forwarded-Prefix": "/mnt",
    }


def test_port_is_the_schemes_own_unless_the_host_has_one() -> None:
    request = environ(**{"wsgi.url_scheme": "https"})
    assert fields(x_forwarded(request, "site.example", ""))["X-Forwarded-Port"] == "443"
    assert fields(x_forwarded(request, "[::1]:8443", ""))["X-Forwarded-Port"] == "8443"


def test_prefix_is_quoted_and_left_out_at_the_root() -> None:
    assert fields(x_forwarded(environ(), "h", "/caf\xc3\xa9 x/"))["X-Forwarded-Prefix"] == "/caf%C3%A9%20x"
    for mount in ("", "/"):
        assert "X-Forwarded-Prefix" not in fields(x_forwarded(environ(), "h", mount))


def test_a_host_that_is_only_the_servers_socket_is_not_named() -> None:
    assert "X-Forwarded-Host" not in fields(x_forwarded(environ(), "/run/app.sock", ""))


def test_what_the_client_claims_is_not_believed() -> None:
    assert chain_of(environ(HTTP_X_FORWARDED_FOR="203.0.113.9")) == "192.0.2.1"


@pytest.mark.parametrize("nobody", [None, "", "unix:", "unix", "<local>", "localhost"])
def test_a_peer_without_an_address_is_not_named(nobody: str | None) -> None:
    assert chain_of({"REMOTE_ADDR": nobody}) == ""
    assert "X-Forwarded-For" not in fields(x_forwarded({"REMOTE_ADDR": nobody}, "h", ""))


def test_a_port_in_the_peers_address_is_cut_off() -> None:
    assert chain_of({"REMOTE_ADDR": "192.0.2.1:4711"}) == "192.0.2.1"


def test_a_verified_chain_goes_on_with_the_true_peer() -> None:
    verified = environ(
        REMOTE_ADDR="203.0.113.9",
        HTTP_X_FORWARDED_FOR="203.0.113.9, 10.0.0.2",
        **{
            "wsgikit.original": {
                "REMOTE_ADDR": "10.0.0.1",
                "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.9, 10.0.0.2",
            }
        },
    )
    assert chain_of(verified) == "203.0.113.9, 10.0.0.2, 10.0.0.1"


def test_an_address_verified_by_another_field_begins_the_chain() -> None:
    verified = environ(REMOTE_ADDR="203.0.113.9", **{"wsgikit.original": {"REMOTE_ADDR": "10.0.0.1"}})
    assert chain_of(verified) == "203.0.113.9, 10.0.0.1"


def test_a_verified_client_behind_a_unix_socket_is_named_alone() -> None:
    verified = environ(REMOTE_ADDR="203.0.113.9", **{"wsgikit.original": {"REMOTE_ADDR": ""}})
    assert chain_of(verified) == "203.0.113.9"


def test_an_untrusted_peer_is_sent_alone() -> None:
    for original in ({}, {"REMOTE_ADDR": "192.0.2.1"}):
        refused = environ(**{"wsgikit.original": {"HTTP_X_FORWARDED_FOR": "6.6.6.6", **original}})
        assert chain_of(refused) == "192.0.2.1"


def test_the_chain_is_what_trusted_proxies_leaves() -> None:
    seen: list[str] = []
    layer = TrustedProxies(lambda environ, start_response: seen.append(chain_of(environ)) or [], "10.0.0.0/8")
    for peer, claimed in (
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2"),
        ("10.0.0.1", None),
        ("192.0.2.1", "6.6.6.6"),
    ):
        request = {**environ(REMOTE_ADDR=peer), **({"HTTP_X_FORWARDED_FOR": claimed} if claimed else {})}
        layer(request, None)  # type: ignore[arg-type]
    assert seen == ["203.0.113.9, 10.0.0.2, 10.0.0.1", "10.0.0.1", "192.0.2.1"]


def test_a_scheme_that_is_none_is_not_passed_on() -> None:
    lines = x_forwarded(environ(**{"wsgi.url_scheme": "javascript"}), "site.example", "")
    assert fields(lines)["X-Forwarded-Proto"] == "http"


def test_forwarded_is_written_as_rfc_7239_has_it() -> None:
    assert forwarded(environ(), "site.example") == ("Forwarded: for=192.0.2.1;host=site.example;proto=http",)
    assert forwarded(environ(REMOTE_ADDR="2001:db8::1"), "site.example:80") == (
        'Forwarded: for="[2001:db8::1]";host="site.example:80";proto=http',
    )
    assert forwarded({"REMOTE_ADDR": ""}, "/run/app.sock") == ("Forwarded: for=unknown;proto=http",)


@pytest.mark.parametrize("host", ["a", "a.example:80", "my_host", "[::1]:80", "a:", "192.0.2.1"])
def test_hosts(host: str) -> None:
    assert valid_host(host)


@pytest.mark.parametrize(
    "host", ["", "a,b", "a b", "a/b", "a@b", "a:b", "a\r\n", "[::1", "::1", "é", "a" * 600]
)
def test_what_is_no_host(host: str) -> None:
    assert not valid_host(host)
