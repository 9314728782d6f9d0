from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.health.breaker import BreakerState, CircuitBreaker

# Each line: when, what happens then, and what the circuit is from then on: half-open, it waits for a request to try, or
# has one on trial. It opens at half of four requests.
OPENED = [
    (0, "succeeds", "closed"),
    (0, "fails", "closed"),
    (0, "succeeds", "closed"),
    (0, "fails", "open"),
]
STORIES = {
    "half of at least four requests open it": OPENED,
    "a success may complete the number that makes a rate": [
        (0, "fails", "closed"),
        (0, "fails", "closed"),
        (0, "succeeds", "closed"),
        (0, "succeeds", "open"),
    ],
    "a rate of few is chance": [
        (0, "fails", "closed"),
        (0, "fails", "closed"),
        (0, "fails", "closed"),
        (12, "fails", "closed"),  # the others are forgotten
    ],
    "below the rate it stays closed": [
        *[(0, "succeeds", "closed")] * 6,
        *[(1, "fails", "closed")] * 5,
        (2, "fails", "open"),
    ],
    "what happens while it is open neither shortens nor lengthens that": [
        *OPENED,
        (4, "fails", "open"),
        (5, "succeeds", "open"),
        (9.9, "", "open"),
        (10, "", "half-open"),
    ],
    "a trial that succeeds closes it, and the past is forgotten": [
        *OPENED,
        (10, "goes", "on trial"),
        (11, "succeeds", "closed"),
        (11, "fails", "closed"),
        (11, "fails", "closed"),
        (11, "fails", "closed"),
        (11, "fails", "open"),
        (21, "", "half-open"),
    ],
    "a trial that fails opens it for another cooldown": [
        *OPENED,
        (10, "goes", "on trial"),
        (14, "fails", "open"),
        (23.9, "", "open"),
        (24, "", "half-open"),
        (24, "goes", "on trial"),
        (25, "succeeds", "closed"),
    ],
    "a trial without a verdict makes way for another": [
        *OPENED,
        (10, "goes", "on trial"),
        (11, "is abandoned", "half-open"),
        (12, "goes", "on trial"),
        (13, "succeeds", "closed"),
    ],
    "what was sent before it opened is not the trial": [
        *OPENED,
        (10, "goes", "on trial"),
        (11, "succeeds, sent at 0", "on trial"),
        (11, "fails, sent at 0", "on trial"),
        (11, "is abandoned, sent at 0", "on trial"),
        (12, "succeeds, sent at 10", "closed"),
    ],
    "nor is it news after it has closed": [
        *OPENED,
        (10, "goes", "on trial"),
        (11, "succeeds", "closed"),
        *[(12, "fails, sent at 0", "closed")] * 10,
        *[(12, "is abandoned, sent at 0", "closed")] * 2,
        *[(12, "fails, sent at 11", "closed")] * 3,
        (12, "fails, sent at 11", "open"),
    ],
    "a verdict without a trial is none": [
        *OPENED,
        (10, "succeeds", "half-open"),
        (11, "fails", "half-open"),
    ],
    "to go while it is closed or open changes nothing": [
        (0, "goes", "closed"),
        *OPENED,
        (5, "goes", "open"),
        (10, "succeeds", "half-open"),
    ],
}


def happens(state: BreakerState, now: float, event: str) -> str | None:
    word, _, sent = event.partition(", sent at ")
    times = (now, float(sent)) if sent else (now,)
    if word in ("succeeds", "fails"):
        return state.record(word == "succeeds", *times)
    if word == "goes":
        state.took(now)
    elif word == "is abandoned":
        state.abandoned(*times)
    return None


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_story(story: list[tuple[float, str, str]]) -> None:
    state = CircuitBreaker(min_requests=4).state()
    for now, event, word in story:
        was = state.state(now)
        told = happens(state, now, event)
        assert state.state(now) == ("half-open" if word == "on trial" else word)
        assert state.allows(now) == (word in ("closed", "half-open"))
        assert state.closed == (word == "closed")
        assert told == (word if word in ("closed", "open") and word != was else None)


def opened(**options: Any) -> BreakerState:
    """Open since 0."""
    state = CircuitBreaker(min_requests=1, **options).state()
    assert state.record(False, 0) == "open"
    return state


def test_closed_it_allows_everything() -> None:
    state = CircuitBreaker().state()
    state.took(0)
    state.took(0)
    assert state.allows(0)
    assert state.next_change(0) is None


def test_open_it_allows_nothing_until_the_cooldown_is_over() -> None:
    state = opened(cooldown="2s")
    assert not state.allows(1.9)
    assert state.next_change(1.9) == 2.0
    assert state.allows(2.0)
    assert state.next_change(2.0) is None


def test_half_open_it_allows_one_request() -> None:
    state = opened()
    assert state.allows(10)
    state.took(10)
    assert not state.allows(10)
    assert state.next_change(10) == 20


