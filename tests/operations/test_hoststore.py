"""The host-wide store: under each strategy it decides as the library's own store in memory does."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond, strategies
from limits.storage import MemoryStorage, memory

from tests.operations.conftest import Clock
from wsgikit.operations import hoststore
from wsgikit.operations.hoststore import MOST_TIMES, HostStore, payload_of, table
from wsgikit.operations.hosttable import WAYS
from wsgikit.operations.ratelimiter import STRATEGIES

SECONDS = 10


def store(path: Path, strategy: str, limit: int, clock: Clock) -> HostStore:
    return HostStore(table(str(path), payload_of(strategy, limit), SECONDS), clock)


@pytest.fixture
def frozen(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The library's clock, and ours."""
    fake: Any = SimpleNamespace(**{**vars(time), "time": clock})
    monkeypatch.setattr(memory, "time", fake)
    monkeypatch.setattr(strategies, "time", fake)
    return clock


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from("ab"), st.integers(1, 2)), max_size=40),
)
def test_it_agrees_with_the_librarys_own(
    strategy: str,
    frozen: Clock,
    tmp_path_factory: pytest.TempPathFactory,
    limit: int,
    steps: list[tuple[int, str, int]],
) -> None:
    item = RateLimitItemPerSecond(limit, SECONDS)
    theirs = STRATEGIES[strategy](MemoryStorage())
    ours = STRATEGIES[strategy](store(tmp_path_factory.mktemp("s") / "counts", strategy, limit, frozen))
    for later, who, cost in steps:
        frozen.now += later * 0.37
        assert ours.test(item, who, cost=cost) == theirs.test(item, who, cost=cost)
        assert ours.hit(item, who, cost=cost) == theirs.hit(item, who, cost=cost)
        mine, other = ours.get_window_stats(item, who), theirs.get_window_stats(item, who)
        assert mine.remaining == other.remaining
        if strategy != "moving-window" or mine.remaining < limit:
            assert mine.reset_time == pytest.approx(other.reset_time)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_whole_amount_may_come_at_once(strategy: str, tmp_path: Path, clock: Clock) -> None:
    item = RateLimitItemPerSecond(5, SECONDS)
    limiter = STRATEGIES[strategy](store(tmp_path / "counts", strategy, 5, clock))
    assert [limiter.hit(item, "a") for _ in range(7)] == [True] * 5 + [False] * 2
    assert limiter.hit(item, "b")
    clock.now += 2 * SECONDS
    assert [limiter.hit(item, "a") for _ in range(7)] == [True] * 5 + [False] * 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_key_can_be_forgotten_and_all_of_them(strategy: str, tmp_path: Path, clock: Clock) -> None:
    item = RateLimitItemPerSecond(1, SECONDS)
    counts = store(tmp_path / "counts", strategy, 1, clock)
    limiter = STRATEGIES[strategy](counts)
    for who in ("a", "b"):
        assert limiter.hit(item, who)
    limiter.clear(item, "a")
    assert limiter.hit(item, "a")
    assert not limiter.hit(item, "b")
    counts.reset()
    assert limiter.hit(item, "b")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_clock_that_was_set_back_locks_nobody_out(strategy: str, tmp_path: Path, clock: Clock) -> None:
    item = RateLimitItemPerSecond(1, SECONDS)
    limiter = STRATEGIES[strategy](store(tmp_path / "counts", strategy, 1, clock))
    assert limiter.hit(item, "a")
    clock.now -= 3600
    assert limiter.hit(item, "a")


def test_the_file_stays_bounded_whatever_strangers_send(tmp_path: Path, clock: Clock) -> None:
    for strategy, limit in (("sliding-window", 10**9), ("moving-window", MOST_TIMES)):
        made = table(str(tmp_path / strategy), payload := payload_of(strategy, limit), SECONDS)
        assert made.buckets * WAYS * payload <= 32 * 2**20
        assert made.buckets * WAYS >= 1024
    counts = store(tmp_path / "counts", "sliding-window", 10, clock)
    for number in range(5000):
        counts.acquire_sliding_window_entry(f"stranger {number} \udcff", 10, SECONDS)
    assert (tmp_path / "counts").stat().st_size <= 65536 * (24 + 24)


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.integers(1, 5))
def test_a_file_of_garbage_harms_nobody(
    strategy: str,
    tmp_path_factory: pytest.TempPathFactory,
    frozen: Clock,
    garbage: bytes,
    limit: int,
) -> None:
    path = tmp_path_factory.mktemp("g") / "counts"
    counts = store(path, strategy, limit, frozen)
    digest = hoststore._digest(RateLimitItemPerSecond(limit, SECONDS).key_for("a"))
    with counts._table.hold(digest, frozen.now) as record:
        record.put(frozen.now + 1, garbage[: payload_of(strategy, limit)])
    limiter = STRATEGIES[strategy](counts)
    item = RateLimitItemPerSecond(limit, SECONDS)
    for _ in range(limit + 1):
        limiter.hit(item, "a")
        limiter.get_window_stats(item, "a")
    frozen.now += 10 * SECONDS
    assert [limiter.hit(item, "a") for _ in range(limit + 1)] == [True] * limit + [False]


def test_it_says_whether_it_can_be_used(tmp_path: Path, clock: Clock) -> None:
    assert store(tmp_path / "counts", "fixed-window", 1, clock).check()
    broken = store(tmp_path / "missing" / "counts", "fixed-window", 1, clock)
    with pytest.raises(broken.base_exceptions):
        broken.check()
