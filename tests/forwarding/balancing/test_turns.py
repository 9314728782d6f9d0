"""Smooth turns: nginx's order, exact over each round, and right after anybody comes, goes or changes weight."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forwarding.balancing.fakes import Fake, fakes
from wsgikit.forwarding.balancing.turns import SmoothTurns


def weighted(*weights: float) -> list[Fake]:
    return [Fake(chr(ord("a") + place), weight) for place, weight in enumerate(weights)]


def order(turns: SmoothTurns, backends: Sequence[Fake], count: int) -> str:
    return "".join(turns.next(backends, backends).url for _ in range(count))


def nginx_order(weights: Sequence[int], count: int) -> str:
    """ngx_http_upstream_get_peer, in whole numbers."""
    current, chosen = [0] * len(weights), []
    for _ in range(count):
        current = [had + weight for had, weight in zip(current, weights, strict=True)]
        best = current.index(max(current))
        current[best] -= sum(weights)
        chosen.append(chr(ord("a") + best))
    return "".join(chosen)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1, 1, 1), "abcabc"),
        ((3, 2), "ababa"),
        ((3, 1), "aaba"),
        ((5, 1, 1), "aabacaa"),
        ((0.3, 0.2), "ababa"),
        ((0.1, 0.1, 0.1), "abc"),
        ((7,), "aaa"),
    ],
)
def test_order_is_smooth(weights: Sequence[float], expected: str) -> None:
    assert order(SmoothTurns(), weighted(*weights), 3 * len(expected)) == expected * 3


@given(st.lists(st.integers(1, 12), min_size=1, max_size=7))
def test_order_is_that_of_nginx(weights: list[int]) -> None:
    rounds = 3 * sum(weights)
    assert order(SmoothTurns(), weighted(*weights), rounds) == nginx_order(weights, rounds)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=7), st.integers(0, 100))
def test_every_window_of_one_round_is_exact(weights: list[int], skipped: int) -> None:
    turns, backends = SmoothTurns(), weighted(*weights)
    order(turns, backends, skipped)
    drawn = Counter(order(turns, backends, sum(weights)))
    assert [drawn[backend.url] for backend in backends] == weights


def test_thirds_do_not_drift() -> None:
    turns, backends = SmoothTurns(), weighted(1, 1, 1)
    order(turns, backends, 99_999)
    assert order(turns, backends, 6) == "abcabc"


def test_newcomer_gets_its_share_from_the_first_round_on() -> None:
    turns, (a, b, c) = SmoothTurns(), weighted(1, 1, 1)
    order(turns, [a, b], 1001)
    assert Counter(order(turns, [a, b, c], 30)) == {"a": 10, "b": 10, "c": 10}


def test_who_was_away_gets_no_burst_when_it_is_back() -> None:
    turns, (a, b, c) = SmoothTurns(), weighted(1, 1, 1)
    order(turns, [a, b, c], 2)  # c is next
    order(turns, [a, b], 1000)
    assert "cc" not in order(turns, [a, b, c], 30)


def test_who_is_full_every_other_time_still_gets_its_share_of_the_rest() -> None:
    turns, (a, b, c) = SmoothTurns(), weighted(1, 1, 1)
    sets = islice(cycle([[a, b], [a, b, c]]), 600)
    counted = Counter(turns.next(present, [a, b, c]).url for present in sets)
    assert counted["c"] == pytest.approx(100, abs=2)
    assert counted["a"] == pytest.approx(250, abs=2)


def test_one_that_leaves_the_list_every_other_time_is_not_starved() -> None:
    turns, (a, b, c) = SmoothTurns(), weighted(1, 1, 1)
    counted = Counter(turns.next(present, present).url for present in islice(cycle([[a, b], [a, b, c]]), 600))
    assert counted["c"] == pytest.approx(100, abs=2)


def test_change_of_scale_makes_no_burst() -> None:
    turns, (a, b) = SmoothTurns(), weighted(1000, 1)
    order(turns, [a, b], 300)
    a.weight = 1
    assert order(turns, [a, b], 10) in {"ababababab", "bababababa"}


def test_slow_start_follows_the_weight_as_it_grows() -> None:
    turns, (a, b) = SmoothTurns(), weighted(1, 0.1)
    expected, counted = 0.0, 0
    for step in range(1000):
        b.weight = 0.1 + 0.9 * step / 1000
        expected += b.weight / (1 + b.weight)
        counted += turns.next([a, b], [a, b]) is b
        assert abs(counted - expected) <= 1


@given(
    st.lists(
        st.tuples(
            st.sets(st.integers(0, 4), min_size=1),
            st.lists(st.floats(0.01, 100), min_size=5, max_size=5),
        ),
        max_size=60,
    )
)
def test_nobody_is_ever_more_than_a_few_requests_off(history: list[tuple[set[int], list[float]]]) -> None:
    """Whoever takes part, with whatever weight: the fullest of five cups never holds more than H(5) = 2.3."""
    turns, backends = SmoothTurns(), weighted(1, 1, 1, 1, 1)
    off = dict.fromkeys("abcde", 0.0)
    for present, weights in history:
        for backend, weight in zip(backends, weights, strict=True):
            backend.weight = weight
        candidates = [backends[place] for place in sorted(present)]
        whole = sum(candidate.weight for candidate in candidates)
        for candidate in candidates:
            off[candidate.url] += candidate.weight / whole
        off[turns.next(candidates, backends).url] -= 1
        assert max(off.values()) <= 2.3


def test_those_that_are_gone_are_forgotten() -> None:
    turns, stays = SmoothTurns(), Fake("stays")
    for number in range(1000):
        backends = [stays, Fake(f"http://10.0.{number // 256}.{number % 256}")]
        turns.next(backends, backends)
    assert len(turns._due) <= 20


def test_replacing_backends_for_ever_neither_starves_nor_floods_the_one_that_stays() -> None:
    turns, stays = SmoothTurns(), Fake("stays")
    counted = 0
    for number in range(3000):
        backends = [stays, Fake(str(number // 3))]
        counted += turns.next(backends, backends) is stays
    assert counted == pytest.approx(1500, abs=2)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("impatient")
def test_threads_get_exact_shares() -> None:
    turns, backends = SmoothTurns(), fakes("abc")
    backends[0].weight = 3
    begin, drawn = Barrier(8), []

    def hammer() -> None:
        begin.wait()
        drawn.append(order(turns, backends, 1000))

    threads = [Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter("".join(drawn)) == {"a": 4800, "b": 1600, "c": 1600}
