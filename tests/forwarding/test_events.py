"""What is logged: one line for each event, at its level, with nothing foreign in it unescaped."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding import events
from wsgikit.forwarding.errors import BrokenAnswer
from wsgikit.forwarding.health.passive import PassiveHealth
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import call, cues

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.forwarding.conftest import Proxied, Several

URL = "http://10.0.0.1"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    """Level and text of what was logged."""
    caplog.set_level(logging.DEBUG, "wsgikit.forwarding")

    def told() -> list[tuple[str, str]]:
        assert {record.name for record in caplog.records} <= {"wsgikit.forwarding"}
        return [(record.levelname, record.getMessage()) for record in caplog.records]

    return told


def test_every_event_is_one_line_at_its_level(lines: Callable[[], Any]) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x"}
    events.refused(environ, URL, BrokenAnswer("no HTTP"), "answered 502")
    events.retried(environ, URL, "no HTTP")
    events.ejected(URL, "refused", PassiveHealth(cooldown="1m"))
    events.breaker(URL, "open")
    events.breaker(URL, "closed")
    events.checked(URL, "timeout: nothing came")
    events.checked(URL, None)
    events.panicked([URL, "http://10.0.0.2"])
    events.changed(URL, "added")
    events.not_resolved("resolve='dns'", "no such name", 2)
    assert lines() == [
        ("WARNING", f"'GET' '/x' to {URL}: answered 502 (broken): 'no HTTP'"),
        ("INFO", f"'GET' '/x' to {URL}: trying again: 'no HTTP'"),
        ("WARNING", f"{URL}: ejected for 60 s: 'refused'"),
        ("WARNING", f"{URL}: circuit breaker open"),
        ("INFO", f"{URL}: circuit breaker closed"),
        ("WARNING", f"{URL}: down, by its checks: 'timeout: nothing came'"),
        ("INFO", f"{URL}: up, by its checks"),
        ("WARNING", f"all upstreams are ejected; using them all the same: {URL}, http://10.0.0.2"),
        ("INFO", f"{URL}: added"),
        ("WARNING", "resolve='dns': 'no such name'; 2 upstreams stay as they are"),
    ]


class Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@given(st.text(), st.text(), st.text())
def test_whatever_strangers_send_is_one_printable_line(method: str, path: str, reason: str) -> None:
    collector = Collector()
    logger = logging.getLogger("wsgikit.forwarding")
    logger.addHandler(collector)
    try:
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path}
        events.refused(environ, URL, BrokenAnswer(reason), "answered 502")
        events.retried(environ, URL, reason)
        events.ejected(URL, reason, None)
        events.checked(URL, reason)
        events.not_resolved("resolve='dns'", reason, 1)
    finally:
        logger.removeHandler(collector)
    assert all(text.isascii() and text.isprintable() for text in collector.texts)


def test_what_a_backend_sends_cannot_forge_a_line(
    proxied: Callable[..., Proxied], lines: Callable[[], Any]
) -> None:
    one = proxied(cues.bad_status_line(b"HTTP/1.1 two \x1b[31m"), retry=None)
    assert one.call(path="/a%0AINFO:forged").status == 502
    assert all(text.isprintable() for _, text in lines())
    assert len(lines()) == 1


def test_a_quiet_success_logs_nothing(several: Callable[..., Several], lines: Callable[[], Any]) -> None:
    group = several(None, None)
    assert {group.call().status for _ in range(4)} == {200}
    assert lines() == []


def test_changes_are_told_once_each(lines: Callable[[], Any]) -> None:
    upstreams = ReverseProxy(URL).upstreams
    upstreams.add("http://10.0.0.2")
    upstreams.drain(URL)
    upstreams.remove(URL)
    assert [text for _, text in lines()] == ["http://10.0.0.2: added", f"{URL}: draining", f"{URL}: removed"]


def test_a_request_that_found_nobody_names_no_upstream(lines: Callable[[], Any]) -> None:
    proxy = ReverseProxy(URL)
    proxy.upstreams.drain(URL)
    assert call(proxy, path="/x").status == 503
    assert lines()[-1] == (
        "WARNING",
        "'GET' '/x' to no upstream: answered 503 (none_available): 'no upstream takes requests'",
    )
