from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.health.ramp import LONG_OVER, Ramp


def test_it_grows_by_a_tenth_in_each_tenth_of_the_time() -> None:
    ramp = Ramp(100, 10)
    assert [ramp.share(now) for now in (100, 100.9, 101, 105.5, 109, 1000)] == [0.1, 0.1, 0.2, 0.6, 1.0, 1.0]


def test_before_the_start_it_is_what_it_starts_with() -> None:
    assert Ramp(100, 10).share(0) == 0.1


def test_no_time_at_all_is_everything_at_once() -> None:
    ramp = Ramp(100, 0)
    assert ramp.share(100) == 1.0
    assert ramp.next_change(100) is None


def test_the_one_that_is_long_over_gives_everything() -> None:
    assert LONG_OVER.share(-1e9) == 1.0
    assert LONG_OVER.next_change(-1e9) is None


@given(st.floats(0, 1e9), st.floats(1e-3, 1e5))
def test_it_changes_exactly_when_it_says_and_only_upwards(start: float, seconds: float) -> None:
    ramp, now = Ramp(start, seconds), -1.0
    changes = []
    while (then := ramp.next_change(now)) is not None:
        assert then > now
        assert ramp.share((now + then) / 2) <= ramp.share(then)
        changes.append(ramp.share(then))
        now = then
    assert changes == sorted(changes)
    assert changes[-1] == 1.0
    assert start <= now <= ramp.end
