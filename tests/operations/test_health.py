"""Health: live and ready, in front of everything."""

from __future__ import annotations

import json
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from wsgikit.operations import check
from wsgikit.operations.check import Check
from wsgikit.operations.health import Health
from wsgikit.operations.stats import Stats
from wsgikit.operations.warmup import WarmUp
from wsgikit.testing import call, lint


def never(environ: Any, start_response: Any) -> list[bytes]:
    raise AssertionError("the app must not be called")


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def fail() -> None:
    raise ConnectionError("password is hunter2")


def test_live_and_ready_are_answered_without_the_app() -> None:
    app = lint(Health(never))
    for path in ("/livez", "/readyz"):
        answer = call(app, path=path)
        assert (answer.status, answer.text) == (200, "ok\n")
        assert answer.header("Cache-Control") == "no-store"
        assert call(app, "HEAD", path).body == b""
        assert call(app, "POST", path).status == 405


def test_everything_else_is_passed_on_as_it_is() -> None:
    chunks = [b"hello"]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return chunks

    assert Health(app)({"PATH_INFO": "/livez/more"}, lambda *head: None) is chunks  # type: ignore[comparison-overlap]
    assert call(Health(hello, live="/alive"), path="/livez").text == "hello"


@pytest.mark.parametrize(
    ("function", "status"),
    [(lambda: None, 200), (lambda: True, 200), (lambda: 0, 200), (lambda: False, 503), (fail, 503)],
)
def test_a_check_fails_by_raising_or_by_false(function: Any, status: int) -> None:
    app = lint(Health(never, checks={"database": function}))
    answer = call(app, path="/readyz")
    assert answer.status == status
    assert answer.text.splitlines()[1] == ("database: pass" if status == 200 else "database: fail")
    assert call(app, path="/livez").status == 200


def test_what_a_check_raised_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    answer = call(Health(never, checks={"database": fail, "cache": lambda: None}), path="/readyz")
    assert answer.text == "unavailable\ndatabase: fail\ncache: pass\n"
    assert "hunter2" in caplog.text


def test_json_is_given_where_it_is_asked_for() -> None:
    app = Health(never, checks={"database": fail, "cache": lambda: None})
    answer = call(app, path="/readyz", headers={"Accept": "application/json"})
    assert (answer.status, answer.header("Content-Type")) == (503, "application/json")
    assert json.loads(answer.body) == {"status": "fail", "checks": {"database": "fail", "cache": "pass"}}


def test_a_check_that_hangs_fails_and_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    go = threading.Event()

    def hang() -> None:
        calls.append(None)
        go.wait(30)

    hanging = Check("database", hang, patience=0.01)
    assert hanging.begin().passed() is False
    assert hanging.begin().passed() is False
    assert len(calls) == 1
    run = hanging.begin()
    go.set()
    assert run.over.wait(30)
    assert hanging.begin().passed() is True
    assert len(calls) == 2


def test_a_check_has_two_seconds() -> None:
    assert check.PATIENCE == 2.0
    assert Check("database", hello)._patience == 2.0  # type: ignore[arg-type]


def test_checks_run_beside_each_other() -> None:
    together = threading.Barrier(3, timeout=30)
    app = Health(never, checks=dict.fromkeys(("a", "b", "c"), together.wait))
    assert call(app, path="/readyz").status == 200


def test_drain_makes_it_unready_and_nothing_else() -> None:
    app = Health(hello)
    app.drain()
    answer = call(app, path="/readyz")
    assert (answer.status, answer.text) == (503, "unavailable\ndrain: fail\n")
    assert call(app, path="/livez").status == 200
    assert call(app).text == "hello"
    app.resume()
    assert call(app, path="/readyz").status == 200


def test_a_switch_drains_every_worker(tmp_path: Path) -> None:
    switch = tmp_path / "drain"
    one, other = Health(hello, switch=switch), Health(hello, switch=str(switch))
    one.drain()
    assert switch.exists()
    assert call(other, path="/readyz").status == 503
    other.resume()
    one.resume()
    assert call(one, path="/readyz").status == 200
    switch.touch()
    assert call(one, path="/readyz").status == 503


def test_it_is_not_ready_until_the_app_is_warm() -> None:
    go, warmed = threading.Event(), threading.Event()

    def warming() -> None:
        go.wait(30)

    inner = WarmUp(hello, calls=[warming, warmed.set])
    app = Health(inner)
    answer = call(app, path="/readyz")  # begins to warm up, and does not wait
    assert (answer.status, answer.text) == (503, "unavailable\nwarm-up: fail\n")
    assert call(app, path="/livez").status == 200
    go.set()
    assert warmed.wait(30)
    while not inner.warm:  # from the last call to its end there is no event
        os.sched_yield()
    assert call(app, path="/readyz").status == 200


@pytest.mark.usefixtures("host")
def test_probes_are_not_counted() -> None:
    app = Stats(Health(hello), service="test")
    call(app, path="/readyz")
    call(app)
    answer = call(app, path="/-/stats", environ={"REMOTE_ADDR": "127.0.0.1"})
    assert json.loads(answer.body)["workers"][0]["requests"] == 1


def test_it_pickles_with_its_checks() -> None:
    app = Health(hello, checks={"database": fail})
    call(app, path="/readyz")
    assert pickle.loads(pickle.dumps(app)) == app


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match="Health: live='livez'"):
        Health(hello, live="livez")
    with pytest.raises(ValueError, match="Health: ready='/x' will not do: another path than live"):
        Health(hello, live="/x", ready="/x")
    with pytest.raises(TypeError, match="Health: checks="):
        Health(hello, checks=[fail])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Health: checks="):
        Health(hello, checks={"database": "ping"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="no name that fits on a line"):
        Health(hello, checks={"a\nb": fail})
    with pytest.raises(ValueError, match="'warm-up' is what Health itself tells"):
        Health(hello, checks={"warm-up": lambda: True})  # which would say that it is warm while it is not
    with pytest.raises(TypeError, match="Health: switch=7"):
        Health(hello, switch=7)  # type: ignore[arg-type]
