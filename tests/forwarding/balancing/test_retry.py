from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.balancing.retry import Budget, Retry
from wsgikit.forwarding.errors import (
    BodyTooLarge,
    BrokenAnswer,
    ClientGone,
    ConnectTimedOut,
    ForwardingError,
    NoAnswer,
    NoneAvailable,
    NotForwardable,
    TimedOut,
    Unreachable,
)
from wsgikit.forwarding.outbound import IDEMPOTENT

# ---- what is sent again

NEVER_SENT = [Unreachable("refused"), ConnectTimedOut("too slow")]
MAYBE_SEEN = [NoAnswer("reset"), BrokenAnswer("not HTTP"), TimedOut("nothing came")]
FUTILE = [NotForwardable("bad"), ClientGone("left"), BodyTooLarge("big"), NoneAvailable("all are down")]


def again(
    error: ForwardingError,
    method: str = "GET",
    *,
    retry: Retry | None = None,
    tries: int = 1,
    begun: bool = False,
) -> bool:
    return (retry or Retry()).again(error, tries=tries, method=method, begun=begun)


@pytest.mark.parametrize("error", NEVER_SENT, ids=repr)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "BREW"])
def test_where_there_was_no_connection_any_method_is_sent_again(error: ForwardingError, method: str) -> None:
    assert again(error, method)


@pytest.mark.parametrize("error", MAYBE_SEEN, ids=repr)
@pytest.mark.parametrize("method", sorted(IDEMPOTENT))
def test_what_the_backend_may_have_seen_is_sent_again_if_it_may_be_done_twice(
    error: ForwardingError, method: str
) -> None:
    assert again(error, method)


@pytest.mark.parametrize("error", MAYBE_SEEN, ids=repr)
@pytest.mark.parametrize("method", ["POST", "PATCH", "BREW", "get"])
def test_what_must_not_be_done_twice_is_not(error: ForwardingError, method: str) -> None:
    assert not again(error, method)


@pytest.mark.parametrize("error", NEVER_SENT + MAYBE_SEEN, ids=repr)
def test_a_body_that_is_partly_read_cannot_be_sent_again(error: ForwardingError) -> None:
    assert not again(error, "PUT", begun=True)


@pytest.mark.parametrize("error", FUTILE, ids=repr)
def test_what_no_other_backend_would_do_better_is_not_sent_again(error: ForwardingError) -> None:
    assert not again(error)


def test_attempts_count_all_tries() -> None:
    retry = Retry(3)
    assert [again(NEVER_SENT[0], retry=retry, tries=tries) for tries in (1, 2, 3)] == [True, True, False]
    assert not again(NEVER_SENT[0], retry=Retry(1))


def test_methods_may_be_chosen_in_any_case() -> None:
    retry = Retry(methods=["get", "post"])
    assert again(MAYBE_SEEN[0], "POST", retry=retry)
    assert not again(MAYBE_SEEN[0], "PUT", retry=retry)


def test_without_methods_only_what_was_never_sent_is_sent_again() -> None:
    retry = Retry(methods=())
    assert not again(MAYBE_SEEN[0], retry=retry)
    assert again(NEVER_SENT[0], retry=retry)


def test_a_budget_of_zero_switches_retries_off() -> None:
    retry = Retry(5, budget=0, statuses=503)
    assert not again(NEVER_SENT[0], retry=retry)
    assert not retry.answered(503, tries=1, method="GET", begun=False)
    assert not retry.state().take(10**6, 0)


@pytest.mark.parametrize("error", NEVER_SENT + MAYBE_SEEN, ids=repr)
def test_only_what_took_too_long_is_never_tried_twice_on_one_backend(error: ForwardingError) -> None:
    assert Retry.elsewhere_only(error) is isinstance(error, TimedOut)


# ---- after an answer


def answered(status: int, method: str = "GET", *, tries: int = 1, begun: bool = False) -> bool:
    retry = Retry(attempts=3, statuses=(429, "5xx"))
    return retry.answered(status, tries=tries, method=method, begun=begun)


def test_an_answer_is_handed_on_unless_its_status_is_listed() -> None:
    assert [status for status in (200, 404, 429, 500, 599) if answered(status)] == [429, 500, 599]
    assert not any(Retry().answered(status, tries=1, method="GET", begun=False) for status in range(100, 600))


def test_a_listed_answer_is_handed_on_where_the_request_must_not_or_cannot_be_repeated() -> None:
    assert not answered(503, "POST")
    assert not answered(503, "PUT", begun=True)


