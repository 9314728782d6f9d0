from __future__ import annotations

from dataclasses import dataclass

from wsgikit.forwarding.policies import RoundRobin


@dataclass(frozen=True)
class Fake:
    url: str
    weight: float = 1


def order(turns: int, *backends: Fake) -> str:
    policy = RoundRobin()
    return "".join(policy(backends, {}).url for _ in range(turns))


def test_equals_take_turns() -> None:
    assert order(6, Fake("a"), Fake("b"), Fake("c")) == "abcabc"


def test_weights_interleave_and_never_come_in_bursts() -> None:
    assert order(7, Fake("a", 5), Fake("b"), Fake("c")) == "aabacaa"


def test_three_to_two_comes_three_to_two() -> None:
    assert order(5, Fake("a", 3), Fake("b", 2)) == "ababa"


def test_weight_zero_takes_nothing() -> None:
    assert order(4, Fake("a", 0), Fake("b")) == "bbbb"
