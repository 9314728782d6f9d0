"""Werkzeug's ProxyFix and our TrustedProxies: what becomes of the client, whichever stands outside."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.neighbours.scene import Log
from wsgikit import Layer, Stack, TrustedProxies
from wsgikit.compat import ProxyFix as OurProxyFix
from wsgikit.testing import call

FORGED, CLIENT, PROXY, STRANGER = "198.51.100.66", "203.0.113.9", "10.0.0.2", "192.0.2.7"
SENT = {
    "Host": "inner",
    "X-Forwarded-For": f"{FORGED}, {CLIENT}",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
}
HONEST = f"{CLIENT} https shop.example"

THEIRS = Layer(ProxyFix, x_for=1, x_proto=1, x_host=1)
OURS = Layer(TrustedProxies, ["loopback", "10.0.0.0/8"])


def seen(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']} {environ['HTTP_HOST']}".encode()]


def ask(*layers: Layer, peer: str = "127.0.0.1", forwarded_for: str = SENT["X-Forwarded-For"]) -> str:
    """What the app sees, which is what the log outside of it says as well."""
    log = Log("%a")
    headers = {**SENT, "X-Forwarded-For": forwarded_for}
    text = call(Stack(log.layer, *layers)(seen), headers=headers, environ={"REMOTE_ADDR": peer}).text
    assert log.lines == [text.split()[0]]
    return text


@pytest.mark.parametrize("layers", [[OURS], [THEIRS], [OURS, THEIRS]], ids=["ours", "theirs", "both"])
def test_behind_one_proxy_all_say_the_same(layers: list[Layer]) -> None:
    assert ask(*layers) == HONEST


def test_a_client_that_comes_past_the_proxy_is_believed_by_theirs_alone() -> None:
    assert ask(THEIRS, peer=STRANGER) == HONEST
    assert ask(OURS, peer=STRANGER) == f"{STRANGER} http inner"


def test_inside_ours_theirs_finds_nothing_of_what_a_stranger_sends() -> None:
    assert ask(OURS, THEIRS, peer=STRANGER) == f"{STRANGER} http inner"


def test_inside_ours_theirs_undoes_it_where_the_chain_is_longer_than_it_was_told() -> None:
    chain = f"{FORGED}, {CLIENT}, {PROXY}"
    assert ask(OURS, forwarded_for=chain) == HONEST
    assert ask(OURS, THEIRS, forwarded_for=chain) == f"{PROXY} https shop.example"


def test_outside_ours_the_address_stays_and_the_scheme_is_taken_back() -> None:
    """Ours sees a peer that is not trusted, and a scheme that a header had claimed."""
    assert ask(THEIRS, OURS) == f"{CLIENT} http shop.example"


def test_ours_of_the_same_name_does_what_theirs_does() -> None:
    ours = Layer(OurProxyFix, x_for=1, x_proto=1, x_host=1)
    assert ask(ours) == ask(THEIRS) == HONEST
    assert ask(ours, peer=STRANGER) == ask(THEIRS, peer=STRANGER)
