"""Each policy: its exact order, or its distribution."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from typing import Any

import pytest

from tests.forwarding.balancing.fakes import Fake, fakes, order
from wsgikit.forwarding.balancing.hashing import Rendezvous
from wsgikit.forwarding.balancing.policies import (
    POLICIES,
    First,
    LeastConnections,
    RoundRobin,
    policy,
)

# ---- round_robin


def test_round_robin_takes_turns() -> None:
    assert order(RoundRobin(), fakes("abc"), 6) == "abcabc"


def test_round_robin_interleaves_weights() -> None:
    assert order(RoundRobin(), [Fake("a", 3), Fake("b", 2)], 10) == "ababaababa"


def test_policies_do_not_share_their_turns() -> None:
    one, other = RoundRobin(), RoundRobin()
    assert order(one, fakes("ab"), 1) + order(other, fakes("ab"), 1) == "aa"


# ---- least_conn


def test_least_conn_takes_the_least_busy() -> None:
    a, b, c = fakes("abc")
    a.in_flight, b.in_flight, c.in_flight = 3, 1, 2
    assert order(LeastConnections(), [a, b, c], 3) == "bbb"


def test_least_conn_measures_by_weight() -> None:
    a, b = Fake("a", weight=4, in_flight=3), Fake("b", weight=1, in_flight=1)
    assert order(LeastConnections(), [a, b], 2) == "aa"


def test_least_conn_shares_an_idle_fleet_evenly() -> None:
    assert order(LeastConnections(), fakes("abc"), 9) == "abcabcabc"


def test_least_conn_shares_an_idle_fleet_by_weight() -> None:
    assert order(LeastConnections(), [Fake("a", 3), Fake("b", 2)], 10) == "ababaababa"


def test_least_conn_lets_those_equally_busy_take_turns() -> None:
    a, b, c = fakes("abc", in_flight=2)
    b.in_flight = 5
    assert order(LeastConnections(), [a, b, c], 4) == "acac"


def test_least_conn_fills_backends_in_proportion_to_their_weights() -> None:
    backends, chosen = [Fake("a", 1), Fake("b", 2), Fake("c", 5)], LeastConnections()
    for _ in range(800):
        chosen(backends, {}).in_flight += 1
    assert [backend.in_flight for backend in backends] == [100, 200, 500]


# ---- first


def test_first_takes_the_first() -> None:
    assert order(First(), fakes("abc", in_flight=9), 3) == "aaa"


# ---- all of them


@pytest.mark.parametrize(
    "name", [*POLICIES, "hash:client_ip", "hash:path", "hash:header:X-A", "hash:cookie:a"]
)
class TestEvery:
    def test_takes_the_only_one_there_is(self, name: str) -> None:
        assert order(policy("Proxy", name), [Fake("a", in_flight=7)], 3, REMOTE_ADDR="192.0.2.1") == "aaa"

    def test_is_shown_pickled_copied_and_compared(self, name: str) -> None:
        made = policy("Proxy", name)
        made(fakes("ab"), {})
        assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == policy("Proxy", name)
        assert repr(made).startswith(type(made).__name__ + "(")

    def test_takes_any_sequence(self, name: str) -> None:
        backends = tuple(fakes("ab"))
        assert policy("Proxy", name)(backends, {"REMOTE_ADDR": "192.0.2.1"}) in backends


# ---- names


@pytest.mark.parametrize(("name", "kind"), POLICIES.items())
def test_name_makes_its_policy(name: str, kind: Any) -> None:
    assert type(policy("ReverseProxy", name)) is kind


def test_hash_names_its_key() -> None:
    assert policy("ReverseProxy", "hash:header:X-User") == Rendezvous("header:X-User")


def test_callable_is_taken_as_it_is() -> None:
    def last(backends: Any, environ: Any) -> Any:
        return backends[-1]

    assert policy("ReverseProxy", last) is last


def test_wrong_name_is_refused_with_the_one_meant() -> None:
    with pytest.raises(
        ValueError, match=r"ReverseProxy: policy='least_con' will not do.*did you mean 'least_conn'\?"
    ):
        policy("ReverseProxy", "least_con")


@pytest.mark.parametrize("option", ["", "HASH:path", "roundrobin:1"])
def test_unknown_name_is_refused_with_all_there_are(option: str) -> None:
    with pytest.raises(ValueError, match=r"'round_robin', 'least_conn', .*'hash:client_ip', 'hash:path'"):
        policy("ReverseProxy", option)


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("hash", "one of client_ip, path, header:NAME, cookie:NAME"),
        ("hash:", "one of client_ip, path, header:NAME, cookie:NAME"),
        ("hash:foo", "one of client_ip, path, header:NAME, cookie:NAME"),
        ("hash:clientip", "did you mean 'client_ip'?"),
        ("hash:path:x", "one of client_ip, path, header:NAME, cookie:NAME"),
        ("hash:header", "header: is followed by the name of a header, such as header:X-User"),
        ("hash:header:", "header: is followed by the name of a header"),
        ("hash:header:X User", "header: is followed by the name of a header"),
        ("hash:cookie:", "cookie: is followed by the name of a cookie, such as cookie:session"),
        ("hash:cookie:a=b", "cookie: is followed by the name of a cookie"),
    ],
)
def test_wrong_hash_key_is_refused_with_what_would_do(option: str, wanted: str) -> None:
    with pytest.raises(ValueError, match="will not do") as raised:
        policy("ReverseProxy", option)
    assert f"ReverseProxy: policy={option!r} will not do: " in str(raised.value)
    assert wanted in str(raised.value)


@pytest.mark.parametrize("option", [None, 3, ["round_robin"], RoundRobin])
def test_what_is_no_policy_is_refused(option: Any) -> None:
    with pytest.raises(TypeError, match=r"ReverseProxy: policy=.* will not do: a name, or a callable"):
        policy("ReverseProxy", option)


def test_each_use_of_a_name_has_its_own_state() -> None:
    drawn = Counter(order(policy("Proxy", "round_robin"), fakes("ab"), 1) for _ in range(3))
    assert drawn == {"a": 3}
