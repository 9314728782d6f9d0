"""Latency: believed at once when it gets worse, slowly when it gets better, forgotten in time."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.balancing.latency import TIME_CONSTANT, Latency

TIMES = st.floats(0, 1e6)
SAMPLES = st.floats(0, 1e4)


def observed(*samples: tuple[float, float]) -> Latency:
    latency = Latency()
    for sample, now in samples:
        latency.observe(sample, now)
    return latency


def test_nothing_is_known_before_the_first_answer() -> None:
    assert Latency().value(1e9) == 0.0


def test_first_answer_counts_in_full() -> None:
    assert observed((0.2, 50)).value(50) == 0.2


def test_slower_answer_counts_at_once() -> None:
    assert observed((0.2, 50), (3.0, 50.01)).value(50.01) == 3.0


def test_quicker_answer_counts_by_the_time_since_the_last() -> None:
    soon = observed((1.0, 50), (0.2, 50.1)).value(50.1)
    late = observed((1.0, 50), (0.2, 50 + TIME_CONSTANT)).value(50 + TIME_CONSTANT)
    assert soon == pytest.approx(0.2 + 0.8 * exp(-0.01))
    assert late == pytest.approx(0.2 + 0.8 * exp(-1))


def test_many_quick_answers_pull_down_no_faster_than_time() -> None:
    latency = observed((1.0, 0))
    for step in range(1, 1001):
        latency.observe(0.1, step * 0.001)
    assert latency.value(1.0) == pytest.approx(0.1 + 0.9 * exp(-0.1))


def test_quick_answers_win_in_the_end() -> None:
    latency = observed((5.0, 0))
    for second in range(1, 101):
        latency.observe(0.1, second)
    assert latency.value(100) == pytest.approx(0.1, rel=0.01)


def test_time_alone_makes_it_look_better() -> None:
    latency = observed((1.0, 50))
    assert latency.value(50 + TIME_CONSTANT) == pytest.approx(exp(-1))
    assert latency.value(50 + 100 * TIME_CONSTANT) < 1e-40


def test_looking_changes_nothing() -> None:
    latency = observed((1.0, 50))
    latency.value(60)
    assert latency.value(50) == 1.0


def test_answers_out_of_order_do_not_turn_the_clock_back() -> None:
    latency = observed((1.0, 50), (0.5, 49), (2.0, 48))
    assert latency.value(50) == 2.0
    assert latency.value(40) == 2.0


def test_it_is_shown_in_milliseconds() -> None:
    assert repr(observed((0.0123, 50))) == "<Latency 12.3 ms>"


@given(st.lists(st.tuples(SAMPLES, TIMES), min_size=1), TIMES)
def test_it_stays_between_nothing_and_the_worst(samples: list[tuple[float, float]], now: float) -> None:
    assert 0 <= observed(*samples).value(now) <= max(sample for sample, _ in samples)


@given(st.lists(st.tuples(SAMPLES, st.floats(0, 60)), min_size=1))
def test_it_is_never_below_the_last_answer_when_that_comes(waits: list[tuple[float, float]]) -> None:
    latency, now = Latency(), 0.0
    for sample, wait in waits:
        now += wait
        latency.observe(sample, now)
        assert latency.value(now) >= sample
