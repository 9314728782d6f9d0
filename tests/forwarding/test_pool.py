from __future__ import annotations

import pytest

from wsgikit.forwarding.errors import NoneAvailable
from wsgikit.forwarding.pool import QUARANTINE, Pool


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Fake:
    """A connection without a socket."""

    def __init__(self, *, stale: bool = False, suspect: bool = False) -> None:
        self.idle_since = 0.0
        self.suspect = suspect
        self.is_stale = stale
        self.closed = 0

    def stale(self) -> bool:
        return self.is_stale

    def close(self) -> None:
        self.closed += 1


def held(pool: Pool[Fake], *connections: Fake) -> None:
    """Let the pool take back connections that were opened while it was empty."""
    for _ in connections:
        assert pool.take() is None
    for connection in connections:
        pool.give(connection)


def test_an_empty_pool_says_open_one() -> None:
    pool: Pool[Fake] = Pool(2)
    assert pool.take() is None
    assert repr(pool) == "<Pool 1 in use, 0 idle>"


def test_the_newest_connection_is_taken_first() -> None:
    pool: Pool[Fake] = Pool(2)
    old, new = Fake(), Fake()
    held(pool, old, new)
    assert pool.take() is new
    assert pool.take() is old


def test_stale_connections_are_closed_and_passed_over() -> None:
    pool: Pool[Fake] = Pool(3)
    good, *bad = Fake(), Fake(stale=True), Fake(stale=True)
    held(pool, good, *bad)
    assert pool.take() is good
    assert [one.closed for one in (good, *bad)] == [0, 1, 1]
    assert repr(pool) == "<Pool 1 in use, 0 idle>"


def test_no_more_than_max_idle_are_kept_and_the_oldest_go() -> None:
    pool: Pool[Fake] = Pool(2)
    connections = [Fake() for _ in range(4)]
    held(pool, *connections)
    assert [one.closed for one in connections] == [1, 1, 0, 0]


def test_max_idle_zero_keeps_none() -> None:
    pool: Pool[Fake] = Pool(0)
    only = Fake()
    held(pool, only)
    assert only.closed == 1


def test_connections_that_are_idle_too_long_are_closed() -> None:
    clock = Clock()
    pool: Pool[Fake] = Pool(8, idle_age=30.0, clock=clock)
    old, new = Fake(), Fake()
    held(pool, old)
    clock.now = 29.0
    assert pool.take() is old
    pool.give(old)
    clock.now = 59.0
    held_new = pool.take()
    assert held_new is None
    assert old.closed == 1
    pool.give(new)
    assert new.closed == 0


def test_old_ones_go_even_while_newer_ones_are_in_use() -> None:
    clock = Clock()
    pool: Pool[Fake] = Pool(8, idle_age=30.0, clock=clock)
    old, new = Fake(), Fake()
    held(pool, old, new)
    assert pool.take() is new
    clock.now = 31.0
    pool.give(new)
    assert (old.closed, new.closed) == (1, 0)


def test_where_connections_are_limited_a_suspect_one_is_not_kept_beside_the_next() -> None:
    pool: Pool[Fake] = Pool(8, 2)
    for _ in range(4):
        suspect = Fake(suspect=True)
        held(pool, suspect)
        assert (suspect.closed, pool.idle, pool.busy) == (1, 0, 0)


def test_a_suspect_connection_is_left_alone_for_a_while() -> None:
    clock = Clock()
    pool: Pool[Fake] = Pool(8, clock=clock)
    suspect, good = Fake(suspect=True), Fake()
    held(pool, good, suspect)
    assert pool.take() is good
    assert pool.take() is None
    clock.now = QUARANTINE
    assert pool.take() is suspect


def test_more_than_max_connections_are_refused_until_one_is_back() -> None:
    pool: Pool[Fake] = Pool(8, 1)
    assert pool.take() is None
    with pytest.raises(NoneAvailable) as caught:
        pool.take()
    assert caught.value.headers == [("Retry-After", "1")]
    pool.drop(None)
    assert pool.take() is None


def test_a_dropped_connection_is_closed_and_no_longer_counted() -> None:
    pool: Pool[Fake] = Pool(8, 1)
    pool.take()
    broken = Fake()
    pool.drop(broken)
    assert broken.closed == 1
    assert repr(pool) == "<Pool 0 in use, 0 idle>"


def test_close_closes_what_is_idle() -> None:
    pool: Pool[Fake] = Pool(8)
    idle = Fake()
    held(pool, idle)
    pool.close()
    assert idle.closed == 1
    assert pool.take() is None
