from __future__ import annotations

import pickle
import socket

import pytest

from wsgikit.forwarding.upstream import Upstream


def test_url_gives_host_port_authority_and_base_path() -> None:
    address = Upstream("http://app.internal:8080/base/").address
    assert (address.host, address.port, address.authority, address.base) == (
        "app.internal",
        8080,
        "app.internal:8080",
        "/base",
    )


def test_port_is_80_unless_given_and_then_not_named() -> None:
    for url in ("http://app.internal", "http://app.internal:80/"):
        address = Upstream(url).address
        assert (address.port, address.authority, address.base) == (80, "app.internal", "")


def test_the_scheme_says_what_is_spoken_and_which_port_needs_no_naming() -> None:
    secure = Upstream("https://app.internal/base").address
    assert (secure.scheme, secure.port, secure.authority, secure.base) == (
        "https",
        443,
        "app.internal",
        "/base",
    )
    assert Upstream("https://app.internal:80").address.authority == "app.internal:80"
    for scheme in ("uwsgi", "scgi", "fcgi"):
        address = Upstream(f"{scheme}://10.0.0.1:3031/base").address
        assert (address.scheme, address.port, address.authority) == (scheme, 3031, "10.0.0.1:3031")
        assert Upstream(f"{scheme}+unix:/run/x.sock:/base").address[:4] == (scheme, "", 0, "/run/x.sock")


def test_ip_addresses_need_no_lookup() -> None:
    assert Upstream("http://10.0.0.1:81").address.literal == (socket.AF_INET, ("10.0.0.1", 81))
    assert Upstream("http://[::1]:81").address.literal == (socket.AF_INET6, ("::1", 81, 0, 0))
    assert Upstream("http://app.internal").address.literal is None


def test_ipv6_authority_has_brackets() -> None:
    assert Upstream("http://[2001:db8::1]:8080").address.authority == "[2001:db8::1]:8080"


def test_unix_socket_may_have_a_base_path() -> None:
    address = Upstream("unix:/run/app.sock:/base").address
    assert (address.path, address.base, address.authority) == ("/run/app.sock", "/base", "localhost")
    assert Upstream("unix:/run/app.sock").address.base == ""


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app.internal:8080",
        "ftp://app.internal",
        "uwsgi://app.internal",
        "scgi://app.internal/base",
        "fcgi+unix:run/app.sock",
        "https+unix:/run/app.sock",
        "http://",
        "http://:8080",
        "http://user:secret@app.internal",
        "http://app.internal?x=1",
        "http://app.internal/#top",
        "http://app.internal/?",
        "http://app.internal:0",
        "http://app.internal:65536",
        "http://app.internal:port",
        "http://app internal",
        "http://app.internal/a b",
        "http://app.internal/\r\nX: 1",
        "http://app.internal/a/../b",
        "http://app.internal/é",
        "http://[::1",
        "http://..",
        "unix:run/app.sock",
        "unix:/run/app.sock:base",
    ],
)
def test_url_that_will_not_do_is_named_in_the_error(url: str) -> None:
    with pytest.raises(ValueError, match="Upstream: url=") as caught:
        Upstream(url)
    assert repr(url) in str(caught.value)


def test_a_port_that_is_none_is_told_what_would_do() -> None:
    for port in ("0", "65536", "port"):
        with pytest.raises(ValueError, match="will not do: a port from 1 to 65535"):
            Upstream(f"http://app.internal:{port}")


def test_other_options_are_checked() -> None:
    with pytest.raises(ValueError, match="weight=-1"):
        Upstream("http://a", weight=-1)
    with pytest.raises(TypeError, match="weight='3'"):
        Upstream("http://a", weight="3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_connections=0"):
        Upstream("http://a", max_connections=0)
    with pytest.raises(TypeError, match="max_connections='many'"):
        Upstream("http://a", max_connections="many")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="backup=1"):
        Upstream("http://a", backup=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"no option 'wieght'; did you mean 'weight'\?"):
        Upstream("http://a", wieght=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="url=8080"):
        Upstream(8080)  # type: ignore[arg-type]


def test_upstream_shows_and_pickles_its_options() -> None:
    upstream = Upstream("http://a:1", weight=3)
    assert repr(upstream) == "Upstream(url='http://a:1', weight=3)"
    assert pickle.loads(pickle.dumps(upstream)) == upstream
