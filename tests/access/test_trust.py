"""TrustedProxies: tables of a request as it comes and the environ that the app sees."""

from __future__ import annotations

import copy
import os
import pickle
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request as WerkzeugRequest

from wsgikit.access import trust as module
from wsgikit.access.trust import TrustedProxies
from wsgikit.http import networks as networks_module

PEER, INNER, OTHER = "10.0.0.1", "10.0.0.2", "10.0.0.3"  # trusted
CLIENT, STRANGER = "203.0.113.9", "198.51.100.7"  # not trusted
TRUSTED = ["10.0.0.0/8", "2001:db8:aaaa::/48"]

SHORT = {
    "for": "HTTP_X_FORWARDED_FOR",
    "proto": "HTTP_X_FORWARDED_PROTO",
    "host": "HTTP_X_FORWARDED_HOST",
    "port": "HTTP_X_FORWARDED_PORT",
    "prefix": "HTTP_X_FORWARDED_PREFIX",
    "fwd": "HTTP_FORWARDED",
    "real": "HTTP_X_REAL_IP",
    "addr": "REMOTE_ADDR",
    "scheme": "wsgi.url_scheme",
    "http_host": "HTTP_HOST",
    "server_port": "SERVER_PORT",
    "script": "SCRIPT_NAME",
    "https": "HTTPS",
}


