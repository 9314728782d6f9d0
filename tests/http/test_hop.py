"""Fields of one connection, and those that a client would like to make such."""

from __future__ import annotations

import pytest

from wsgikit.access.requestid import RequestId
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.http.hop import claim, nominated
from wsgikit.routing.actions import SetEnviron, SetHeader
from wsgikit.routing.rules import Rule, Rules
from wsgikit.testing import ScriptedUpstream, call


def test_nominated_fields_are_those_that_connection_names() -> None:
    assert nominated(["close, X-Own", " x-other "]) == {"close", "x-own", "x-other"}


def test_host_framing_and_origin_cannot_be_named_away() -> None:
    assert nominated(["Host, Content-Length, X-Forwarded-For, Forwarded, "]) == set()


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ("X-User", None),
        ("close, x-user ,TE", "close, TE"),
        ("keep-alive", "keep-alive"),
        ("X_User", None),  # the same in environ
        ("", ""),
    ],
)
def test_a_claimed_field_is_named_no_more(sent: str, left: str | None) -> None:
    environ = {"HTTP_CONNECTION": sent}
    claim(environ, "HTTP_X_USER")
    assert environ.get("HTTP_CONNECTION") == left


def test_without_connection_there_is_nothing_to_claim() -> None:
    environ: dict[str, str] = {}
    claim(environ, "HTTP_X_USER")
    assert environ == {}


def test_a_client_cannot_have_stripped_what_we_say_about_it() -> None:
    with ScriptedUpstream() as backend:
        rules = [Rule(None, SetHeader("X-User", "ann"), SetEnviron("HTTP_X_TENANT", "shop"))]
        app = RequestId(Rules(ReverseProxy(backend.url), rules))
        call(app, headers={"Connection": "close, X-User, X-Tenant, X-Request-Id, X-Own", "X-Own": "1"})
    (asked,) = backend.requests
    names = {name.lower() for name, _ in asked.headers}
    assert {"x-user", "x-tenant", "x-request-id"} <= names
    assert "x-own" not in names
