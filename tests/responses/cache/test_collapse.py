"""Fills under way: who leads, who waits, and what is out of date before it comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from wsgikit.responses.cache.collapse import Fill, Fills


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def fills(clock: list[float]) -> Fills:
    return Fills(lambda: clock[0])


def begin(fills: Fills, key: str = "k", *, shares: bool = True) -> tuple[Fill, Fill | None]:
    """Begin in a thread that is still there: the idents of those that have ended are given to new ones."""
    found: list[tuple[Fill, Fill | None]] = []
    begun = threading.Event()

    def run() -> None:
        found.append(fills.begin(key, shares=shares))
        begun.set()
        END.wait(10)

    threading.Thread(target=run, daemon=True).start()
    assert begun.wait(10)
    return found[0]


END = threading.Event()


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    END.clear()
    yield
    END.set()


def test_the_first_leads_and_the_next_may_wait(fills: Fills) -> None:
    first, nobody = begin(fills)
    second, leader = begin(fills)
    assert (first.leads, nobody, second.leads, leader) == (True, None, False, first)
    assert begin(fills, "other")[1] is None


def test_a_request_does_not_wait_for_its_own_thread(fills: Fills) -> None:
    fills.begin("k", shares=True)
    assert fills.begin("k", shares=True)[1] is None


def test_what_is_special_neither_leads_nor_waits(fills: Fills) -> None:
    special, leader = begin(fills, shares=False)
    assert (special.leads, leader) == (False, None)
    assert begin(fills)[0].leads
    assert begin(fills, shares=False)[1] is None


def test_the_end_of_the_leader_wakes_those_who_wait(fills: Fills) -> None:
    first, _ = begin(fills)
    _, leader = begin(fills)
    assert leader is not None
    assert not leader.wait(0)
    fills.end(first)
    fills.end(first)
    assert leader.wait(0)
    assert begin(fills)[0].leads


def test_a_leader_whose_answer_is_its_own_releases_them_before_its_end(fills: Fills) -> None:
    first, _ = begin(fills)
    _, leader = begin(fills)
    fills.release(first)
    assert leader is first
    assert leader.wait(0)
    assert begin(fills)[0].leads
    fills.outdate(["k"])
    assert first.outdated  # it is still under way


def test_a_leader_that_never_ends_is_given_up(fills: Fills, clock: list[float]) -> None:
    assert fills.lead("k") is not None
    assert fills.lead("k") is None
    clock[0] += 61
    assert begin(fills)[1] is None
    assert fills.lead("k") is None  # for there is a new one


def test_nobody_waits_where_the_last_answer_was_of_no_use_to_others(fills: Fills, clock: list[float]) -> None:
    fills.judge("k", vain=True)
    begin(fills)
    assert begin(fills)[1] is None
    clock[0] += 59
    assert begin(fills)[1] is None
    fills.judge("k", vain=False)
    assert begin(fills)[1] is not None


def test_that_is_forgotten_after_a_minute(fills: Fills, clock: list[float]) -> None:
    fills.judge("k", vain=True)
    clock[0] += 61
    begin(fills)
    assert begin(fills)[1] is not None


def test_what_is_remembered_is_bounded(fills: Fills) -> None:
    for number in range(10_000):
        fills.judge(str(number), vain=True)
    assert len(fills._vain) <= 4096


def test_what_is_purged_is_out_of_date_for_all_that_are_under_way(fills: Fills) -> None:
    one, two = begin(fills)[0], begin(fills, shares=False)[0]
    other = begin(fills, "other")[0]
    fills.outdate(["k", "nothing"])
    assert (one.outdated, two.outdated, other.outdated) == (True, True, False)


def test_nobody_waits_for_what_was_purged_meanwhile(fills: Fills) -> None:
    begin(fills)
    fills.outdate(["k"])
    second, leader = begin(fills)
    assert (leader, second.leads) == (None, True)


def test_a_tag_meets_those_that_bear_it_or_have_not_said_yet(fills: Fills) -> None:
    tagged, other, silent = (begin(fills, key)[0] for key in "abc")
    tagged.tags, other.tags = ("t",), ("u",)
    fills.outdate_tag("t")
    assert (tagged.outdated, other.outdated, silent.outdated) == (True, False, True)