def environ_of(given: dict[str, Any]) -> dict[str, Any]:
    """The environ of a plain request to an app server behind a proxy, with ``given`` over it; None takes a key out."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "REMOTE_ADDR": PEER,
        "HTTP_HOST": "backend:8000",
        "SERVER_NAME": "backend",
        "SERVER_PORT": "8000",
        "wsgi.url_scheme": "http",
    }
    for name, value in given.items():
        environ[SHORT.get(name, name)] = value
    return {key: value for key, value in environ.items() if value is not None}


def seen(given: dict[str, Any], networks: Any = TRUSTED, **options: Any) -> dict[str, Any]:
    """The environ after TrustedProxies; the same dict that went in, as it is edited in place."""
    environ = environ_of(given)
    TrustedProxies(lambda environ, start_response: [], networks, **options)(environ, lambda *_: None)  # type: ignore[arg-type]
    return environ


def check(given: dict[str, Any], expected: dict[str, Any], networks: Any = TRUSTED, **options: Any) -> None:
    environ = seen(given, networks, **options)
    got = {name: environ.get(SHORT.get(name, name)) for name in expected}
    assert got == expected
    assert environ["wsgikit.original"]["REMOTE_ADDR"] == (environ_of(given).get("REMOTE_ADDR") or "")


# --- who is the client

WALKS: list[tuple[str | None, str, str | None]] = [
    # X-Forwarded-For, the client, what is left of the header
    (None, PEER, None),
    (CLIENT, CLIENT, CLIENT),
    (f"{STRANGER}, {CLIENT}", CLIENT, CLIENT),
    (f"{STRANGER},{CLIENT}", CLIENT, CLIENT),
    (f"127.0.0.1, {CLIENT}", CLIENT, CLIENT),
    (f"{INNER}, {CLIENT}", CLIENT, CLIENT),
    (f"{CLIENT}, {INNER}", CLIENT, f"{CLIENT}, {INNER}"),
    (f"{CLIENT},{INNER}", CLIENT, f"{CLIENT}, {INNER}"),
    (f"{CLIENT} ,\t{INNER} ", CLIENT, f"{CLIENT}, {INNER}"),
    (f"{CLIENT}, {OTHER}, {INNER}", CLIENT, f"{CLIENT}, {OTHER}, {INNER}"),
    (f"{STRANGER}, {CLIENT}, {OTHER}, {INNER}", CLIENT, f"{CLIENT}, {OTHER}, {INNER}"),
    (f"{CLIENT}, {STRANGER}, {INNER}", STRANGER, f"{STRANGER}, {INNER}"),
    (f"{CLIENT}, {CLIENT}", CLIENT, CLIENT),
    # all trusted: the left-most is the client
    (INNER, INNER, INNER),
    (f"{OTHER}, {INNER}", OTHER, f"{OTHER}, {INNER}"),
    (f"{PEER}, {PEER}, {PEER}", PEER, f"{PEER}, {PEER}, {PEER}"),
    # spelling
    (f"{CLIENT}:51234", CLIENT, CLIENT),
    (f"{CLIENT}:51234, {INNER}:80", CLIENT, f"{CLIENT}, {INNER}"),
    ("2001:db8::1", "2001:db8::1", "2001:db8::1"),
    ("2001:DB8:0:0::1", "2001:db8::1", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1", "2001:db8::1"),
    ("[2001:db8::1]:51234", "2001:db8::1", "2001:db8::1"),
    (f"{CLIENT}, 2001:db8:aaaa::5", CLIENT, f"{CLIENT}, 2001:db8:aaaa::5"),
    (f"{CLIENT}, [2001:db8:aaaa::5]:443", CLIENT, f"{CLIENT}, 2001:db8:aaaa::5"),
    (f"::ffff:{CLIENT}", CLIENT, CLIENT),
    (f"{CLIENT}, ::ffff:{INNER}", CLIENT, f"{CLIENT}, {INNER}"),
    ("fe80::1%eth0", "fe80::1", "fe80::1"),
    ("fe80::1%\x1b[31m", "fe80::1", "fe80::1"),
    # garbage and empty elements stop the walk: never skipped, never believed
    ("", PEER, None),
    (" ", PEER, None),
    (",", PEER, None),
    (",,,", PEER, None),
    ("unknown", PEER, None),
    ("_hidden", PEER, None),
    ("localhost", PEER, None),
    ("unix:", PEER, None),
    ("<script>", PEER, None),
    ("\x1b[31m", PEER, None),
    ("javascript:alert(1)", PEER, None),
    ("1.2.3", PEER, None),
    ("1.2.3.4.5", PEER, None),
    ("1.2.3.256", PEER, None),
    ("01.02.03.04", PEER, None),
    ("0x7f000001", PEER, None),
    ("2130706433", PEER, None),
    ("1.2.3.4/8", PEER, None),
    ("1.2.3.4 5.6.7.8", PEER, None),
    ("1.2.3.4;5.6.7.8", PEER, None),
    ("1.2.3.4:port", PEER, None),
    ("[1.2.3.4]", PEER, None),
    ("[2001:db8::1", PEER, None),
    ("2001:db8::1::1", PEER, None),
    ('"1.2.3.4"', PEER, None),
    ("for=1.2.3.4", PEER, None),
    ("é", PEER, None),
    (f"{CLIENT},", PEER, None),
    (f"{CLIENT}, ", PEER, None),
    (f"{CLIENT}, unknown", PEER, None),
    (f"{CLIENT},,{INNER}", INNER, INNER),
    (f"{CLIENT}, unknown, {INNER}", INNER, INNER),
    (f"{CLIENT}, <script>, {OTHER}, {INNER}", OTHER, f"{OTHER}, {INNER}"),
    (f"unknown, {CLIENT}", CLIENT, CLIENT),
    (f"unknown, {INNER}", INNER, INNER),
    (f", {CLIENT}", CLIENT, CLIENT),
    (f"<script>, {CLIENT}, {INNER}", CLIENT, f"{CLIENT}, {INNER}"),
    # a lone quote of the client's hides nothing (ProxyFix loses the element behind it)
    (f'"a, {CLIENT}', CLIENT, CLIENT),
    (f'"8.8.8.8, {CLIENT}"', PEER, None),
    (f'", {CLIENT}, {INNER}', CLIENT, f"{CLIENT}, {INNER}"),
]


@pytest.mark.parametrize(("text", "client", "left"), WALKS)
def test_the_walk_ends_at_the_first_that_is_not_trusted(
    text: str | None, client: str, left: str | None
) -> None:
    check({"for": text}, {"addr": client, "for": left})


@pytest.mark.parametrize(("text", "client", "left"), WALKS)
def test_one_headers_name_is_walked_alike(text: str | None, client: str, left: str | None) -> None:
    check({"real": text, "for": STRANGER}, {"addr": client, "real": left, "for": None}, headers="X-Real-IP")


@pytest.mark.parametrize(
    ("hops", "text", "client", "left"),
    [
        (1, CLIENT, CLIENT, CLIENT),
        (1, f"{CLIENT}, {INNER}", INNER, INNER),
        (1, f"{STRANGER}, {CLIENT}", CLIENT, CLIENT),
        (2, CLIENT, CLIENT, CLIENT),
        (2, f"{CLIENT}, {INNER}", CLIENT, f"{CLIENT}, {INNER}"),
        (2, f"{CLIENT}, {OTHER}, {INNER}", OTHER, f"{OTHER}, {INNER}"),
        (2, f"{STRANGER}, {CLIENT}", CLIENT, CLIENT),
        (2, f"{CLIENT}, unknown, {INNER}", INNER, INNER),
        (3, f"{CLIENT}, {OTHER}, {INNER}", CLIENT, f"{CLIENT}, {OTHER}, {INNER}"),
        (99, f"{CLIENT}, {INNER}", CLIENT, f"{CLIENT}, {INNER}"),
        (None, f"{CLIENT}, {OTHER}, {INNER}", CLIENT, f"{CLIENT}, {OTHER}, {INNER}"),
    ],
)
def test_hops_cap_what_is_believed(hops: int | None, text: str, client: str, left: str) -> None:
    check({"for": text}, {"addr": client, "for": left}, hops=hops)


@pytest.mark.parametrize(
    ("networks", "peer", "client"),
    [
        ("loopback", "127.0.0.1", CLIENT),
        ("loopback", "::1", CLIENT),
        ("loopback", "::ffff:127.0.0.1", CLIENT),
        ("loopback", "127.0.0.1:54452", CLIENT),  # fastwsgi
        ("loopback", "10.0.0.1", "10.0.0.1"),
        ("loopback", "", ""),
        ("private", "192.168.1.1", CLIENT),
        ("private", "fe80::1%eth0", CLIENT),
        ("private", "127.0.0.1", "127.0.0.1"),
        ("unix", "", CLIENT),
        ("unix", None, CLIENT),
        ("unix", "unix:", CLIENT),
        ("unix", "unix", CLIENT),
        ("unix", "localhost", CLIENT),
        ("unix", "<local>", CLIENT),
        ("unix", "127.0.0.1", "127.0.0.1"),
        ("unix", "0.0.0.0", "0.0.0.0"),
        (["unix", "loopback"], "127.0.0.1", CLIENT),
        (["0.0.0.0/0"], "8.8.8.8", CLIENT),
        (["0.0.0.0/0", "::/0"], "", ""),
        ([], "127.0.0.1", "127.0.0.1"),
        ([], "", ""),
        (["loopback"], "garbage", "garbage"),
    ],
)
def test_the_peer_itself_has_to_be_trusted(networks: Any, peer: str | None, client: str) -> None:
    check({"addr": peer, "for": CLIENT}, {"addr": client}, networks)


# --- the rest of what proxies say: always at the hop of the client

SAID: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # scheme
    ({"proto": "https"}, {"scheme": "https", "proto": "https"}),
    ({"proto": "HTTPS"}, {"scheme": "https", "proto": "https"}),
    ({"proto": " https "}, {"scheme": "https"}),
    ({"proto": "http", "scheme": "https", "https": "on"}, {"scheme": "http"}),
    ({"proto": "javascript"}, {"scheme": "http", "proto": None}),
    ({"proto": "javascript", "scheme": "javascript"}, {"scheme": "http", "proto": None}),
    ({"proto": "ftp"}, {"scheme": "http", "proto": None}),
    ({"proto": ""}, {"scheme": "http", "proto": None}),
    ({"proto": "https://"}, {"scheme": "http", "proto": None}),
    ({"proto": "https\r\nX: y"}, {"scheme": "http", "proto": None}),
    ({"for": CLIENT, "proto": "http, https"}, {"scheme": "https", "proto": "https"}),
    ({"for": CLIENT, "proto": "https, http"}, {"scheme": "http", "proto": "http"}),
    ({"for": CLIENT, "proto": "https, javascript"}, {"scheme": "http", "proto": None}),
    ({"for": CLIENT, "proto": "https,"}, {"scheme": "http", "proto": None}),
    ({"for": f"{CLIENT}, {INNER}", "proto": "https"}, {"scheme": "https"}),
    ({"for": f"{CLIENT}, {INNER}", "proto": "https, http"}, {"scheme": "https", "proto": "https"}),
    ({"for": f"{CLIENT}, {INNER}", "proto": "http, https"}, {"scheme": "http"}),
    ({"for": f"{STRANGER}, {CLIENT}, {INNER}", "proto": "http, https, http"}, {"scheme": "https"}),
    ({"for": f"{CLIENT}, {OTHER}, {INNER}", "proto": "https, http"}, {"scheme": "http", "proto": None}),
    ({"for": "unknown", "proto": "https"}, {"scheme": "https", "addr": PEER}),
    # host
    ({"host": "shop.example"}, {"http_host": "shop.example", "server_port": "80", "host": "shop.example"}),
    ({"host": "shop.example:8080"}, {"http_host": "shop.example:8080", "server_port": "8080"}),
    ({"host": "shop.example:0"}, {"http_host": "backend:8000", "server_port": "8000", "host": None}),
    ({"host": "[2001:db8::1]"}, {"http_host": "[2001:db8::1]", "server_port": "80"}),
    ({"host": "[2001:db8::1]:8443"}, {"http_host": "[2001:db8::1]:8443", "server_port": "8443"}),
    ({"host": "a b"}, {"http_host": "backend:8000", "host": None}),
    ({"host": "evil.example/x"}, {"http_host": "backend:8000", "host": None}),
    ({"host": "user@evil.example"}, {"http_host": "backend:8000", "host": None}),
    ({"host": "a\r\nX: y"}, {"http_host": "backend:8000", "host": None}),
    ({"host": ""}, {"http_host": "backend:8000", "host": None}),
    ({"for": CLIENT, "host": "evil.example, shop.example"}, {"http_host": "shop.example"}),
    ({"for": f"{CLIENT}, {INNER}", "host": "shop.example, inner"}, {"http_host": "shop.example"}),
    ({"for": f"{CLIENT}, {INNER}", "host": "a, shop.example, inner"}, {"http_host": "shop.example"}),
    ({"host": "shop.example", "http_host": None}, {"http_host": "shop.example"}),
    # scheme and host
    ({"proto": "https", "host": "shop.example"}, {"http_host": "shop.example", "server_port": "443"}),
    ({"proto": "https", "host": "shop.example:8443"}, {"server_port": "8443"}),
    ({"proto": "https", "http_host": "shop.example"}, {"http_host": "shop.example", "server_port": "443"}),
    ({"proto": "http", "http_host": "shop.example"}, {"server_port": "80"}),
    ({"proto": "https", "http_host": "shop.example:8443"}, {"server_port": "8443"}),
    ({"proto": "https", "http_host": "[2001:db8::1]"}, {"server_port": "443"}),
    ({"proto": "https", "http_host": "shop.example:x"}, {"server_port": "443"}),
    ({"proto": "https", "http_host": None}, {"http_host": None, "server_port": "443"}),
    # port
    ({"port": "8443"}, {"http_host": "backend:8443", "server_port": "8443", "port": "8443"}),
    ({"port": "80"}, {"http_host": "backend", "server_port": "80"}),
    ({"port": "443"}, {"http_host": "backend:443", "server_port": "443"}),
    ({"port": "443", "proto": "https"}, {"http_host": "backend", "server_port": "443"}),
    ({"port": "80", "proto": "https"}, {"http_host": "backend:80", "server_port": "80"}),
    ({"port": "8443", "http_host": "shop.example"}, {"http_host": "shop.example:8443"}),
    ({"port": "8443", "http_host": "[2001:db8::1]"}, {"http_host": "[2001:db8::1]:8443"}),
    ({"port": "80", "http_host": "[2001:db8::1]:8000"}, {"http_host": "[2001:db8::1]"}),
    ({"port": "8443", "host": "shop.example", "proto": "https"}, {"http_host": "shop.example:8443"}),
    ({"port": "443", "host": "shop.example:8443", "proto": "https"}, {"http_host": "shop.example"}),
    ({"port": "8443", "http_host": None}, {"http_host": None, "server_port": "8443"}),
    ({"port": "443", "proto": "junk"}, {"scheme": "http", "http_host": "backend:443"}),
    ({"port": "abc"}, {"http_host": "backend:8000", "server_port": "8000", "port": None}),
    ({"port": "0"}, {"server_port": "8000", "port": None}),
    ({"port": "65536"}, {"server_port": "8000", "port": None}),
    ({"port": "-1"}, {"server_port": "8000", "port": None}),
    ({"for": CLIENT, "port": "1, 8443"}, {"server_port": "8443", "port": "8443"}),
    ({"for": f"{CLIENT}, {INNER}", "port": "8443, 80"}, {"server_port": "8443"}),
    # the prefix is kept where it is verified, and used on demand alone
    ({"prefix": "/app"}, {"script": "", "prefix": "/app"}),
    ({"prefix": "//evil"}, {"script": "", "prefix": None}),
    # families and headers not chosen
    ({"fwd": f"for={STRANGER}"}, {"addr": PEER, "fwd": None}),
    ({"real": STRANGER}, {"addr": PEER, "real": None}),
    ({"for": CLIENT, "real": STRANGER, "fwd": "for=1.1.1.1"}, {"addr": CLIENT, "real": None, "fwd": None}),
    ({"HTTP_X_FORWARDED_SSL": "on"}, {"scheme": "http", "HTTP_X_FORWARDED_SSL": None}),
    ({"HTTP_X_FORWARDED_PROTOCOL": "ssl"}, {"scheme": "http", "HTTP_X_FORWARDED_PROTOCOL": None}),
    ({"HTTP_CF_CONNECTING_IP": STRANGER}, {"HTTP_CF_CONNECTING_IP": None}),
    ({"HTTP_TRUE_CLIENT_IP": STRANGER}, {"HTTP_TRUE_CLIENT_IP": None}),
    ({"HTTP_CLIENT_IP": STRANGER, "HTTP_X_CLUSTER_CLIENT_IP": "x"}, {"HTTP_CLIENT_IP": None}),
]


@pytest.mark.parametrize(("given_", "expected"), SAID)
def test_what_a_trusted_proxy_says(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    check(given_, expected)


@pytest.mark.parametrize("given_", [given for given, _ in SAID])
def test_nothing_of_it_from_a_peer_that_is_not_trusted(given_: dict[str, Any]) -> None:
    environ = seen({**given_, "addr": STRANGER})
    before = environ_of(given_)
    assert environ["REMOTE_ADDR"] == STRANGER
    assert {key for key in environ if "FORWARDED" in key or "REAL_IP" in key or "CLIENT_IP" in key} == set()
    for key in ("HTTP_HOST", "SERVER_PORT", "SCRIPT_NAME"):
        assert environ.get(key) == before.get(key)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({"prefix": "/app"}, {"script": "/app", "prefix": "/app"}),
        ({"prefix": "/app/"}, {"script": "/app", "prefix": "/app"}),
        ({"prefix": "/app", "script": "/inner"}, {"script": "/app/inner"}),
        ({"prefix": "/caf%C3%A9"}, {"script": "/caf\xc3\xa9"}),
        ({"prefix": "/"}, {"script": "", "prefix": None}),
        ({"prefix": "app"}, {"script": "", "prefix": None}),
        ({"prefix": "evil/"}, {"script": "", "prefix": None}),
        ({"prefix": "//evil.example"}, {"script": "", "prefix": None}),
        ({"prefix": "/a/../b"}, {"script": "", "prefix": None}),
        ({"prefix": "/a?b"}, {"script": "", "prefix": None}),
        ({"prefix": "/a\r\nX: y"}, {"script": "", "prefix": None}),
        # each proxy that took a prefix off says its own; those of proxies that are not trusted do not count
        ({"for": CLIENT, "prefix": "/evil, /b"}, {"script": "/b"}),
        ({"for": f"{CLIENT}, {INNER}", "prefix": "/a, /b"}, {"script": "/a/b"}),
        ({"for": f"{CLIENT}, {INNER}", "prefix": "/evil, /a, /b"}, {"script": "/a/b"}),
        ({"for": f"{CLIENT}, {INNER}", "prefix": "/a, evil"}, {"script": "", "prefix": None}),
        ({"addr": STRANGER, "prefix": "/app"}, {"script": "", "prefix": None}),
    ],
)
def test_a_prefix_goes_before_script_name(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    check(given_, expected, prefix=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"for={CLIENT}", {"addr": CLIENT, "fwd": f"for={CLIENT}"}),
        (f"For={CLIENT}", {"addr": CLIENT}),
        (f'for="{CLIENT}:4711"', {"addr": CLIENT, "fwd": f"for={CLIENT}"}),
        ('for="[2001:db8::1]:4711"', {"addr": "2001:db8::1", "fwd": 'for="[2001:db8::1]"'}),
        (f"for={STRANGER}, for={CLIENT}", {"addr": CLIENT, "fwd": f"for={CLIENT}"}),
        (f"for={CLIENT}, for={INNER}", {"addr": CLIENT, "fwd": f"for={CLIENT}, for={INNER}"}),
        (f"for={CLIENT},for={INNER};by=x", {"addr": CLIENT, "fwd": f"for={CLIENT}, for={INNER};by=x"}),
        (f"for={CLIENT};proto=https;host=shop.example", {"scheme": "https", "http_host": "shop.example"}),
        (f"for={CLIENT};proto=https;host=shop.example", {"server_port": "443"}),
        (f'for={CLIENT};host="shop.example:8080"', {"http_host": "shop.example:8080", "server_port": "8080"}),
        (f"for={CLIENT};proto=https, for={INNER};proto=http", {"scheme": "https"}),
        (f"for={CLIENT}, for={INNER};proto=https", {"scheme": "http"}),
        (f"for={CLIENT};proto=javascript", {"addr": CLIENT, "scheme": "http", "fwd": f"for={CLIENT}"}),
        (f'for={CLIENT};host="a/b"', {"http_host": "backend:8000", "fwd": f"for={CLIENT}"}),
        ("for=unknown", {"addr": PEER, "fwd": None}),
        ("for=_secret", {"addr": PEER, "fwd": None}),
        (f"for={CLIENT}, for=unknown", {"addr": PEER, "fwd": None}),
        (f"for={CLIENT}, for=_hidden, for={INNER}", {"addr": INNER, "fwd": f"for={INNER}"}),
        ("proto=https", {"addr": PEER, "scheme": "https"}),
        (f"for={CLIENT}, ,for={INNER}", {"addr": INNER}),
        ("", {"addr": PEER, "fwd": None}),
        (",", {"addr": PEER, "fwd": None}),
        (f"for={CLIENT};for={STRANGER}", {"addr": PEER, "fwd": None}),
        (f'for="a, for={CLIENT}', {"addr": CLIENT, "fwd": f"for={CLIENT}"}),
        (CLIENT, {"addr": PEER, "fwd": None}),
        ("for=<script>", {"addr": PEER, "fwd": None}),
    ],
)
def test_forwarded_of_rfc_7239(text: str, expected: dict[str, Any]) -> None:
    check(
        {"fwd": text, "for": STRANGER, "proto": "https"},
        {"for": None, "proto": None, **expected},
        headers="forwarded",
    )


def test_hops_cap_forwarded_too() -> None:
    check({"fwd": f"for={CLIENT}, for={INNER}"}, {"addr": INNER}, headers="forwarded", hops=1)


# --- a scheme that the server took from a header

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())


@pytest.mark.parametrize(
    ("given_", "scheme"),
    [
        ({"scheme": "https", "proto": "https"}, "http"),  # uWSGI and, from loopback, gunicorn
        ({"scheme": "javascript", "proto": "javascript"}, "http"),
        ({"scheme": "https, http", "proto": "https, http"}, "http"),
        ({"scheme": "https", "HTTP_X_FORWARDED_SSL": "on"}, "http"),
        ({"scheme": "https", "HTTP_X_FORWARDED_PROTOCOL": "ssl"}, "http"),
        ({"scheme": "http", "proto": "https"}, "http"),
        # the server's own socket
        ({"scheme": "http", "proto": "http", "https": "on"}, "https"),
        ({"scheme": "javascript", "proto": "javascript", "https": "1"}, "https"),
        ({"scheme": "http", "proto": "http", "UWSGI_SCHEME": "https"}, "https"),
        ({"scheme": "https", "proto": "https", "UWSGI_SCHEME": "http"}, "http"),
        ({"scheme": "https", "proto": "https", "server_port": "443"}, "https"),
        ({"scheme": "https", "proto": "https", "gunicorn.socket": TLS}, "https"),
        ({"scheme": "https", "proto": "https", "gunicorn.socket": object()}, "http"),
        # nobody said https, so it is the server's own
        ({"scheme": "https", "proto": "http"}, "https"),
        ({"scheme": "https", "HTTP_X_FORWARDED_SSL": "off"}, "https"),
        # no header, no doubt
        ({"scheme": "https"}, "https"),
        ({"scheme": "https", "for": CLIENT}, "https"),
    ],
)
def test_a_scheme_from_an_untrusted_header_is_taken_back(given_: dict[str, Any], scheme: str) -> None:
    check({**given_, "addr": STRANGER}, {"scheme": scheme})


def test_a_scheme_from_a_family_not_chosen_is_taken_back() -> None:
    check({"scheme": "https", "proto": "https", "real": CLIENT}, {"scheme": "http"}, headers="x-real-ip")


def test_the_port_follows_the_scheme_that_is_left() -> None:
    given_ = {"scheme": "https", "proto": "junk, https,", "for": CLIENT, "port": "80"}
    check(given_, {"scheme": "http", "http_host": "backend", "server_port": "80"})


# --- what else is promised


def test_environ_is_edited_in_place_and_what_was_there_is_kept() -> None:
    given_ = {"for": f"{STRANGER}, {CLIENT}", "proto": "https", "host": "shop.example", "real": "1.1.1.1"}
    environ = seen(given_)
    assert environ["wsgikit.original"] == {
        "REMOTE_ADDR": PEER,
        "HTTP_X_FORWARDED_FOR": f"{STRANGER}, {CLIENT}",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "shop.example",
        "HTTP_X_REAL_IP": "1.1.1.1",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "backend:8000",
        "SERVER_PORT": "8000",
    }


def test_the_original_is_of_each_request_its_own() -> None:
    layer = TrustedProxies(lambda environ, start_response: [], TRUSTED)
    first, second = environ_of({"for": CLIENT}), environ_of({"for": CLIENT})
    layer(first, lambda *_: None)  # type: ignore[arg-type]
    first["wsgikit.original"]["spoilt"] = True
    layer(second, lambda *_: None)  # type: ignore[arg-type]
    assert "spoilt" not in second["wsgikit.original"]


def test_the_older_values_win_when_two_layers_run() -> None:
    inner = TrustedProxies(lambda environ, start_response: [], TRUSTED)
    environ = environ_of({"for": f"{CLIENT}, {INNER}", "proto": "https"})
    TrustedProxies(inner, TRUSTED)(environ, lambda *_: None)  # type: ignore[arg-type]
    assert environ["REMOTE_ADDR"] == CLIENT
    assert environ["wsgikit.original"]["REMOTE_ADDR"] == PEER
    assert environ["wsgikit.original"]["wsgi.url_scheme"] == "http"


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")  # WebOb imports it
@pytest.mark.parametrize("peer", [PEER, STRANGER])
def test_webob_and_werkzeug_cannot_be_fooled(peer: str) -> None:
    """Both read the left-most address of X-Forwarded-For, which is the client's own text behind ProxyFix."""
    from webob import Request as WebObRequest

    environ = seen({"addr": peer, "for": f"127.0.0.1, {CLIENT}, {INNER}"})
    client = CLIENT if peer == PEER else STRANGER
    assert WebObRequest(environ).client_addr == client
    assert WerkzeugRequest(environ).access_route[0] == client
    assert WerkzeugRequest(environ).remote_addr == client


