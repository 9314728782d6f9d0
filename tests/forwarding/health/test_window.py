from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.health.window import Window


def test_nothing_has_happened_at_first() -> None:
    assert Window(10).total(0) == 0


def test_what_happened_within_the_time_counts() -> None:
    window = Window(10)
    assert [window.add(now) for now in (0, 1, 5, 10)] == [1, 2, 3, 4]


def test_what_happened_before_is_forgotten_slot_by_slot() -> None:
    window = Window(10)
    for now in range(10):
        window.add(now)
    assert [window.total(now) for now in (9, 11, 12, 15, 19, 20)] == [10, 9, 8, 5, 1, 0]


def test_a_long_silence_forgets_everything_at_once() -> None:
    window = Window(10)
    window.add(0, 1000)
    assert window.total(1e9) == 0
    assert window.add(1e9) == 1


def test_several_events_count_at_once() -> None:
    window = Window(10)
    window.add(0, 3)
    window.add(0, 0)
    assert window.total(0) == 3


def test_a_clock_read_a_little_earlier_than_another_is_no_trouble() -> None:
    window = Window(10)
    window.add(5.0)
    assert window.add(4.999) == 2  # by a thread that read it first and came second


def test_repr_says_what_is_counted() -> None:
    window = Window(10)
    window.add(0, 7)
    assert repr(window) == "<Window: 7 in 10 s>"


GAPS = st.lists(st.floats(0, 30), min_size=1, max_size=60)


@pytest.mark.parametrize("slots", [1, 3, 10])
@given(GAPS)
def test_none_is_missed_and_none_counts_for_longer_than_a_slot_more(slots: int, gaps: list[float]) -> None:
    window, seconds = Window(10, slots), 10.0
    slot, rounding = seconds / slots, 1e-6
    times = list(accumulate(gaps))
    for n, now in enumerate(times, 1):
        total = window.add(now)
        assert total >= sum(now - time < seconds - rounding for time in times[:n])
        assert total <= sum(now - time <= seconds + slot + rounding for time in times[:n])
