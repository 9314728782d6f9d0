"""One active check over a real socket: what it asks, what passes, and how long it takes at most."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.forwarding.health.checks import HealthCheck
from wsgikit.forwarding.health.probe import probe
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import ScriptedUpstream, cues

if TYPE_CHECKING:
    from wsgikit.forwarding.backend import Backend


def backend_of(url: str, **options: Any) -> Backend:
    roster = ReverseProxy(url, **options)._fleets.get().roster
    roster.candidates()
    return roster.backends[0]


def asked(script: Any = None, check: HealthCheck | None = None, **options: Any) -> tuple[str | None, Any]:
    """What is wrong, and the request that was made."""
    with ScriptedUpstream(script) as upstream:
        wrong = probe(backend_of(upstream.url + options.pop("base", ""), **options), check or HealthCheck())
        assert not upstream.faults
        return wrong, upstream.requests[0]


def test_it_asks_by_get_below_the_base_path_and_closes() -> None:
    wrong, request = asked(None, HealthCheck("/ready?deep=1"), base="/base")
    assert wrong is None
    assert (request.method, request.target) == ("GET", "/base/ready?deep=1")
    assert request.header("Connection") == "close"
    assert request.header("User-Agent") == "wsgikit-health-check"


@pytest.mark.parametrize(
    ("proxy", "check", "host"),
    [
        ("upstream", None, "own"),
        ("client", None, "own"),
        ("site.example", None, "site.example"),
        ("site.example", "checks.example:81", "checks.example:81"),
    ],
)
def test_the_host_is_the_checks_or_that_of_requests(proxy: str, check: str | None, host: str) -> None:
    with ScriptedUpstream() as upstream:
        assert probe(backend_of(upstream.url, host=proxy), HealthCheck(host=check)) is None
        own = upstream.url.removeprefix("http://")
        assert upstream.requests[0].header("Host") == (own if host == "own" else host)


@pytest.mark.parametrize(
    ("status", "passes"), [(200, True), (204, True), (302, True), (404, False), (503, False)]
)
def test_statuses_say_what_passes(status: int, passes: bool) -> None:
    assert asked(cues.answer(status))[0] == (None if passes else f"answered {status}")


def test_statuses_can_be_others() -> None:
    assert asked(cues.answer(401), HealthCheck(statuses=401))[0] is None
    assert asked(cues.answer(200), HealthCheck(statuses=401))[0] == "answered 200"


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_the_body_is_looked_into_however_it_comes(framing: Any) -> None:
    check = HealthCheck(body="all well")
    assert asked(cues.answer(body=[b"x" * 1000, b"all ", b"well"], framing=framing), check)[0] is None
    wrong, _ = asked(cues.answer(body=[b"not so well"], framing=framing), check)
    assert wrong == "answered 200 without the text that was to be in it"
    assert asked(cues.answer(503, body=b"all well"), check)[0] == "answered 503"
    assert asked(cues.answer(503, body=b"all ill"), check)[0] == "answered 503"


def test_no_more_of_the_body_is_read_than_is_looked_at() -> None:
    never = threading.Event()
    for check, body in (
        (HealthCheck(), [b"begun", never]),
        (HealthCheck(body="well"), [b"well", b"x" * 65536, never]),
    ):
        assert asked(cues.answer(body=body, framing="chunked"), check)[0] is None


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (cues.close(), "closed"),
        (cues.reset(), "closed"),
        (cues.bad_status_line(), "broken"),
        (cues.cut_head(), "broken"),
        (cues.never_answer(), "timeout"),
        (cues.short_body(), "broken"),
    ],
)
def test_what_is_wrong_is_named(script: Any, kind: str) -> None:
    wrong, _ = asked(script, HealthCheck(timeout=0.1, body="well"))
    assert str(wrong).startswith(f"{kind}: ")


def test_nobody_there_is_named_too() -> None:
    with ScriptedUpstream() as upstream:
        upstream.refuse()
        assert str(probe(backend_of(upstream.url), HealthCheck())).startswith("unreachable: ")
        upstream.stall()
        assert str(probe(backend_of(upstream.url), HealthCheck(timeout=0.05))).startswith("timeout: ")


def test_the_timeout_is_for_all_of_it_also_where_a_body_drips() -> None:
    def dripping(peer: Any) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x")
            threading.Event().wait(0.005)

    wrong, _ = asked(dripping, HealthCheck(timeout=0.1, body="well"))
    assert str(wrong).startswith("timeout: ")


def test_a_check_takes_no_connection_of_the_requests_and_counts_as_none() -> None:
    with ScriptedUpstream() as upstream:
        backend = backend_of(upstream.url, max_connections=1)
        backend.pool.take()
        assert probe(backend, HealthCheck()) is None
        record = backend.snapshot(0.0)
        assert (record["requests"], record["failures"], record["pool"]["idle"]) == (1, {}, 0)
        upstream.wait_for(lambda: not upstream.open_connections)