def test_the_answer_is_the_apps_own_object() -> None:
    body = [b"x"]
    layer = TrustedProxies(lambda environ, start_response: body, TRUSTED)
    assert layer(environ_of({}), lambda *_: None) is body  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"headers": "x-forwardd"}, ValueError, "did you mean 'x-forwarded'"),
        ({"headers": "forwared"}, ValueError, "did you mean 'forwarded'"),
        ({"headers": "x real ip"}, ValueError, "headers='x real ip'"),
        ({"headers": None}, TypeError, "headers=None"),
        ({"hops": 0}, ValueError, "hops=0"),
        ({"hops": "1"}, TypeError, "hops='1'"),
        ({"hops": True}, TypeError, "hops=True"),
        ({"prefix": "/app"}, TypeError, "prefix='/app'"),
        ({"header": "x"}, TypeError, "no option 'header'; did you mean 'headers'"),
        ({"networks": "lopback"}, ValueError, "TrustedProxies: networks='lopback'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], error: type[Exception], said: str) -> None:
    arguments = {"networks": TRUSTED, **options}
    with pytest.raises(error, match=said):
        TrustedProxies(lambda environ, start_response: [], **arguments)


def test_networks_have_no_default() -> None:
    with pytest.raises(TypeError, match="networks"):
        TrustedProxies(lambda environ, start_response: [])  # type: ignore[call-arg]


def nothing(environ: Any, start_response: Any) -> list[bytes]:
    return []


def test_it_pickles_and_copies_with_its_options() -> None:
    layer = TrustedProxies(nothing, TRUSTED, headers="forwarded", hops=2, prefix=True)
    layer(environ_of({"fwd": f"for={CLIENT}"}), lambda *_: None)  # type: ignore[arg-type]
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert twin.options() == {"networks": TRUSTED, "headers": "forwarded", "hops": 2, "prefix": True}
        assert repr(twin) == repr(layer)


def test_a_changed_list_counts_for_texts_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(networks_module, "monotonic", lambda: now[0])
    path = tmp_path / "proxies"
    path.write_text("10.0.0.0/8\n")
    layer = TrustedProxies(nothing, f"@{path}")

    def client() -> str:
        environ = environ_of({"for": CLIENT})
        layer(environ, lambda *_: None)  # type: ignore[arg-type]
        return str(environ["REMOTE_ADDR"])

    assert client() == CLIENT
    (tmp_path / "new").write_text("192.0.2.0/24\n")
    os.replace(tmp_path / "new", path)
    assert client() == CLIENT
    now[0] += 2
    assert client() == PEER


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 8)
    layer = TrustedProxies(nothing, TRUSTED)
    for number in range(50):
        for text in (f"203.0.113.{number}", f"junk{number}, " * 500 + CLIENT):
            environ = environ_of({"for": text})
            layer(environ, lambda *_: None)  # type: ignore[arg-type]
            assert environ["REMOTE_ADDR"] in (text, CLIENT)
    assert len(layer._known) <= 8


