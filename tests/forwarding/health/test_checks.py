from __future__ import annotations

import copy
import pickle
from itertools import accumulate
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.health.checks import READS, CheckState, HealthCheck

# Each line: when, whether the check passed, and what the backend is from then on. Two pass, or three fail.
DOWN = [
    (0, False, "up"),
    (1, False, "up"),
    (2, False, "down"),
]
STORIES = {
    "three that fail in a row bring it down": DOWN,
    "one that passes between them saves it": [
        (0, False, "up"),
        (1, False, "up"),
        (2, True, "up"),
        (3, False, "up"),
        (4, False, "up"),
        (5, False, "down"),
    ],
    "two that pass in a row bring it up": [
        *DOWN,
        (7, True, "down"),
        (8, True, "starting"),
        (17.9, None, "starting"),
        (18, None, "up"),
    ],
    "one that fails between them does not": [
        *DOWN,
        (7, True, "down"),
        (8, False, "down"),
        (9, True, "down"),
        (10, True, "starting"),
    ],
    "it may go down while it is starting, and start again": [
        *DOWN,
        (7, True, "down"),
        (8, True, "starting"),
        (9, False, "starting"),
        (10, False, "starting"),
        (11, False, "down"),
        (12, True, "down"),
        (13, True, "starting"),
        (22.9, None, "starting"),
        (23, None, "up"),
    ],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_story(story: list[tuple[float, bool | None, str]]) -> None:
    state = HealthCheck(slow_start=10).state()
    for now, ok, word in story:
        was = state.up
        told = None if ok is None else state.result(ok, now)
        assert state.state(now) == word
        assert state.up == (word != "down")
        assert told == (state.up if state.up != was else None)


def came_up(at: float, **options: Any) -> CheckState:
    state = HealthCheck(passes=1, fails=1, **options).state()
    assert state.result(False, 0) is False
    assert state.result(True, at) is True
    return state


def test_it_begins_as_up_with_its_whole_share() -> None:
    state = HealthCheck(slow_start=30).state()
    assert state.up
    assert state.share(0) == 1.0
    assert state.next_change(0) is None


def test_a_slow_start_gives_a_backend_that_came_up_its_share_in_tenths() -> None:
    state = came_up(100, slow_start="30s")
    assert [state.share(now) for now in (100, 103, 115, 127, 130)] == [0.1, 0.2, 0.6, 1.0, 1.0]
    assert [state.next_change(now) for now in (100, 103, 127)] == [103, 106, None]


def test_without_a_slow_start_it_has_its_share_at_once() -> None:
    state = came_up(100)
    assert state.share(100) == 1.0
    assert state.state(100) == "up"


def test_a_backend_that_is_down_is_not_on_its_way() -> None:
    state = came_up(100, slow_start=30)
    state.result(False, 101)
    assert state.next_change(101) is None


class Fixed(Random):
    """Draws the lower end, the middle, or the upper end."""

    def __init__(self, where: float) -> None:
        self.where = where

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self.where


@pytest.mark.parametrize(("results", "seconds"), [
    ("", 10.0),                                     # all is well
    ("-", 1.0), ("--", 1.0),                        # is it?
    ("---", 5.0), ("----", 5.0),                    # it is down
    ("---+", 1.0),                                  # is it back?
    ("---++", 10.0), ("-+", 10.0),
])  # fmt: skip
def test_a_change_is_confirmed_soon_and_the_return_noticed_early(results: str, seconds: float) -> None:
    state = HealthCheck().state()
    for result in results:
        state.result(result == "+", 0)
    assert state.delay(Fixed(0.5)) == pytest.approx(seconds)


def test_delays_differ_by_a_tenth_either_way() -> None:
    state = HealthCheck(interval="20s").state()
    assert [state.delay(Fixed(where)) for where in (0, 1)] == pytest.approx([18, 22])
    delays = {state.delay() for _ in range(50)}
    assert len(delays) > 25
    assert all(18 <= delay <= 22 for delay in delays)


@pytest.mark.parametrize("passes", [1, 2, 3, 5])
def test_a_backend_that_is_back_is_up_within_one_interval(passes: int) -> None:
    state = HealthCheck(fails=1, passes=passes, interval=10).state()
    state.result(False, 0)
    now, late = 0.0, Fixed(1)  # every draw as late as can be, and it came back just after the last check
    while not state.up:
        now += state.delay(late)
        state.result(True, now)
    assert now < 10


@given(
    st.lists(st.tuples(st.floats(0.1, 20), st.booleans()), max_size=80), st.integers(1, 3), st.integers(1, 3)
)
def test_it_is_what_the_last_checks_in_a_row_have_said(
    results: list[tuple[float, bool]], passes: int, fails: int
) -> None:
    state = HealthCheck(passes=passes, fails=fails).state()
    up, oks = True, []
    for now, (_, ok) in zip(accumulate(gap for gap, _ in results), results, strict=True):
        oks.append(ok)
        if up and oks[-fails:] == [False] * fails:
            up = False
        elif not up and oks[-passes:] == [True] * passes:
            up = True
        state.result(ok, now)
        assert state.up == up


# ---- what an answer says


@pytest.mark.parametrize(
    ("status", "passes"), [(199, False), (200, True), (302, True), (399, True), (404, False), (503, False)]
)
def test_2xx_and_3xx_pass(status: int, passes: bool) -> None:
    assert HealthCheck().passed(status, b"") is passes


@pytest.mark.parametrize("statuses", [(200, 401), [200, 401], range(200, 402, 201), ("2xx", 401)])
def test_statuses_may_be_chosen(statuses: Any) -> None:
    check = HealthCheck(statuses=statuses)
    assert check.passed(200, b"")
    assert check.passed(401, b"")
    assert not check.passed(302, b"")


@pytest.mark.parametrize("body", ["schön", "schön".encode()])
def test_the_body_must_hold_the_text(body: Any) -> None:
    check = HealthCheck(body=body)
    assert check.passed(200, "alles schön hier".encode())
    assert not check.passed(200, b"alles gut")
    assert not check.passed(200, b"")
    assert not check.passed(500, "schön".encode())


def test_only_the_beginning_of_the_body_is_looked_at() -> None:
    check = HealthCheck(body="ok")
    assert check.reads == READS == 65536
    assert check.passed(200, b"." * (READS - 2) + b"ok")
    assert not check.passed(200, b"." * (READS - 1) + b"ok")


def test_no_body_is_read_where_none_is_wanted() -> None:
    assert HealthCheck().reads == 0


# ---- options


def test_repr_counts_towards_the_next_change() -> None:
    state = HealthCheck().state()
    assert repr(state) == "<CheckState: up, 0 of 3 checks failed>"
    for _ in range(3):
        state.result(False, 0)
    state.result(True, 0)
    assert repr(state) == "<CheckState: down, 1 of 2 checks passed>"


def test_options_show_compare_copy_and_pickle() -> None:
    check = HealthCheck("/readyz", interval="5s", statuses=(200,), body="ok", host="app.internal:8080")
    assert repr(check) == (
        "HealthCheck(path='/readyz', interval='5s', statuses=(200,), body='ok', host='app.internal:8080')"
    )
    assert (check.path, check.interval, check.timeout) == ("/readyz", 5.0, 2.0)
    assert (check.passes, check.fails, check.slow_start) == (2, 3, 0.0)
    assert (check.statuses, check.body, check.host) == ((200,), "ok", "app.internal:8080")
    assert pickle.loads(pickle.dumps(check)) == copy.deepcopy(check) == check


@pytest.mark.parametrize("path", ["/", "/readyz?full=1", "/a%20b/~c/@d", "//x"])
def test_paths(path: str) -> None:
    assert HealthCheck(path).path == path


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("path", "readyz", ValueError),
        ("path", "", ValueError),
        ("path", "/a b", ValueError),
        ("path", "/é", ValueError),
        ("path", "/a#b", ValueError),
        ("path", "/x HTTP/1.1\r\nHost: evil", ValueError),
        ("path", "/x\n", ValueError),
        ("path", b"/", TypeError),
        ("interval", 0, ValueError),
        ("interval", None, TypeError),
        ("timeout", 0, ValueError),
        ("passes", 0, ValueError),
        ("fails", "3", TypeError),
        ("slow_start", -1, ValueError),
        ("statuses", (), ValueError),
        ("statuses", (100,), ValueError),
        ("statuses", None, TypeError),
        ("body", "", ValueError),
        ("body", b"", ValueError),
        ("body", 200, TypeError),
        ("host", "", ValueError),
        ("host", "a\r\nb", ValueError),
        ("host", 80, TypeError),
    ],
)
def test_a_wrong_option_is_named(option: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"HealthCheck: {option}="):
        HealthCheck(**{option: value})
