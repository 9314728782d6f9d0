"""Sentry's WSGI middleware around our layers and between them: each failure is one event."""

from __future__ import annotations

import pytest
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

from tests.neighbours.observers import Sentry
from tests.neighbours.scene import Closing, Failure, fails_at_once, fails_while_streaming
from wsgikit import CatchErrors, ConditionalGet, Head, Layer, Stack, TrustedProxies
from wsgikit.testing import call

SENTRY = Layer(SentryWsgiMiddleware)


@pytest.mark.parametrize(
    ("stack", "mechanism"),
    [(Stack(Layer(CatchErrors), SENTRY), "wsgi"), (Stack(SENTRY, Layer(CatchErrors)), "logging")],
    ids=["inside", "around"],
)
def test_with_catch_errors_a_failure_is_told_once(sentry: Sentry, stack: Stack, mechanism: str) -> None:
    """Inside, Sentry sees the exception and then the log's record of the same; around, the record alone."""
    assert call(stack(fails_at_once)).status == 500
    (event,) = sentry.failures
    (exception,) = event["exception"]["values"]
    assert exception["type"] == "Failure"
    assert exception["mechanism"]["type"] == mechanism


def test_what_fails_while_streaming_is_told_and_raised_on(sentry: Sentry) -> None:
    with pytest.raises(Failure):
        call(Stack(SENTRY, Layer(Head))(fails_while_streaming))
    assert len(sentry.failures) == 1


@pytest.mark.parametrize(("outside", "named"), [(False, "203.0.113.9"), (True, "198.51.100.66")])
def test_it_believes_whoever_it_hears_first_unless_trusted_proxies_stands_outside(
    sentry: Sentry, outside: bool, named: str
) -> None:
    trust = Layer(TrustedProxies, "loopback")
    stack = Stack(SENTRY, trust) if outside else Stack(trust, SENTRY)
    with pytest.raises(Failure):
        call(stack(fails_at_once), headers={"X-Forwarded-For": "198.51.100.66, 203.0.113.9"})
    (event,) = sentry.failures
    assert event["user"]["ip_address"] == named


@pytest.mark.parametrize(("layer", "method"), [(Head, "HEAD"), (ConditionalGet, "GET")])
def test_a_body_that_is_left_out_is_closed_through_it(sentry: Sentry, layer: type, method: str) -> None:
    app = Closing()
    call(Stack(Layer(layer), SENTRY)(app), method, headers={"If-None-Match": '"one"'})
    assert app.closed == 1
