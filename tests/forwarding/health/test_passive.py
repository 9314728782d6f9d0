from __future__ import annotations

import copy
import pickle
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.health.passive import PassiveHealth, PassiveState

# Each line: when, what happens then, and what the backend is from then on.
STORIES = {
    "three failures within the window eject": [
        (0, "fails", "in turn"),
        (4, "fails", "in turn"),
        (9, "fails", "ejected"),
    ],
    "failures far apart are chance": [
        (0, "fails", "in turn"),
        (6, "fails", "in turn"),
        (10, "fails", "in turn"),  # the one at 0 counts no longer
        (15.9, "fails", "ejected"),
    ],
    "it comes back after the cooldown, and is its old self after another": [
        (0, "fails", "in turn"),
        (0, "fails", "in turn"),
        (0, "fails", "ejected"),
        (9.9, "", "ejected"),
        (10, "", "returning"),
        (19.9, "", "returning"),
        (20, "", "in turn"),
        (21, "fails", "in turn"),
        (22, "fails", "in turn"),
        (23, "fails", "ejected"),
    ],
    "one failure on the way back is enough": [
        (0, "fails", "in turn"),
        (0, "fails", "in turn"),
        (0, "fails", "ejected"),
        (15, "fails", "ejected"),
        (24.9, "", "ejected"),
        (25, "", "returning"),
        (35, "", "in turn"),
    ],
    "failures while it is ejected do not prolong it": [
        (0, "fails", "in turn"),
        (0, "fails", "in turn"),
        (0, "fails", "ejected"),
        (3, "fails", "ejected"),
        (9, "fails", "ejected"),
        (10, "", "returning"),
    ],
    "what was sent before it came back says nothing about it now": [
        (0, "fails", "in turn"),
        (0, "fails", "in turn"),
        (0, "fails", "ejected"),
        (12, "fails, sent at 0", "returning"),
        (13, "fails, sent at 9.9", "returning"),
        (14, "fails, sent at 10", "ejected"),
    ],
    "a check that passes brings it back early, but gently": [
        (0, "fails", "in turn"),
        (0, "fails", "in turn"),
        (0, "fails", "ejected"),
        (4, "passes a check", "returning"),
        (13.9, "", "returning"),
        (14, "", "in turn"),
    ],
    "a check that passes forgives nothing on the way back": [
        (0, "fails", "in turn"),
        (0, "fails", "in turn"),
        (0, "fails", "ejected"),
        (4, "passes a check", "returning"),
        (5, "passes a check", "returning"),
        (6, "fails", "ejected"),
    ],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_story(story: list[tuple[float, str, str]]) -> None:
    state = PassiveHealth().state()
    for now, event, word in story:
        was = state.state(now)
        if event.startswith("fails"):
            _, _, sent = event.partition(", sent at ")
            ejects = state.failed(now, float(sent)) if sent else state.failed(now)
            assert ejects == (word == "ejected" != was)
        elif event:
            assert state.passed_check(now) == (was == "ejected")
        assert state.state(now) == word
        assert state.ejected(now) == (word == "ejected")


def ejected_at_zero(**options: Any) -> PassiveState:
    state = PassiveHealth(1, **options).state()
    assert state.failed(0)
    return state


def test_it_comes_back_in_tenths() -> None:
    state = ejected_at_zero()
    assert [state.share(now) for now in (10, 10.5, 11, 15, 18.9, 19, 25)] == [
        0.1,
        0.1,
        0.2,
        0.6,
        0.9,
        1.0,
        1.0,
    ]


def test_a_backend_that_never_failed_has_its_whole_share_and_no_change_before_it() -> None:
    state = PassiveHealth().state()
    assert state.share(0) == 1.0
    assert state.next_change(0) is None


def test_the_next_changes_are_the_end_of_the_ejection_and_each_step_of_the_return() -> None:
    state, now, changes = ejected_at_zero(cooldown=10), 0.0, []
    while (then := state.next_change(now)) is not None:
        changes.append(then)
        now = then
    assert changes == [*range(10, 20)]


def test_times_may_be_text() -> None:
    state = ejected_at_zero(cooldown="500ms")
    assert state.ejected(0.49)
    assert not state.ejected(0.5)


def test_max_fails_of_one_ejects_at_the_first_failure() -> None:
    assert PassiveHealth(max_fails=1).state().failed(0)


def test_only_listed_statuses_are_failures() -> None:
    health = PassiveHealth(statuses=(502, "4xx"))
    assert [status for status in (200, 404, 500, 502) if health.is_failure(status)] == [404, 502]
    assert not PassiveHealth().is_failure(503)


def test_repr_tells_the_past() -> None:
    state = PassiveHealth(2).state()
    assert repr(state) == "<PassiveState: 0 of 2 failures>"
    state.failed(5)
    assert repr(state) == "<PassiveState: 1 of 2 failures>"
    state.failed(6)
    assert repr(state) == "<PassiveState: 0 of 2 failures, ejected until 16, returning until 26>"


def test_options_show_compare_copy_and_pickle() -> None:
    health = PassiveHealth(5, window="30s", statuses=(503,))
    assert repr(health) == "PassiveHealth(max_fails=5, window='30s', statuses=(503,))"
    assert (health.max_fails, health.window, health.cooldown, health.statuses) == (5, 30.0, 10.0, (503,))
    assert pickle.loads(pickle.dumps(health)) == copy.deepcopy(health) == health


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("max_fails", 0, ValueError),
        ("max_fails", 2.5, TypeError),
        ("window", 0, ValueError),
        ("window", None, TypeError),
        ("cooldown", "soon", ValueError),
        ("cooldown", 0, ValueError),
        ("statuses", (200,), ValueError),
        ("statuses", None, TypeError),
    ],
)
def test_a_wrong_option_is_named(option: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"PassiveHealth: {option}="):
        PassiveHealth(**{option: value})