def test_the_last_answer_is_handed_on() -> None:
    assert [answered(503, tries=tries) for tries in (1, 2, 3)] == [True, True, False]


# ---- the budget


def granted(budget: Budget, requests: int, now: float, asked: int = 1000) -> int:
    return sum(budget.take(requests, now) for _ in range(asked))


def test_a_few_retries_are_always_allowed() -> None:
    assert granted(Budget(0.2), 0, 0) == 10


def test_a_share_of_the_requests_of_the_last_seconds_is_allowed() -> None:
    budget = Budget(0.2)
    budget.saw(0, 0)
    assert granted(budget, 500, 5) == 100


def test_requests_that_are_long_past_pay_for_nothing() -> None:
    budget = Budget(0.2)
    budget.saw(0, 0)
    budget.saw(1000, 5)
    assert granted(budget, 1100, 12) == 20  # of the hundred since 5


def test_requests_that_nobody_told_of_pay_for_nothing() -> None:
    assert granted(Budget(0.2), 1000, 100) == 10


def test_retries_are_forgotten_with_the_window() -> None:
    budget = Budget(0.2)
    assert granted(budget, 0, 0) == 10
    assert granted(budget, 0, 10) == 0
    assert granted(budget, 0, 11.1) == 10


def test_an_outage_is_not_doubled() -> None:
    budget, requests, retries = Budget(0.2), 0, 0
    for hundredth in range(6000):  # a minute of a hundred requests a second, all of which fail
        requests += 1
        now = hundredth / 100
        if requests % 64 == 0:
            budget.saw(requests, now)
        retries += budget.take(requests, now)
    assert 0.15 * requests < retries <= 0.2 * requests


def test_nothing_is_kept_of_what_is_told_too_often() -> None:
    budget = Budget(0.2)
    for n in range(10_000):
        budget.saw(n, n / 1000)
    assert len(budget._seen) <= 11


def test_repr_of_a_budget() -> None:
    budget = Retry().state()
    budget.take(0, 0)
    assert repr(budget) == "<Budget: 1 spent of 0.2 of the requests, or of 10>"


STEPS = st.lists(
    st.tuples(
        st.floats(0, 3), st.integers(0, 200), st.sampled_from(["", "told", "retries"]), st.integers(1, 60)
    ),
    max_size=60,
)


@given(STEPS, st.floats(0.01, 1), st.integers(0, 20))
def test_retries_never_exceed_the_share_of_a_window_by_more_than_the_floor(
    steps: list[tuple[float, int, str, int]], share: float, at_least: int
) -> None:
    budget = Budget(share, 10.0, at_least)
    requests, now = 0, 0.0
    arrived: list[tuple[float, int]] = []
    retries: list[float] = []
    for gap, more, event, asked in steps:
        now += gap
        requests += more
        arrived.append((now, more))
        if event == "told":
            budget.saw(requests, now)
        for _ in range(asked if event == "retries" else 0):
            if not budget.take(requests, now):
                break
            retries.append(now)
            lately = sum(n for then, n in arrived if now - then < 10)
            spent = sum(now - then < 10 for then in retries)
            assert spent - 1 < max(at_least, share * lately)


# ---- options


def test_options_show_compare_copy_and_pickle() -> None:
    retry = Retry(3, statuses=(502, 503))
    assert repr(retry) == "Retry(attempts=3, statuses=(502, 503))"
    assert (retry.attempts, retry.methods, retry.statuses, retry.budget) == (3, IDEMPOTENT, (502, 503), 0.2)
    assert pickle.loads(pickle.dumps(retry)) == copy.deepcopy(retry) == retry
    assert Retry(methods={"GET"}) != Retry()


def names() -> Iterator[str]:
    yield "GET"


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("attempts", 0, ValueError),
        ("attempts", 2.0, TypeError),
        ("attempts", None, TypeError),
        ("methods", "GET", TypeError),
        ("methods", None, TypeError),
        ("methods", [b"GET"], TypeError),
        ("methods", names(), TypeError),
        ("methods", ["GET POST"], ValueError),
        ("methods", [""], ValueError),
        ("statuses", [200], ValueError),
        ("statuses", "503", ValueError),
        ("statuses", None, TypeError),
        ("budget", -0.1, ValueError),
        ("budget", 20, ValueError),
        ("budget", None, TypeError),
    ],
)
def test_a_wrong_option_is_named(option: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"Retry: {option}="):
        Retry(**{option: value})
