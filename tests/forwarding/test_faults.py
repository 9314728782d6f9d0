"""What is promised of failures, with backends that are processes: killed, frozen, and started again under load."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.forwarding.backends.load import PATIENCE, Load
from tests.forwarding.backends.process import BackendProcess
from wsgikit.forwarding.health.checks import HealthCheck
from wsgikit.forwarding.health.passive import PassiveHealth
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import call

PROGRAMS = Path(__file__).with_name("backends")

Fleet = Callable[..., tuple[ReverseProxy, list[BackendProcess]]]


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Makes a proxy in front of so many backends; all are gone in the end."""
    with ExitStack() as stack:

        def make(count: int, **options: Any) -> tuple[ReverseProxy, list[BackendProcess]]:
            backends = [stack.enter_context(BackendProcess()) for _ in range(count)]
            proxy = ReverseProxy([one.url for one in backends], **options)
            return stack.enter_context(closing(proxy)), backends

        yield make


def seen(proxy: ReverseProxy, backend: BackendProcess) -> dict[str, Any]:
    """What the proxy says of a backend."""
    return dict(proxy.snapshot()["upstreams"][backend.url])


def count(proxy: ReverseProxy, what: str) -> int:
    """A number of the snapshot, over all backends."""
    return sum(one[what] for one in proxy.snapshot()["upstreams"].values())


RETURNS: dict[str, dict[str, Any]] = {
    "passively": {"passive": PassiveHealth(cooldown=0.5)},
    "by its checks": {"passive": PassiveHealth(cooldown=600), "health": HealthCheck(interval=0.5)},
}


@pytest.mark.parametrize("how", RETURNS)
def test_one_of_three_is_killed_under_load_and_every_request_is_answered_200(
    fleet: Fleet, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    proxy, backends = fleet(3, **RETURNS[how])
    victim = backends[0]
    with caplog.at_level(logging.INFO, "wsgikit.forwarding"), Load(proxy, 12) as load:
        load.more(300)
        victim.kill()
        load.until(lambda: f"{victim.url}: ejected" in caplog.text)
        load.more(300)
        victim.start()
        load.until(lambda: victim.counts().requests > 20)
        load.more(300)
    assert set(load.answers) == {200}
    assert set(load.retries) == {0, 1}, "each request that met the dead one was sent to another, once"
    assert count(proxy, "in_flight") == 0


def test_all_are_killed_and_each_answer_is_finished_at_once(fleet: Fleet) -> None:
    """Nothing waits for a timeout: these are longer than the patience of whoever waits for the answers."""
    check = HealthCheck(interval=0.5, timeout=600)
    proxy, backends = fleet(3, health=check, connect_timeout=600, read_timeout=600)
    threads = set(threading.enumerate())
    with Load(proxy, 16) as load:
        load.more(200)
        for backend in backends:
            backend.kill()
        load.until(lambda: load.answers[502])
        load.until(lambda: load.answers[503])
        in_trouble = [one for one in set(threading.enumerate()) - threads if not one.name.startswith("load")]
        load.more(300)
        for backend in backends:
            backend.start()
        answered = load.answers[200]
        load.until(lambda: load.answers[200] > answered)
        load.until(lambda: all(backend.counts().requests > 20 for backend in backends))
    assert set(load.answers) == {200, 502, 503}
    # One that looks after the jobs, and at most one check of each backend, however many requests fail.
    assert len(in_trouble) <= 1 + len(backends), in_trouble
    assert count(proxy, "in_flight") == 0
    proxy.close()
    for thread in set(threading.enumerate()) - threads:
        thread.join(PATIENCE)
    assert set(threading.enumerate()) <= threads


def test_one_that_is_back_is_used_after_two_checks(fleet: Fleet) -> None:
    """Which are over within an interval: the first comes after half of it, the other a tenth later."""
    proxy, (backend,) = fleet(1, health=HealthCheck(interval=0.5))
    with Load(proxy, 2) as load:
        load.more(10)
        backend.kill()
        load.until(lambda: load.answers[503])
        answered = load.answers[200]
        backend.start()
        load.until(lambda: load.answers[200] > answered)
    assert backend.counts().checks == 2


def test_a_503_says_when_to_come_again(fleet: Fleet) -> None:
    proxy, (backend,) = fleet(1, health=HealthCheck(interval=0.5))
    with Load(proxy, 2) as load:
        load.more(10)
        backend.kill()
        load.until(lambda: load.answers[503])
    answer = call(proxy)
    assert answer.status == 503
    assert int(answer.header("Retry-After") or 0) >= 1


def test_one_that_is_frozen_costs_each_request_one_read_timeout_and_is_ejected(fleet: Fleet) -> None:
    proxy, backends = fleet(3, read_timeout=1.0, passive=PassiveHealth(max_fails=2, cooldown=600))
    frozen, *others = backends
    with Load(proxy, 8) as load:
        load.more(100)
        frozen.freeze()
        load.until(lambda: seen(proxy, frozen)["state"] == "ejected")
        load.more(100)  # who had chosen it before that has got there
        met = seen(proxy, frozen)["requests"]
        before = [seen(proxy, other)["requests"] for other in others]
        load.more(300)
        assert all(seen(proxy, other)["requests"] > was for other, was in zip(others, before, strict=True))
    assert set(load.answers) == {200}
    # Whoever met it had one timeout there, and then an answer elsewhere.
    assert load.retries[1] == seen(proxy, frozen)["failures"]["timeout"] < 16
    assert set(load.retries) == {0, 1}
    assert seen(proxy, frozen)["requests"] == met, "it is given no more"
    frozen.thaw()


def test_what_must_not_be_repeated_is_504_at_a_frozen_one_until_that_is_ejected(fleet: Fleet) -> None:
    proxy, (frozen, other) = fleet(2, read_timeout=0.5, passive=PassiveHealth(max_fails=2, cooldown=600))
    frozen.freeze()
    statuses = [call(proxy, "POST", body=b"x").status for _ in range(12)]
    frozen.thaw()
    assert statuses.count(504) == 2
    assert statuses.count(200) == 10
    assert other.counts().requests == 10


def test_ten_thousand_requests_leave_nothing_behind(fleet: Fleet) -> None:
    proxy, (backend,) = fleet(1)
    gc.collect()
    before = open_files()
    with Load(proxy, 16, each=625) as load:
        load.join()
    assert load.answers == {200: 10_000}
    counted = backend.counts()
    assert (counted.requests, counted.open) == (10_000, counted.connections)
    assert counted.connections <= 16
    assert (count(proxy, "requests"), count(proxy, "in_flight")) == (10_000, 0)
    proxy.close()
    assert backend.counts(once_open_are=0).open == 0
    assert open_files() <= before


def open_files() -> set[str]:
    """What this process has open: sockets by their number, which nothing else will have."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.add(os.readlink(link))
        except FileNotFoundError:
            pass  # the listing itself
    return found


def right(program: str, *arguments: str) -> None:
    """Run a program that finds out by itself whether all is right."""
    command = [sys.executable, str(PROGRAMS / program), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.stdout, ran.returncode) == ("right\n", 0), ran.stderr


def test_a_child_has_sockets_and_threads_of_its_own_and_never_hangs() -> None:
    with BackendProcess() as one, BackendProcess() as other:
        right("forking.py", "20", one.url, other.url)


def test_two_hundred_greenlets_share_ten_connections() -> None:
    pytest.importorskip("gevent")
    with BackendProcess() as backend:
        right("greenlets.py", backend.url)
        counts = backend.counts(once_open_are=0)
    assert (counts.requests, counts.open) == (200, 0)
