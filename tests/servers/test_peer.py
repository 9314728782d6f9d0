"""Who the client is, and which server it reached."""

from __future__ import annotations

from typing import Any

import pytest

from wsgikit.http.networks import UNIX_PEERS
from wsgikit.servers import peer
from wsgikit.servers.plans import PLANS
from wsgikit.testing import build_environ


def repaired(repair: Any, **environ: Any) -> dict[str, Any]:
    environ.setdefault("wsgi.url_scheme", "http")
    repair(environ)
    return environ


@pytest.mark.parametrize("said", [None, "", "unix:", "unix", "localhost", "<local>", "0.0.0.0"])
def test_a_peer_on_a_unix_socket_has_one_form_that_trustedproxies_knows(said: str | None) -> None:
    given = {} if said is None else {"REMOTE_ADDR": said}
    environ = repaired(peer.unix_socket, REMOTE_PORT="None", SERVER_NAME="x", SERVER_PORT="80", **given)
    assert environ["REMOTE_ADDR"] == ""
    assert environ["REMOTE_ADDR"] in UNIX_PEERS
    assert "REMOTE_PORT" not in environ


@pytest.mark.parametrize(
    ("name", "port"),
    [("/", "t"), ("/run/app.sock", "0"), ("", ""), ("waitress", "/run/app.sock")],
)
def test_a_server_on_a_unix_socket_has_the_name_and_port_of_the_host_field(name: str, port: str) -> None:
    environ = repaired(
        peer.unix_socket, SERVER_NAME=name, SERVER_PORT=port, HTTP_HOST="shop.example:8080", REMOTE_ADDR=""
    )
    assert environ["SERVER_NAME"] == ("shop.example" if name != "waitress" else name)
    assert environ["SERVER_PORT"] == "8080"


@pytest.mark.parametrize(
    ("host", "scheme", "name", "port"),
    [
        (None, "http", "localhost", "80"),
        ("shop.example", "https", "shop.example", "443"),
        ("[::1]:8080", "http", "::1", "8080"),
        ("[::1]", "http", "::1", "80"),
        ("shop:nine", "http", "shop", "80"),
    ],
)
def test_without_a_port_it_is_the_schemes_own(host: str | None, scheme: str, name: str, port: str) -> None:
    given = {} if host is None else {"HTTP_HOST": host}
    environ = repaired(
        peer.server_address, SERVER_NAME="", SERVER_PORT="", **given, **{"wsgi.url_scheme": scheme}
    )
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)


def test_a_peer_on_tcp_and_its_server_stay_as_they_are() -> None:
    given = {"REMOTE_ADDR": "10.0.0.7", "REMOTE_PORT": "5", "SERVER_NAME": "a", "SERVER_PORT": "80"}
    assert repaired(peer.unix_socket, **given) == {**given, "wsgi.url_scheme": "http"}


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("127.0.0.1:54452", "127.0.0.1"),
        ("[::1]:54452", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("2001:db8::1:54452", "2001:db8::1:54452"),
    ],
)
def test_a_port_is_no_part_of_the_address(said: str, address: str) -> None:
    assert repaired(peer.port_in_address, REMOTE_ADDR=said)["REMOTE_ADDR"] == address


def test_an_empty_host_is_none() -> None:
    assert "HTTP_HOST" not in repaired(peer.empty_host, HTTP_HOST="")
    assert repaired(peer.empty_host, HTTP_HOST="a")["HTTP_HOST"] == "a"


@pytest.mark.parametrize(
    ("own", "scheme"), [({}, "http"), ({"HTTPS": "on"}, "https"), ({"UWSGI_SCHEME": "https"}, "https")]
)
def test_a_scheme_that_a_header_claims_is_the_sockets_own(own: dict[str, str], scheme: str) -> None:
    environ = repaired(
        peer.claimed_scheme, HTTP_X_FORWARDED_PROTO="https", **own, **{"wsgi.url_scheme": "https"}
    )
    assert environ["wsgi.url_scheme"] == scheme


def test_a_scheme_that_no_header_claims_stays() -> None:
    assert repaired(peer.claimed_scheme, **{"wsgi.url_scheme": "https"})["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize("server", ["a2wsgi", "hypercorn", "waitress", "gunicorn", "flup"])
@pytest.mark.parametrize("said", ["unix", "0.0.0.0"])
def test_a_word_that_the_server_does_not_use_is_no_peer_on_a_unix_socket(server: str, said: str) -> None:
    """uvicorn takes an address from X-Forwarded-For, nginx' realip from any field: ``unix`` in it is trusted as one."""
    environ = {**build_environ(), "REMOTE_ADDR": said, "REMOTE_PORT": "0"}
    for repair in PLANS[server].without_body:
        repair(environ)
    assert environ["REMOTE_ADDR"] == said
