from __future__ import annotations

import gc
import logging
import os
import queue
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.core.background import Background
from wsgikit.core.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 20.0  # seconds until a test gives up; none waits that long when all is right


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Job:
    """Tells each run; what it returns, or raises, is said beforehand."""

    def __init__(self, *outcomes: float | Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.ran: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()

    def run(self) -> float | None:
        outcome = self.outcomes.pop(0)
        self.ran.put(threading.current_thread())
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def await_run(self) -> threading.Thread:
        """The thread of the next run, which is over."""
        thread = self.ran.get(timeout=PATIENCE)
        thread.join(PATIENCE)
        return thread


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Iterator[Callable[..., Background]]:
    made: list[Background] = []

    def background(name: str = "test", clock: Callable[[], float] = clock) -> Background:
        made.append(Background(name, clock))
        return made[-1]

    yield background
    for one in made:
        one.close()


def threads_of(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


def await_end_of_threads(name: str) -> None:
    for thread in threads_of(name):
        thread.join(PATIENCE)
        assert not thread.is_alive()


def advance(background: Background, clock: Clock, seconds: float) -> None:
    clock.now += seconds
    background.wake()


def test_a_job_runs_at_once_and_again_after_the_seconds_it_returns(make: Any, clock: Clock) -> None:
    background, job, fence = make(), Job(5.0, 7.0, None), Job(*[4.0] * 10)
    background.every(job.run)
    job.await_run()
    background.every(fence.run)
    fence.await_run()
    advance(background, clock, 4.0)
    fence.await_run()
    assert job.ran.empty(), "a second too early"
    advance(background, clock, 1.0)
    job.await_run()
    advance(background, clock, 6.5)
    fence.await_run()
    assert job.ran.empty(), "half a second too early"
    advance(background, clock, 0.5)
    job.await_run()
    assert job.outcomes == []


def test_the_first_run_can_be_later(make: Any, clock: Clock) -> None:
    background, early, late = make(), Job(None), Job(None)
    background.every(late.run, 10.0)
    background.every(early.run, 9.0)
    advance(background, clock, 9.0)
    early.await_run()
    assert late.ran.empty()
    advance(background, clock, 1.0)
    late.await_run()


def test_it_keeps_time_by_itself() -> None:
    background, job = Background("real"), Job(0.0, 0.02, 0.0, None)
    background.every(job.run, 0.02)
    for _ in range(4):
        job.await_run()
    await_end_of_threads("real")


def test_no_thread_before_the_first_job_and_none_after_the_last(make: Any) -> None:
    background, job = make("idle"), Job(None, None)
    assert threads_of("idle") == []
    background.every(job.run)
    job.await_run()
    await_end_of_threads("idle")
    background.every(job.run)  # and it comes back to life
    assert job.await_run().name == "idle: Job.run"
    await_end_of_threads("idle")


def test_a_job_that_hangs_delays_no_other_and_is_not_run_twice(make: Any, clock: Clock) -> None:
    background, other = make("hang"), Job(1.0, 1.0, None)
    begun, release, runs = threading.Event(), threading.Event(), []

    def hang() -> float:
        runs.append(1)
        begun.set()
        assert release.wait(PATIENCE)
        return 3600.0

    background.every(hang)
    assert begun.wait(PATIENCE)
    background.every(other.run)
    for _ in range(3):
        other.await_run()
        advance(background, clock, 3600.0)
    assert runs == [1]
    background.close()
    release.set()
    await_end_of_threads("hang")


def test_close_ends_at_once_while_a_job_hangs_and_may_come_again(make: Any, clock: Clock) -> None:
    background, never = make("closed"), Job()
    begun, release = threading.Event(), threading.Event()

    def hang() -> float:
        begun.set()
        assert release.wait(PATIENCE)
        return 0.0

    background.every(hang)
    background.every(never.run, 60.0)
    assert begun.wait(PATIENCE)
    keeper = next(thread for thread in threads_of("closed") if thread.name == "closed")
    background.close()
    background.close()
    keeper.join(PATIENCE)
    assert not keeper.is_alive()
    advance(background, clock, 3600.0)
    background.every(never.run)
    assert not any(thread.name == "closed" for thread in threads_of("closed"))
    release.set()
    await_end_of_threads("closed")
    assert never.ran.empty()


def test_a_job_ends_with_the_object_whose_method_it_is(make: Any) -> None:
    background, job = make("weak"), Job(60.0)
    background.every(job.run)
    background.every(job.run, 3600.0)
    job.await_run()
    assert threads_of("weak")
    del job
    gc.collect()
    await_end_of_threads("weak")


def test_an_owner_and_its_background_end_together() -> None:
    class Owner:
        def __init__(self) -> None:
            self.ran = threading.Event()
            self.background = PerProcess(lambda: Background("owned"))
            self.background.get().every(self.work)

        def work(self) -> float:
            self.ran.set()
            return 60.0

    owner = Owner()
    assert owner.ran.wait(PATIENCE)
    del owner
    gc.collect()
    await_end_of_threads("owned")


def test_a_function_is_held_until_it_returns_none() -> None:
    ran: queue.SimpleQueue[int] = queue.SimpleQueue()
    outcomes: list[float | None] = [0.02, None]

    def begin() -> None:
        def local() -> float | None:
            ran.put(1)
            return outcomes.pop(0)

        Background("function").every(local)

    begin()
    gc.collect()
    assert [ran.get(timeout=PATIENCE) for _ in range(2)] == [1, 1]
    await_end_of_threads("function")


def test_an_error_is_logged_once_per_text_and_the_job_goes_on(
    make: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    background = make("prone")
    first, second = OSError("no\r\nroute"), OSError("other")
    job = Job(first, 3.0, first, second, first, None)
    with caplog.at_level(logging.ERROR, "wsgikit.background"):
        background.every(job.run)
        job.await_run()
        for pause in (10.0, 3.0, 3.0, 3.0, 3.0):  # after a failure, what it has asked for last
            advance(background, clock, pause)
            job.await_run()
        await_end_of_threads("prone")
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("prone: Job.run failed, next run in 10 s: 'OSError: no\\r\\nroute' (")
    assert "test_background.py', line" in said[0]
    assert "next run in 3 s: 'OSError: other'" in said[1]


def test_what_is_no_number_of_seconds_is_a_failure_of_the_job(
    make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    background, ran = make("odd"), Job(None)
    wrong: Any = lambda: "soon"  # noqa: E731
    background.every(wrong)
    background.every(ran.run)
    ran.await_run()
    background.close()
    await_end_of_threads("odd")
    assert "TypeError" in caplog.text


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # pytest reports SystemExit too
def test_what_kills_a_thread_does_not_end_the_job(make: Any, clock: Clock) -> None:
    background, job = make("killed"), Job(1.0, None)
    killed = threading.Event()

    def die() -> float | None:
        if killed.is_set():
            return job.run()
        killed.set()
        raise SystemExit

    background.every(die)
    assert killed.wait(PATIENCE)
    for thread in threads_of("killed: "):
        thread.join(PATIENCE)
    advance(background, clock, 10.0)
    job.await_run()


def test_where_no_thread_starts_the_next_call_tries_again(
    make: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    background, first, second = make("full"), Job(None), Job(None)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        background.every(first.run)
    assert "no job runs" in caplog.text
    background.every(second.run)
    first.await_run()
    second.await_run()


def test_where_no_thread_starts_for_a_run_it_is_tried_again_later(
    make: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    background, kept, job, start = make("busy"), Job(60.0), Job(None), threading.Thread.start
    background.every(kept.run)
    kept.await_run()
    refused = threading.Event()

    def refuse(thread: threading.Thread) -> None:
        if not thread.name.startswith("busy"):
            return start(thread)
        refused.set()
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        background.every(job.run)
        assert refused.wait(PATIENCE)
    kept.outcomes += [60.0] * 100
    while job.ran.empty():  # the keeper may have to come back from what it was refused
        advance(background, clock, 60.0)
        kept.await_run()
    job.await_run()
    assert "can't start new thread" in caplog.text


def test_a_collector_that_closes_in_the_middle_of_anything_blocks_nothing() -> None:
    """Objects in cycles, each with a background of its own, are collected while others are made."""

    class Owner:
        def __init__(self) -> None:
            self.cycle = self
            self.background = Background("cyclic")
            for _ in range(3):
                self.background.every(self.work, 60.0)

        def work(self) -> float:
            return 60.0

        def __del__(self) -> None:
            self.background.close()
            self.background.every(self.background.close)

    def churn() -> None:
        for _ in range(40):
            Owner()

    before = gc.get_threshold()
    gc.set_threshold(5, 2, 2)
    try:
        workers = [threading.Thread(target=churn, daemon=True) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(PATIENCE)
            assert not worker.is_alive(), "a deadlock"
    finally:
        gc.set_threshold(*before)
    gc.collect()
    await_end_of_threads("cyclic")


def test_many_threads_that_add_jobs_get_one_keeper(make: Any) -> None:
    background, barrier = make("crowd"), threading.Barrier(8)
    jobs = [Job(60.0) for _ in range(64)]

    def add(mine: list[Job]) -> None:
        barrier.wait(PATIENCE)
        for job in mine:
            background.every(job.run)

    workers = [threading.Thread(target=add, args=(jobs[n::8],)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    for job in jobs:
        job.await_run()
    assert [thread.name for thread in threads_of("crowd")] == ["crowd"]
    background.close()
    await_end_of_threads("crowd")


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the fork is what is tested
def test_a_fork_has_its_own_thread() -> None:
    holder, job = PerProcess(lambda: Background("forked")), Job(60.0)
    holder.get().every(job.run)
    job.await_run()
    child = os.fork()
    if child == 0:
        try:
            own = Job(None)
            holder.get().every(own.run)
            own.await_run()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    holder.get().close()
    await_end_of_threads("forked")


@pytest.mark.parametrize(("has_threads", "warnings"), [(0, 1), (1, 0)])
def test_uwsgi_without_threads_is_warned_about_once(
    has_threads: int,
    warnings: int,
    make: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(has_threads=has_threads))
    name = f"under-uwsgi-{has_threads}"
    for _ in range(2):
        job = Job(None)
        make(name).every(job.run)
        job.await_run()
    await_end_of_threads(name)
    assert caplog.text.count("--enable-threads") == warnings


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_exit_waits_for_no_job() -> None:
    """The subprocess would not end within its time otherwise."""
    code = """
import threading
from wsgikit.core.background import Background
begun, never = threading.Event(), threading.Event()
def hang():
    begun.set()
    never.wait()
background = Background("exit")
background.every(hang)
background.every(lambda: 0.0)
begun.wait()
print("over")
"""
    assert run(code) == "over\n"


def test_greenlets_do_the_work_under_gevent() -> None:
    pytest.importorskip("gevent")
    code = """
from wsgikit.core.background import Background   # imported before it is patched
from gevent import monkey
monkey.patch_all()
import gc, queue, threading
ran, never = queue.Queue(), threading.Event()
class Owner:
    def run(self):
        ran.put("job")
        return 0.01
    def hang(self):
        never.wait()
owner, background = Owner(), Background("green")
background.every(owner.run)
background.every(owner.hang)
for _ in range(3):
    assert ran.get(timeout=10) == "job"
keeper, = [t for t in threading.enumerate() if t.name == "green"]
import gevent.queue
assert isinstance(background._letters, gevent.queue.SimpleQueue)
never.set()
del owner
gc.collect()
keeper.join(10)
assert not keeper.is_alive()
print("right")
"""
    assert run(code) == "right\n"
