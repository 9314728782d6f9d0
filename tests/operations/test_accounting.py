"""Accounting: what is counted, when, and how little of it is seen from outside."""

from __future__ import annotations

import gc
import io
import os
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from wsgikit.operations.accounting import Accounting, forget
from wsgikit.operations.scoreboard import layout, slot
from wsgikit.operations.scoreboard.file import SharedFile
from wsgikit.testing import AwkwardError, build_environ, call, expectations, lint

pytestmark = pytest.mark.usefixtures("host")


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def counting(app: Any) -> Accounting:
    return Accounting(app, "test")


def begin(layer: Any, **environ: Any) -> Any:
    """Call the layer as a server does, and give the body."""
    return layer({**build_environ(), **environ}, lambda *head: io.BytesIO().write)


def test_a_request_is_in_flight_until_its_body_is_closed_and_counted_then() -> None:
    layer = counting(hello)
    body = begin(layer)
    [worker] = layer.snapshot().workers
    assert (worker.in_flight, worker.record.requests, worker.busy) == (1, 0, True)
    assert list(body) == [b"hello"]
    body.close()
    body.close()
    [worker] = layer.snapshot().workers
    assert (worker.in_flight, worker.record.requests, worker.record.sent) == (0, 1, 5)
    assert (worker.number, worker.pid, worker.lives, worker.exceptions) == (1, os.getpid(), 1, 0)
    assert worker.record.classes["2xx"] == 1


def test_a_request_in_flight_is_seen_with_method_and_path_and_without_its_query() -> None:
    layer = counting(hello)
    body = begin(
        layer, REQUEST_METHOD="POST", SCRIPT_NAME="/shop", PATH_INFO="/a\xe9", QUERY_STRING="token=1"
    )
    [core] = layer.snapshot().workers[0].cores
    assert core.request is not None
    assert (core.request.method, core.request.path) == ("POST", "/shop/a\xe9")
    assert core.request.seconds >= 0
    body.close()
    assert layer.snapshot().workers[0].cores[0].request is None


@pytest.mark.parametrize("name", sorted(expectations))
def test_an_awkward_app_is_counted_once_with_its_status_and_bytes(name: str) -> None:
    case = expectations[name]
    layer = counting(case.app)
    environ = {"wsgikit.testing.closed": []}
    app = lint(layer, allow=case.breaks)
    try:
        call(app, case.method, case.path, body=case.request_body, environ=environ)
    except AwkwardError:
        assert case.raises
    snapshot = layer.snapshot()
    assert (snapshot.total.requests, snapshot.in_flight) == (1, 0)
    assert snapshot.exceptions == int(bool(case.raises) or case.status >= 500)
    if not case.raises:
        assert snapshot.total.classes[f"{case.status // 100}xx"] == 1
        assert snapshot.total.sent == (
            0 if case.method == "HEAD" or case.status in (204, 304) else len(case.body)
        )


def test_an_app_that_raises_is_a_500_and_remembered_with_its_path() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise ValueError

    layer = counting(app)
    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        begin(layer, PATH_INFO="/bad")
    snapshot = layer.snapshot()
    assert (snapshot.total.classes["5xx"], snapshot.exceptions, snapshot.in_flight) == (1, 1, 0)
    [event] = snapshot.failed
    assert (event.status, event.method, event.path) == (500, "GET", "/bad")


def test_two_layers_of_one_service_count_a_request_once_and_of_two_services_each() -> None:
    layer = counting(counting(hello))
    call(layer)
    assert layer.snapshot().total.requests == 1
    other = Accounting(layer, "other")
    call(other)
    assert (layer.snapshot().total.requests, other.snapshot().total.requests) == (2, 1)


def test_what_is_forgotten_or_sent_by_warmup_is_not_counted() -> None:
    def operator(environ: Any, start_response: Any) -> list[bytes]:
        forget(environ)
        assert layer.snapshot().in_flight == 0
        return hello(environ, start_response)

    layer = counting(operator)
    call(layer)
    call(counting(hello), environ={"wsgikit.warmup": True})
    assert layer.snapshot().total.requests == 0


