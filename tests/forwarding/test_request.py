from __future__ import annotations

from typing import Any

from wsgikit.forwarding.outbound import Outbound
from wsgikit.forwarding.request import Request
from wsgikit.testing import build_environ


def made(method: str, **more: Any) -> Request:
    return Outbound()(build_environ(method, "/", **more))


def test_what_can_be_sent_again() -> None:
    assert made("GET").replayable
    assert made("PUT", body=b"small").replayable
    assert not made("POST").replayable
    assert not made("PATCH", body=b"small").replayable
    assert not made("PUT", body=[b"stream"]).replayable


def test_fields_come_back_as_pairs() -> None:
    pairs = made("GET", headers={"Accept": "text/html, */*", "X-Colons": "a: b"}).pairs()
    assert ("Accept", "text/html, */*") in pairs
    assert ("X-Colons", "a: b") in pairs


def test_early_hints_are_what_the_server_gives() -> None:
    request = made("GET")
    assert request.hints is None
    request.environ["wsgi.early_hints"] = told = [].append
    assert request.hints is told