def test_half_open_it_allows_another_when_the_first_takes_longer_than_the_cooldown() -> None:
    state = opened()
    state.took(10)
    assert not state.allows(19.9)
    assert state.allows(20)
    state.took(20)
    assert state.record(True, 21, sent=10) == "closed"  # the first one after all


def test_half_open_it_allows_another_when_the_first_was_abandoned() -> None:
    state = opened()
    state.took(10)
    state.abandoned(11)
    assert state.allows(11)


def test_a_rate_that_is_met_exactly_opens() -> None:
    state = CircuitBreaker(0.07, min_requests=100).state()  # 0.07 * 100 is 7.000000000000001
    told = [state.record(n >= 7, 0) for n in range(100)]
    assert told == [None] * 99 + ["open"]


def test_a_breaker_of_rate_one_opens_when_everything_fails() -> None:
    state = CircuitBreaker(1.0, min_requests=3).state()
    assert [state.record(False, 0) for _ in range(3)] == [None, None, "open"]


def test_it_never_opens_without_failures() -> None:
    state = CircuitBreaker(1e-9, min_requests=1).state()
    assert not any(state.record(True, 0) for _ in range(100))


def test_repr_tells_the_state() -> None:
    state = CircuitBreaker(min_requests=3).state()
    state.record(True, 0)
    state.record(False, 0)
    assert repr(state) == "<BreakerState: closed, 1 of 2 requests failed>"
    state.record(False, 0)
    assert repr(state) == "<BreakerState: open until 10>"
    state.took(10)
    assert repr(state) == "<BreakerState: half-open, a trial is on its way>"


def test_options_show_compare_copy_and_pickle() -> None:
    breaker = CircuitBreaker(0.3, cooldown="30s")
    assert repr(breaker) == "CircuitBreaker(error_rate=0.3, cooldown='30s')"
    assert (breaker.error_rate, breaker.window, breaker.min_requests, breaker.cooldown) == (
        0.3,
        10.0,
        20,
        30.0,
    )
    assert pickle.loads(pickle.dumps(breaker)) == copy.deepcopy(breaker) == breaker


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("error_rate", 0, ValueError),
        ("error_rate", 50, ValueError),
        ("error_rate", "50%", TypeError),
        ("window", 0, ValueError),
        ("window", True, TypeError),
        ("min_requests", 0, ValueError),
        ("min_requests", 20.0, TypeError),
        ("cooldown", -1, ValueError),
    ],
)
def test_a_wrong_option_is_named(option: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"CircuitBreaker: {option}="):
        CircuitBreaker(**{option: value})


# What many clients do to one backend: time passes, a request wants to go, and one of those on their way ends somehow.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 12)),
        st.tuples(st.just("go"), st.just(0)),
        st.tuples(st.sampled_from(["succeeds", "fails", "is abandoned"]), st.integers(0, 9)),
    ),
    max_size=150,
)


@given(STEPS)
def test_two_trials_are_never_on_their_way_and_only_the_trial_ends_the_half_open_state(
    steps: list[tuple[str, Any]],
) -> None:
    state, now = CircuitBreaker(min_requests=2).state(), 0.0
    under_way: list[tuple[float, bool]] = []  # when it was sent, and whether it is the trial
    for step, detail in steps:
        was = state.state(now)
        if step == "wait":
            now += 0.1 + detail
            continue
        if step == "go":
            if not state.allows(now):
                assert was == "open" or any(trial for _, trial in under_way)
                continue
            assert was != "open"
            assert was == "closed" or not any(trial for _, trial in under_way)
            state.took(now)
            under_way.append((now, was == "half-open"))
        elif under_way:
            sent, trial = under_way.pop(detail % len(under_way))
            told = happens(state, now, f"{step}, sent at {sent!r}")
            if was == "half-open":
                verdict = {"succeeds": "closed", "fails": "open", "is abandoned": None}[step]
                assert told == (verdict if trial else None)
            if was == "open":
                assert told is None
        now += 0.1


@given(STEPS)
def test_a_backend_is_never_lost(steps: list[tuple[str, Any]]) -> None:
    state, now = CircuitBreaker(min_requests=2).state(), 0.0
    under_way: list[float] = []
    for step, detail in steps:
        now += 0.1 + (detail if step == "wait" else 0)
        if step == "go" and state.allows(now):
            state.took(now)
            under_way.append(now)
        elif step not in ("go", "wait") and under_way:
            happens(state, now, f"{step}, sent at {under_way.pop(detail % len(under_way))!r}")
    for sent in under_way:  # all of them end in the end
        state.abandoned(now, sent)
    now += 20  # until it is half open, if it is not closed, and nothing of the past counts
    assert state.allows(now)
    state.took(now)
    state.record(True, now)
    assert state.state(now) == "closed"