def test_the_body_stays_of_its_kind() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return bodies[environ["PATH_INFO"]]

    bodies: dict[str, Any] = {"/list": [b"a", b"bc"], "/tuple": (b"a",), "/none": []}
    bodies["/file"] = FileWrapper(io.BytesIO(b"file"))
    layer = counting(app)
    for path in ("/list", "/tuple", "/none"):
        body = begin(layer, PATH_INFO=path)
        assert len(body) == len(bodies[path])
        assert list(body) == list(bodies[path])
        body.close()
    body = begin(layer, PATH_INFO="/file", **{"wsgi.file_wrapper": FileWrapper})
    assert type(body) is FileWrapper
    assert b"".join(body) == b"file"
    body.close()
    assert layer.snapshot().total.sent == 3 + 1 + 4


def test_a_body_that_no_server_closes_is_over_when_it_is_forgotten() -> None:
    layer = counting(hello)
    begin(layer)
    gc.collect()
    snapshot = layer.snapshot()
    assert (snapshot.in_flight, snapshot.total.requests) == (0, 1)


def test_requests_beyond_the_cores_are_counted_without_being_listed() -> None:
    layer = counting(hello)
    bodies = [begin(layer) for _ in range(70)]
    [worker] = layer.snapshot().workers
    assert (worker.in_flight, len(worker.cores)) == (70, 64)
    for body in bodies:
        body.close()
    snapshot = layer.snapshot()
    assert (snapshot.in_flight, snapshot.total.requests) == (0, 70)


def test_a_route_is_told_by_its_match_or_by_a_note() -> None:
    class Route:
        rule = "/users/<int:id>"

    class Match:
        route = Route()

    def noting(environ: Any, start_response: Any) -> Any:
        environ["wsgikit.notes"]["route"] = environ["note"]
        return hello(environ, start_response)

    layer = counting(noting)
    call(layer, environ={"note": Match()})
    call(layer, environ={"note": "/login"})
    call(counting(hello), environ={"wsgikit.route": Match()})
    call(counting(hello))
    routes = layer.snapshot().routes
    assert {name: record.requests for name, record in routes.items()} == {
        "": 1,
        "/login": 1,
        "/users/<int:id>": 2,
    }


def test_routes_are_bounded_and_none_is_lost() -> None:
    def noting(environ: Any, start_response: Any) -> Any:
        environ["wsgikit.notes"]["route"] = environ["PATH_INFO"]
        return hello(environ, start_response)

    layer = counting(noting)
    for number in range(100):
        call(layer, path=f"/{number}")
    routes = layer.snapshot().routes
    assert len(routes) == 63
    assert routes["(other)"].requests == 38
    assert sum(record.requests for record in routes.values()) == 100


def test_threads_lose_no_count() -> None:
    layer = counting(hello)
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(300):
            call(layer)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    snapshot = layer.snapshot()
    assert (snapshot.total.requests, snapshot.total.sent, snapshot.in_flight) == (2400, 12000, 0)


def test_the_slowest_and_the_last_failed_are_kept_and_no_more() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("503 Service Unavailable", [])
        return []

    layer = counting(app)
    for number in range(20):
        call(layer, path=f"/{number}")
    snapshot = layer.snapshot()
    assert sorted(event.path for event in snapshot.failed) == sorted(f"/{n}" for n in range(12, 20))
    assert len(snapshot.slowest) == 8
    assert snapshot.slowest == sorted(snapshot.slowest, key=lambda event: -event.seconds)


def test_start_response_is_passed_on_as_it_came() -> None:
    heads: list[Any] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("A", "1")])
        try:
            raise ValueError("late")
        except ValueError as error:
            write = start_response("502 Bad Gateway", [], (ValueError, error, None))
        write(b"written")
        yield b"!"

    def server(*head: Any) -> Any:
        heads.append(head)
        return written.append

    written: list[bytes] = []
    layer = counting(app)
    body = layer(build_environ(), server)
    assert list(body) == [b"!"]
    body.close()  # type: ignore[attr-defined]
    assert heads[0] == ("200 OK", [("A", "1")])
    assert (heads[1][0], len(heads[1]), written) == ("502 Bad Gateway", 3, [b"written"])
    assert (layer.snapshot().total.classes["5xx"], layer.snapshot().total.sent) == (1, 8)


