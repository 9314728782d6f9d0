"""Who is let in by address: nobody whose address is not known."""

from __future__ import annotations

from typing import Any

import pytest

from wsgikit.access.trust import TrustedProxies
from wsgikit.operations.stats import Stats
from wsgikit.testing import call

pytestmark = pytest.mark.usefixtures("host")

STRANGER = "203.0.113.9"


def site(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def status(app: Any, peer: str = "127.0.0.1", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(app, path="/-/stats", headers=named, environ={"REMOTE_ADDR": peer}).status


@pytest.mark.parametrize(
    "header",
    [
        "X_Forwarded_For",
        "Forwarded",
        "X_Real_IP",
        "X_Forwarded_Proto",
        "X_Forwarded_Host",
        "Via",
        "CF_Connecting_IP",
    ],
)
def test_whatever_a_proxy_adds_makes_loopback_nobody(header: str) -> None:
    assert status(Stats(site)) == 200
    assert status(Stats(site), **{header: "1.1 proxy"}) == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_For": STRANGER},
        {"X_Real_IP": STRANGER},
        {"Forwarded": f"for={STRANGER}"},
        {"X_Forwarded_Proto": "https"},
        {"X_Forwarded_For": STRANGER, "Via": "1.1 proxy"},
    ],
)
def test_a_proxy_that_is_not_trusted_does_not_lend_strangers_its_address(headers: dict[str, str]) -> None:
    """nginx on this host, and a TrustedProxies that knows another network only."""
    assert status(TrustedProxies(Stats(site), "10.0.0.0/8"), **headers) == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Real_IP": STRANGER},
        {"X_Forwarded_For": ""},
        {"X_Forwarded_For": "unknown"},
        {"X_Forwarded_Proto": "https"},
        {"Via": "1.1 proxy"},
    ],
)
def test_a_trusted_proxy_that_names_no_client_does_not_lend_its_address_either(
    headers: dict[str, str],
) -> None:
    assert status(TrustedProxies(Stats(site), "loopback"), **headers) == 404


@pytest.mark.parametrize(("client", "answer"), [("127.0.0.1", 200), ("127.0.0.9", 200), (STRANGER, 404)])
def test_the_client_that_a_trusted_proxy_names_is_judged(client: str, answer: int) -> None:
    via = {"Via": "1.1 proxy", "X_Forwarded_Proto": "https"}
    assert status(TrustedProxies(Stats(site), "loopback"), X_Forwarded_For=client, **via) == answer
    assert (
        status(TrustedProxies(Stats(site), "loopback", headers="x-real-ip"), X_Real_IP=client, **via)
        == answer
    )
    named = {"headers": "forwarded"}
    assert (
        status(TrustedProxies(Stats(site), "loopback", **named), Forwarded=f"for={client}", **via) == answer
    )


def test_whoever_comes_without_a_proxy_is_judged_by_the_address() -> None:
    for app in (
        Stats(site),
        TrustedProxies(Stats(site), "10.0.0.0/8"),
        TrustedProxies(Stats(site), "loopback"),
    ):
        assert status(app) == 200
        assert status(app, STRANGER) == 404
