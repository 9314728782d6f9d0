"""Maintenance: the switch, who gets through, and what the others are told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from wsgikit.access.trust import TrustedProxies
from wsgikit.operations.maintenance import Maintenance
from wsgikit.testing import build_environ, call


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture
def switch(tmp_path: Path) -> Path:
    return tmp_path / "maintenance"


def test_the_file_turns_it_on_and_off_from_the_next_request_on(switch: Path) -> None:
    app = Maintenance(hello, switch=switch)
    assert call(app).status == 200
    switch.touch()
    assert call(app).status == 503
    switch.unlink()
    assert call(app).status == 200


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_workers_that_were_forked_before_obey_it_too(switch: Path) -> None:
    app = Maintenance(hello, switch=switch)
    assert call(app).status == 200
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)
        os._exit(0 if call(app).status == 503 else 1)
    os.close(ready)
    switch.touch()
    os.close(go)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_while_off_the_request_goes_through_as_it_is(switch: Path) -> None:
    seen: list[Any] = []
    body: list[bytes] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.extend([environ, start_response])
        return body

    environ, start = build_environ(), object()
    assert Maintenance(app, switch=str(switch))(environ, start) is body  # type: ignore[arg-type]
    assert seen[0] is environ
    assert seen[1] is start


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/plain; charset=utf-8"),
        ("text/html,application/xhtml+xml", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
    ],
)
def test_the_answer_is_503_with_retry_after_in_the_form_asked_for(
    switch: Path, accept: str, kind: str
) -> None:
    switch.touch()
    notes: dict[str, Any] = {}
    app = Maintenance(hello, switch=switch)
    answer = call(app, headers={"Accept": accept}, environ={"wsgikit.notes": notes})
    assert (answer.status, answer.header("Content-Type")) == (503, kind)
    assert answer.header("Retry-After") == "120"
    assert "maintenance" in answer.text
    assert notes == {"refused": "Maintenance"}


@pytest.mark.parametrize(("given", "told"), [(0, "0"), (90, "90"), ("5m", "300"), (0.5, "1")])
def test_retry_after_is_whole_seconds(switch: Path, given: Any, told: str) -> None:
    switch.touch()
    assert call(Maintenance(hello, switch=switch, retry_after=given)).header("Retry-After") == told


@pytest.mark.parametrize(
    ("allow", "address", "status"),
    [
        ((), "127.0.0.1", 503),
        ("loopback", "127.0.0.1", 200),
        ("loopback", "203.0.113.9", 503),
        (["10.0.0.0/8", "2001:db8::/32"], "10.1.2.3", 200),
        (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", 200),
        (["10.0.0.0/8", "2001:db8::/32"], "<script>", 503),
        ("unix", "", 200),
        ("loopback", "", 503),
    ],
)
def test_who_is_allowed_still_gets_through(switch: Path, allow: Any, address: str, status: int) -> None:
    switch.touch()
    app = Maintenance(hello, switch=switch, allow=allow)
    assert call(app, environ={"REMOTE_ADDR": address}).status == status


def test_a_relative_switch_stays_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = Maintenance(hello, switch="maintenance")
    (tmp_path / "maintenance").touch()
    monkeypatch.chdir("/")
    assert call(app).status == 503
    assert app.options() == {"switch": "maintenance"}


def test_a_folder_that_is_not_there_yet_is_off(tmp_path: Path) -> None:
    assert call(Maintenance(hello, switch=tmp_path / "later" / "maintenance")).status == 200


def test_a_link_that_leads_nowhere_is_off(switch: Path) -> None:
    switch.symlink_to("nowhere")
    assert call(Maintenance(hello, switch=switch)).status == 200


@pytest.mark.parametrize(
    "options",
    [
        {"switch": 7},
        {"switch": ""},
        {"switch": b"bytes"},
        {"switch": "/tmp"},
        {"switch": "a\0b"},
        {"switch": "x", "allow": "10.0.0.1/8"},
        {"switch": "x", "retry_after": -1},
        {"switch": "x", "retry_after": "soon"},
    ],
)
def test_an_option_that_will_not_do_is_named(options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=f"Maintenance: {list(options)[-1]}="):
        Maintenance(hello, **options)


def test_strangers_do_not_get_through_by_the_address_of_a_proxy(switch: Path) -> None:
    """nginx on this host: with its own address everybody would get through."""
    switch.touch()
    app = Maintenance(hello, switch=switch, allow="loopback")
    stranger = {"X-Forwarded-For": "203.0.113.9"}
    assert call(app).status == 200
    assert call(app, headers=stranger).status == 503
    assert call(TrustedProxies(app, "10.0.0.0/8"), headers=stranger).status == 503
    assert call(TrustedProxies(app, "loopback"), headers=stranger).status == 503
    assert call(TrustedProxies(app, "loopback"), headers={"X-Forwarded-For": "127.0.0.1"}).status == 200