def test_without_a_file_a_process_counts_itself_alone_and_says_so(
    host: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = host / "elsewhere"
    target.touch()
    (host / f"wsgikit-{os.geteuid()}-test-scoreboard-3").symlink_to(target)
    layer = counting(hello)
    call(layer)
    assert layer.snapshot().total.requests == 1
    assert target.stat().st_size == 0
    assert "counts itself alone" in caplog.text


def test_a_process_that_counts_itself_alone_joins_the_others_as_soon_as_it_can(
    host: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system was full for a while."""
    monkeypatch.setattr("wsgikit.operations.scoreboard.file._ALONE", 0.0)
    path = host / f"wsgikit-{os.geteuid()}-test-scoreboard-3"
    path.symlink_to(host / "elsewhere")
    layer = counting(hello)
    for _ in range(3):
        call(layer)
        layer.snapshot()
    assert caplog.text.count("counts itself alone") == 1
    path.unlink()
    layer.snapshot()
    call(layer)
    assert path.stat().st_size > 0
    assert layer.snapshot().total.requests == 1


def test_what_is_no_scoreboard_is_opened_once_and_left_alone(
    host: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgikit.operations.scoreboard.file._ALONE", 0.0)
    path = host / f"wsgikit-{os.geteuid()}-test-scoreboard-3"
    path.write_bytes(b"something else")
    path.chmod(0o600)
    layer = counting(hello)
    layer.snapshot()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        layer.snapshot()
    assert len(os.listdir("/proc/self/fd")) == before
    assert path.read_bytes().startswith(b"something else")
    assert f"{path} is no scoreboard" in caplog.text


def test_a_file_that_others_may_read_is_not_taken(host: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = host / f"wsgikit-{os.geteuid()}-test-scoreboard-3"
    path.touch()
    path.chmod(0o644)
    call(counting(hello))
    assert "not a file of this user's alone" in caplog.text


def test_a_file_that_was_removed_is_made_again(host: Path) -> None:
    layer = counting(hello)
    call(layer)
    [path] = host.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    assert layer.snapshot().total.requests == 0
    call(layer)
    assert layer.snapshot().total.requests == 1
    assert path.exists()


def test_no_module_level_state_is_pickled() -> None:
    from wsgikit.operations.stats import Stats

    layer = Stats(hello, service="test")
    call(layer)
    assert pickle.loads(pickle.dumps(layer)) == layer


@pytest.mark.parametrize("path", [None, b"/bytes", 5])
def test_a_path_that_is_no_text_costs_no_core(path: Any) -> None:
    layer = counting(hello)
    for _ in range(layout.CORES + 1):
        call(layer, environ={"PATH_INFO": path})
    with_script = {"PATH_INFO": path, "SCRIPT_NAME": "/shop"}
    body = layer({**build_environ(), **with_script}, lambda *head: None)
    [worker] = layer.snapshot().workers
    assert [core.request.path for core in worker.cores if core.request] == [f"/shop{path}"]
    body.close()  # type: ignore[attr-defined]  # it has one
    assert layer.snapshot().total.requests == layout.CORES + 2


@pytest.mark.parametrize("names", [["/a", "/a\0"], ["/a\0", "/a"], ["(other)"], ["/a", "(other)", "(other)"]])
def test_no_name_of_a_route_loses_a_count(names: list[str]) -> None:
    layer = counting(hello)
    for name in names:
        call(layer, environ={"wsgikit.notes": {"route": name}})
    routes = layer.snapshot().routes
    assert sum(record.requests for record in routes.values()) == len(names)
    assert set(routes) == {name.replace("\0", "") for name in names}


def test_an_app_that_makes_each_path_a_route_asks_for_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = counting(hello)
    for number in range(100):
        call(layer, environ={"wsgikit.notes": {"route": f"/{number}"}})
    locked: list[int] = []
    monkeypatch.setattr(SharedFile, "lock", lambda self, byte: locked.append(byte) or True)
    for number in range(100, 200):
        call(layer, environ={"wsgikit.notes": {"route": f"/{number}"}})
    assert locked == []
    monkeypatch.undo()
    routes = layer.snapshot().routes
    assert len(routes) == 63
    assert routes["(other)"].requests == 200 - 62


def test_slow_requests_of_a_time_to_come_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock was ahead by a year for a while."""
    now = [time.time() + 365 * 86400]
    monkeypatch.setattr(slot, "time", lambda: now[0])
    layer = counting(hello)

    def ask(path: str, seconds: float) -> None:
        body: Any = layer({**build_environ(), "PATH_INFO": path}, lambda *head: None)
        body._started -= seconds
        body.close()

    for number in range(20):
        ask("/then", 30 + number)
    now[0] = time.time()
    layer.snapshot()
    layer._board.get().slot._next_look = 0.0  # a second later
    call(layer)
    ask("/now", 1)
    assert "/now" in {event.path for event in layer.snapshot().slowest}