TEXT = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from([CLIENT, INNER, STRANGER, "unknown", "", '"', "::1", "[::1]:8", "https", "/a"])
    ).map(", ".join),
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("for", "proto", "host", "port", "prefix", "fwd", "real"), TEXT),
            "addr": st.sampled_from([PEER, STRANGER, "", None, "::1", "junk"]),
            "scheme": st.sampled_from(["http", "https", "javascript"]),
            "http_host": st.one_of(st.none(), st.text(max_size=20)),
        },
    ),
    st.sampled_from(["x-forwarded", "forwarded", "x-real-ip"]),
    st.sampled_from([None, 1, 2]),
    st.booleans(),
)
def test_no_text_crashes_it_or_gives_a_wrong_kind_of_value(
    given_: dict[str, Any], headers: str, hops: int | None, prefix: bool
) -> None:
    environ = seen(given_, [*TRUSTED, "unix"], headers=headers, hops=hops, prefix=prefix)
    before = environ_of(given_)
    if environ.get("REMOTE_ADDR") != before.get("REMOTE_ADDR"):
        assert str(ip_address(environ["REMOTE_ADDR"])) == environ["REMOTE_ADDR"]
    if any(name in given_ for name in ("proto",)):
        assert environ["wsgi.url_scheme"] in ("http", "https")
    assert environ["SERVER_PORT"].isdigit()
    assert "\n" not in environ["SCRIPT_NAME"]
    assert "//" not in environ["SCRIPT_NAME"]
