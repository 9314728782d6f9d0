"""Policies that draw: their distribution, and what no draw can lead to."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from tests.forwarding.balancing.fakes import Fake, fakes, order, shares
from wsgikit.forwarding.balancing.chance import PeakEWMA, TwoChoices, WeightedRandom


def about(**expected: float) -> Any:
    return pytest.approx(expected, abs=0.03)


# ---- p2c


def test_p2c_takes_the_idle_one_of_two() -> None:
    a, b = Fake("a", in_flight=1), Fake("b")
    assert order(TwoChoices(rng=Random(1)), [a, b], 50) == "b" * 50


def test_p2c_never_takes_the_busiest_of_all() -> None:
    a, b, c = Fake("a", in_flight=9), Fake("b", in_flight=2), Fake("c", in_flight=1)
    got = shares(TwoChoices(rng=Random(2)), [a, b, c])
    assert got == about(a=0, b=1 / 3, c=2 / 3)


def test_p2c_counts_the_request_itself() -> None:
    a, b = Fake("a", weight=10, in_flight=4), Fake("b", weight=1, in_flight=1)  # 5/10 and 2/1
    assert order(TwoChoices(rng=Random(3)), [a, b], 50) == "a" * 50


def test_p2c_shares_an_idle_fleet_by_weight() -> None:
    got = shares(TwoChoices(rng=Random(4)), [Fake("a", 3), Fake("b", 1), Fake("c", 1)])
    assert got == about(a=0.6, b=0.2, c=0.2)


def test_p2c_keeps_the_fleet_level_under_load() -> None:
    backends, chosen = fakes("abcdefghij"), TwoChoices(rng=Random(5))
    for _ in range(1000):
        chosen(backends, {}).in_flight += 1
    loads = [backend.in_flight for backend in backends]
    assert max(loads) - min(loads) <= 6


def test_p2c_fills_backends_in_proportion_to_their_weights() -> None:
    backends, chosen = [Fake("a", 4), Fake("b", 1)], TwoChoices(rng=Random(6))
    for _ in range(500):
        chosen(backends, {}).in_flight += 1
    assert backends[0].in_flight == pytest.approx(400, abs=5)


# ---- ewma


def ewma(seed: int) -> PeakEWMA:
    return PeakEWMA(rng=Random(seed), clock=lambda: 100.0)


def answered(url: str, seconds: float, **attributes: Any) -> Fake:
    backend = Fake(url, **attributes)
    backend.latency.observe(seconds, 100.0)
    return backend


def test_ewma_takes_the_quicker_of_two() -> None:
    assert order(ewma(1), [answered("a", 0.2), answered("b", 0.1)], 50) == "b" * 50


def test_ewma_weighs_latency_against_what_is_waiting() -> None:
    a, b = answered("a", 0.2, in_flight=1), answered("b", 0.1, in_flight=4)  # 0.4 and 0.5
    assert order(ewma(2), [a, b], 50) == "a" * 50


def test_ewma_measures_by_weight() -> None:
    a, b = answered("a", 0.2, weight=3), answered("b", 0.1)
    assert order(ewma(3), [a, b], 50) == "a" * 50


def test_ewma_tries_one_that_never_answered() -> None:
    assert order(ewma(4), [answered("a", 0.001), Fake("b")], 50) == "b" * 50


def test_ewma_does_not_flood_one_that_never_answered() -> None:
    assert order(ewma(5), [answered("a", 0.5, in_flight=100), Fake("b", in_flight=1)], 50) == "a" * 50


def test_ewma_spreads_requests_while_nobody_has_answered() -> None:
    backends, chosen = fakes("abc"), ewma(6)
    for _ in range(300):
        chosen(backends, {}).in_flight += 1
    assert [backend.in_flight for backend in backends] == pytest.approx([100] * 3, abs=3)


def test_ewma_never_takes_the_slowest_and_tries_every_pair() -> None:
    backends = [answered("a", 0.3), answered("b", 0.2), answered("c", 0.1)]
    assert shares(ewma(7), backends) == about(a=0, b=1 / 3, c=2 / 3)


def test_ewma_tries_a_slow_one_again_in_time() -> None:
    now = [0.0]
    slow, quick = fakes("sq")
    slow.latency.observe(30.0, 0.0)
    chosen = PeakEWMA(rng=Random(8), clock=lambda: now[0])
    for _ in range(120):  # half a minute, answers in 100 ms
        now[0] += 0.5
        quick.latency.observe(0.1, now[0])
        if chosen([slow, quick], {}) is slow:
            break
    assert 50 < now[0] < 60  # 30 s * exp(-57/10) is 0.1 s


# ---- random


def test_random_draws_by_weight() -> None:
    got = shares(WeightedRandom(rng=Random(1)), [Fake("a", 5), Fake("b", 3), Fake("c", 2)])
    assert got == about(a=0.5, b=0.3, c=0.2)


def test_random_draws_the_last_one_when_sums_are_rounded_up() -> None:
    class Nearly(Random):
        def random(self) -> float:
            return 1.0

    assert order(WeightedRandom(rng=Nearly()), fakes("abc"), 1) == "c"


# ---- all of them


@pytest.mark.parametrize("kind", [TwoChoices, PeakEWMA, WeightedRandom])
class TestChance:
    def test_is_repeatable(self, kind: Any) -> None:
        assert order(kind(rng=Random(9)), fakes("abcd"), 40) == order(kind(rng=Random(9)), fakes("abcd"), 40)

    def test_differs_without_a_seed(self, kind: Any) -> None:
        assert order(kind(), fakes("abcd"), 100) != order(kind(), fakes("abcd"), 100)

    def test_is_a_generator(self, kind: Any) -> None:
        with pytest.raises(TypeError, match=rf"{kind.__name__}: rng=7 \(int\) will not do: a random.Random"):
            kind(rng=7)

    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
    def test_differs_between_forked_processes(self, kind: Any) -> None:
        chosen = kind()
        order(chosen, fakes("abcd"), 5)
        assert forked(chosen) != forked(chosen)


def forked(chosen: Any) -> bytes:
    """What a child process draws."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, order(chosen, fakes("abcd"), 100).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        drawn = pipe.read()
    os.waitpid(child, 0)
    assert len(drawn) == 100
    return drawn