EVENTS = st.lists(st.tuples(st.floats(0, 15), st.sampled_from(["fails", "passes a check", ""])), max_size=80)


@given(EVENTS, st.integers(1, 4))
def test_the_share_only_grows_until_it_fails_again(events: list[tuple[float, str]], max_fails: int) -> None:
    state = PassiveHealth(max_fails).state()
    before = state.share(0)
    for now, (_, event) in zip(accumulate(gap for gap, _ in events), events, strict=True):
        ejects = event == "fails" and state.failed(now)
        if event == "passes a check":
            state.passed_check(now)
        share = state.share(now)
        assert 0 < share <= 1
        assert share == 0.1 if ejects else share >= before
        before = share


@given(EVENTS, st.integers(1, 4))
def test_nothing_changes_before_it_is_said_to(events: list[tuple[float, str]], max_fails: int) -> None:
    state = PassiveHealth(max_fails).state()
    until: float | None = None
    seen = (False, 1.0)
    for now, (_, event) in zip(accumulate(gap for gap, _ in events), events, strict=True):
        if until is None or now < until:
            assert (state.ejected(now), state.share(now)) == seen
        if event == "fails":
            state.failed(now)
        elif event:
            state.passed_check(now)
        until = state.next_change(now)
        assert until is None or until > now
        seen = (state.ejected(now), state.share(now))


@given(st.lists(st.floats(0, 15), max_size=80), st.integers(1, 5))
def test_it_is_ejected_by_as_many_failures_within_the_window_and_by_no_fewer(
    gaps: list[float], max_fails: int
) -> None:
    state = PassiveHealth(max_fails, cooldown=1e-9).state()  # in turn again at once
    counted: list[float] = []
    for now in accumulate(gaps):
        if state.state(now) != "in turn":
            continue
        counted.append(now)
        expected = sum(now - then < 10 for then in counted) >= max_fails
        assert state.failed(now) == expected
        if expected:
            counted.clear()
