"""The board: slots, lives and deaths of workers, told by processes that are forked."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from wsgikit.operations.accounting import Accounting
from wsgikit.operations.scoreboard.board import board
from wsgikit.operations.scoreboard.family import family
from wsgikit.operations.scoreboard.snapshot import Snapshot
from wsgikit.testing import build_environ, call

pytestmark = [
    pytest.mark.usefixtures("host"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),  # the test runner has threads
]


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


@contextmanager
def worker(work: Callable[[], object]) -> Iterator[int]:
    """A process that has done ``work``, and lives on until it is told to end."""
    ready, done = os.pipe()
    hold, release = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(release)
        try:
            work()
            os.write(done, b".")
            os.read(hold, 1)  # until the parent has closed its end
        finally:
            os._exit(0)
    os.close(done)
    os.close(hold)
    assert os.read(ready, 1) == b"."
    try:
        yield pid
    finally:
        for end in (ready, release):
            os.close(end)
        os.waitpid(pid, 0)


def killed(pid: int) -> None:
    """Kill without a chance to tidy up, and wait until it is so."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def look(service: str = "test") -> Snapshot:
    """The scoreboard, for somebody who is no worker."""
    return board(service).get().snapshot()


def begin(layer: Accounting) -> Any:
    return layer({**build_environ(), "PATH_INFO": "/lost"}, lambda *head: None)


def test_each_process_has_a_slot_of_its_own_and_each_sees_all() -> None:
    layer = Accounting(hello, "test")
    call(layer)
    with worker(lambda: [call(layer) for _ in range(3)]) as pid:
        workers = look().workers
        assert [(w.number, w.pid, w.record.requests) for w in workers] == [(1, os.getpid(), 1), (2, pid, 3)]
        assert look().total.requests == 4
    assert [w.number for w in look().workers] == [1]
    assert look().total.requests == 4


def test_who_only_looks_has_no_slot() -> None:
    layer = Accounting(hello, "test")
    with worker(lambda: call(layer)) as pid:
        assert [w.pid for w in look().workers] == [pid]


def test_a_killed_worker_is_gone_at_once_and_what_it_had_in_flight_is_lost() -> None:
    layer = Accounting(hello, "test")
    kept: list[Any] = []
    with worker(lambda: [call(layer), kept.append(begin(layer)), kept.append(begin(layer))]) as pid:
        assert look().in_flight == 2
        killed(pid)
        snapshot = look()
        assert (snapshot.workers, snapshot.in_flight) == ([], 0)
        assert (snapshot.total.requests, snapshot.lost) == (1, 2)


def test_a_worker_is_gone_although_what_it_has_forked_lives_on() -> None:
    layer = Accounting(hello, "test")
    reading, writing = os.pipe()

    def work() -> None:
        call(layer)
        if os.fork() == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)

    with worker(work) as pid:
        os.close(reading)
        killed(pid)
        assert look().workers == []
    os.close(writing)


def test_the_next_worker_goes_on_with_the_number_and_counters_of_the_last() -> None:
    layer = Accounting(hello, "test")
    seen = []
    with worker(lambda: call(layer)):
        for _ in range(5):
            with worker(lambda: call(layer)):
                [_, second] = look().workers
                seen.append((second.number, second.lives, second.record.requests, second.requests))
    assert seen == [(2, life, life, 1) for life in range(1, 6)]
    assert look().lives == 6


def test_upstreams_and_cache_are_counted_over_all_workers_and_lives() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgikit.notes"].update(upstream="http://a", retries=1, cache="miss")
        return hello(environ, start_response)

    layer = Accounting(app, "test")
    call(layer)
    for life in range(1, 6):
        with worker(lambda: [call(layer), call(layer)]) as pid:
            killed(pid)
            snapshot = look()
        assert (snapshot.upstreams["http://a"].requests, snapshot.upstreams["http://a"].retries) == (
            1 + 2 * life,
            1 + 2 * life,
        )
        assert snapshot.cache == {"miss": 1 + 2 * life}


def test_a_service_that_is_started_anew_knows_no_upstreams(monkeypatch: pytest.MonkeyPatch) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgikit.notes"].update(upstream=environ["PATH_INFO"], cache="hit")
        return hello(environ, start_response)

    layer = Accounting(app, "test")
    with worker(lambda: call(layer, path="/a")):
        pass
    monkeypatch.setattr("wsgikit.operations.scoreboard.board.family", lambda: 7)
    with worker(lambda: call(layer, path="/b")):
        assert (list(look().upstreams), look().cache) == (["/b"], {"hit": 1})


def test_the_next_worker_keeps_what_the_last_one_remembered() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("500 Internal Server Error", [])
        return []

    layer = Accounting(app, "test")
    for life in range(10):
        with worker(lambda life=life: call(layer, path=f"/{life}")):  # type: ignore[misc]
            pass
    snapshot = look()
    assert [event.path for event in snapshot.failed] == [f"/{life}" for life in range(9, 1, -1)]
    assert len(snapshot.slowest) == 8


def test_nothing_grows_with_recycling(host: Path) -> None:
    layer = Accounting(hello, "test")
    sizes = set()
    for life in range(1, 41):
        with worker(lambda: call(layer)):
            pass
        [file] = host.iterdir()
        sizes.add((file.stat().st_size, file.stat().st_blocks))
        assert look().total.requests == life
    assert len(sizes) == 1


def test_a_fork_of_a_worker_claims_a_slot_when_it_serves_and_leaves_its_parents_alone() -> None:
    layer = Accounting(hello, "test")
    call(layer)

    def work() -> None:
        before = [w.pid for w in look().workers]
        call(layer)
        assert before == [os.getppid()]

    with worker(work):
        assert [w.number for w in look().workers] == [1, 2]
    call(layer)
    [mine] = look().workers
    assert (mine.pid, mine.record.requests) == (os.getpid(), 2)


def test_whoever_tells_is_a_worker_and_told_of() -> None:
    with worker(lambda: Accounting(hello, "test").snapshot()) as pid:
        assert [w.pid for w in look().workers] == [pid]


def test_a_service_that_is_started_anew_counts_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Accounting(hello, "test")
    with worker(lambda: call(layer)):
        pass
    monkeypatch.setattr("wsgikit.operations.scoreboard.board.family", lambda: 7)
    assert look().total.requests == 1  # by looking alone nothing is changed
    with worker(lambda: call(layer)):
        assert (look().total.requests, look().lives) == (1, 1)
        monkeypatch.setattr("wsgikit.operations.scoreboard.board.family", lambda: 8)
        with worker(lambda: call(layer)):
            assert look().total.requests == 2  # two starts overlap, as when a server replaces itself
    with worker(lambda: call(layer)):
        assert look().total.requests == 3  # the one that has replaced the other goes on alone


def test_workers_of_one_parent_are_a_family() -> None:
    assert family() == family()
    reading, writing = os.pipe()
    for _ in range(2):
        with worker(lambda: os.write(writing, family().to_bytes(8, "little"))):
            pass
    first, second = os.read(reading, 8), os.read(reading, 8)
    os.close(reading)
    os.close(writing)
    assert first == second != family().to_bytes(8, "little")


def test_services_do_not_meet() -> None:
    call(Accounting(hello, "shop"))
    assert (look("shop").total.requests, look("blog").total.requests) == (1, 0)
