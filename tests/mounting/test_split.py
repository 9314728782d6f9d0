"""Split: weights exact over a run, sticky by key."""

from __future__ import annotations

import pickle
from collections import Counter
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.mounting.smooth import SmoothOrder
from wsgikit.mounting.split import Split
from wsgikit.testing import call, lint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def stable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"stable"]


def canary(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"canary"]


def third(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"third"]


def asked(app: WSGIApplication, **environ: Any) -> str:
    return call(app, environ=environ).text


# ---- the order


def test_draws_are_interleaved() -> None:
    order = SmoothOrder([5, 1, 1])
    assert [order.draw() for _ in range(14)] == [0, 0, 1, 0, 2, 0, 0] * 2


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any), st.integers(0, 100))
def test_every_run_of_the_sum_is_exact(weights: list[int], skipped: int) -> None:
    order = SmoothOrder(weights)
    for _ in range(skipped):
        order.draw()
    drawn = Counter(order.draw() for _ in range(sum(weights)))
    assert [drawn[number] for number in range(len(weights))] == weights


def test_fractions_do_not_drift() -> None:
    order = SmoothOrder([0.1, 0.7, 0.2])
    drawn = Counter(order.draw() for _ in range(10_000))
    assert drawn == {0: 1000, 1: 7000, 2: 2000}


# ---- the app


def test_weights_are_exact_over_a_run() -> None:
    split = Split({stable: 95, canary: 5})
    for _ in range(3):
        assert Counter(asked(split) for _ in range(20)) == {"stable": 19, "canary": 1}


def test_weights_are_exact_over_threads() -> None:
    split = Split({stable: 3, canary: 1})
    texts: list[str] = []
    threads = [Thread(target=lambda: texts.extend(asked(split) for _ in range(100))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(texts) == {"stable": 300, "canary": 100}


def test_a_weight_of_zero_takes_none() -> None:
    for key in ("random", "client_ip"):
        split = Split({stable: 0, canary: 2}, key=key)
        assert {asked(split, REMOTE_ADDR=f"203.0.113.{n}") for n in range(50)} == {"canary"}


CLIENTS = [f"2001:db8::{n:x}" for n in range(2000)]


def shares(split: Split) -> dict[str, str]:
    return {client: asked(split, REMOTE_ADDR=client) for client in CLIENTS}


def test_a_client_stays_with_its_app() -> None:
    split = Split({stable: 3, canary: 1}, key="client_ip")
    first = shares(split)
    assert shares(split) == first
    assert shares(pickle.loads(pickle.dumps(split))) == first
    assert 450 < Counter(first.values())["canary"] < 550


def test_changing_a_weight_moves_clients_to_the_app_that_gains_and_no_others() -> None:
    before = shares(Split({stable: 50, canary: 25, third: 0}, key="client_ip"))
    after = shares(Split({stable: 50, canary: 25, third: 25}, key="client_ip"))
    moved = [client for client in CLIENTS if before[client] != after[client]]
    assert 400 < len(moved) < 600
    assert {after[client] for client in moved} == {"third"}


def test_a_cookie_keeps_its_app() -> None:
    split = Split({stable: 1, canary: 1}, key="cookie:visitor")
    by_value = {n: asked(split, HTTP_COOKIE=f"a=b; visitor={n}; c=d") for n in range(40)}
    assert set(by_value.values()) == {"stable", "canary"}
    assert {n: asked(split, HTTP_COOKIE=f"visitor={n}") for n in range(40)} == by_value


@pytest.mark.parametrize(
    "environ", [{"REMOTE_ADDR": ""}, {"REMOTE_ADDR": "unix:"}, {"HTTP_COOKIE": "visit=1"}]
)
def test_a_request_that_cannot_be_told_apart_is_drawn(environ: dict[str, str]) -> None:
    key = "cookie:visitor" if "HTTP_COOKIE" in environ else "client_ip"
    split = Split({stable: 1, canary: 1}, key=key)
    assert Counter(asked(split, **environ) for _ in range(10)) == {"stable": 5, "canary": 5}


def test_lint_finds_nothing_and_children_are_shown() -> None:
    split = Split({stable: 95, canary: 5})
    assert call(lint(split)).text == "stable"
    assert list(split.children()) == [("95", stable), ("5", canary)]


@pytest.mark.parametrize(
    ("apps", "key", "error", "said"),
    [
        ([stable], "random", TypeError, "Split: apps="),
        ({}, "random", ValueError, r"Split: apps=\{\} .* one of them above 0"),
        ({stable: 0}, "random", ValueError, "one of them above 0"),
        ({stable: -1}, "random", ValueError, "=-1 will not do: a weight is 0 or more"),
        ({stable: float("nan")}, "random", ValueError, "=nan will not do"),
        ({stable: "5"}, "random", TypeError, "='5' .* a weight is a number"),
        ({stable: True}, "random", TypeError, "=True .* a weight is a number"),
        ({"stable": 5}, "random", TypeError, "its keys are WSGI apps"),
        ({stable: 1}, "client-ip", ValueError, "Split: key='client-ip' .* did you mean 'client_ip'"),
        ({stable: 1}, "cookie:", ValueError, "Split: key='cookie:'"),
        ({stable: 1}, "cokie:id", ValueError, "did you mean 'cookie:'"),
        ({stable: 1}, "cookie:a b", ValueError, "Split: key='cookie:a b'"),
        ({stable: 1}, None, TypeError, "Split: key=None"),
    ],
)
def test_a_wrong_option_is_named(apps: Any, key: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Split(apps, key=key)
