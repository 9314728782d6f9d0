from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.operations.lifetime import Lifetime

MIB = 2**20


@pytest.mark.parametrize(
    ("lifetime", "reason"),
    [
        (Lifetime(), ""),
        (Lifetime(rss=300 * MIB, requests=101, age=61.0), ""),
        (Lifetime(requests=100), "it has served 100 requests"),
        (Lifetime(rss=199.5 * MIB), "its memory is 200.0 MiB, its limit 199.5 MiB"),
        (Lifetime(age=60.0), "it is 60 s old"),
        (Lifetime(rss=1, requests=1, age=1, min_age=61.0), ""),
        (Lifetime(requests=1, min_age=60.0), "it has served 100 requests"),
    ],
)
def test_a_limit_is_reached_or_not(lifetime: Lifetime, reason: str) -> None:
    assert lifetime.over(rss=200 * MIB, requests=100, age=60.0) == reason


@given(jitter=st.floats(0, 1))
def test_jitter_takes_off_up_to_its_share_and_never_adds(jitter: float) -> None:
    drawn = Lifetime(rss=1000.0, requests=1000.0, age=1000.0, min_age=7.0).shortened(jitter)
    for limit in (drawn.rss, drawn.requests, drawn.age):
        assert limit is not None
        assert 1000.0 * (1 - jitter) <= limit <= 1000.0
    assert drawn.min_age == 7.0


def test_without_jitter_all_are_alike() -> None:
    lifetime = Lifetime(rss=1000, requests=None, age=10.0)
    assert lifetime.shortened(0.0) == lifetime


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_workers_forked_from_one_process_draw_each_their_own() -> None:
    lifetime = Lifetime(requests=1e9)
    reading, writing = os.pipe()
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            os.write(writing, f"{lifetime.shortened(1.0).requests!r}\n".encode())
            os._exit(0)
        os.waitpid(pid, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert len(set(told)) == 4
