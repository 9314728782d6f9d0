"""Rendezvous: the same backend for the same key, few keys moved by any change, nobody overrun."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forwarding.balancing.fakes import Fake, fakes, order
from wsgikit.forwarding.balancing.hashing import Rendezvous
from wsgikit.forwarding.balancing.policies import Policy

BY_IP = Rendezvous("client_ip")
KEYS = [f"10.1.{number // 256}.{number % 256}" for number in range(3000)]


def homes(backends: Sequence[Fake], keys: Sequence[str] = KEYS) -> dict[str, str]:
    """The URL that each key belongs to."""
    return {key: BY_IP(backends, {"REMOTE_ADDR": key}).url for key in keys}


def moved(before: dict[str, str], after: dict[str, str]) -> set[tuple[str, str]]:
    return {(before[key], after[key]) for key in before if before[key] != after[key]}


def test_same_key_same_backend() -> None:
    assert len(set(order(BY_IP, fakes("abcdefgh"), 50, REMOTE_ADDR="192.0.2.1"))) == 1


def test_keys_spread_evenly() -> None:
    counted = Counter(homes(fakes("abcde")).values())
    assert [counted[url] for url in "abcde"] == pytest.approx([600] * 5, abs=75)


def test_keys_spread_by_weight() -> None:
    counted = Counter(homes([Fake("a", 3), Fake("b", 1), Fake("c", 2)]).values())
    assert [counted[url] for url in "abc"] == pytest.approx([1500, 500, 1000], abs=90)


def test_order_of_the_list_does_not_matter() -> None:
    assert homes(fakes("abcd")) == homes(fakes("dbca"))


def test_removing_one_of_n_moves_its_own_keys_and_no_others() -> None:
    before = homes(fakes("abcdefgh"))
    after = homes(fakes("abcdegh"))
    assert {here for here, _ in moved(before, after)} == {"f"}
    assert {there for _, there in moved(before, after)} == set("abcdegh")
    share = sum(before[key] != after[key] for key in KEYS) / len(KEYS)
    assert share == pytest.approx(1 / 8, abs=0.025)


def test_adding_one_takes_its_share_and_moves_nothing_else() -> None:
    before, after = homes(fakes("abc")), homes(fakes("abcd"))
    assert {there for _, there in moved(before, after)} == {"d"}
    assert Counter(after.values())["d"] == pytest.approx(750, abs=80)


def test_more_weight_draws_keys_and_moves_nothing_else() -> None:
    backends = fakes("abc")
    before = homes(backends)
    backends[0].weight = 2
    assert {there for _, there in moved(before, homes(backends))} == {"a"}


def test_weights_count_in_proportion_only() -> None:
    assert homes([Fake("a", 1), Fake("b", 2)]) == homes([Fake("a", 10), Fake("b", 20)])


@given(st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True), st.text(min_size=1), st.data())
def test_removing_any_but_the_winner_changes_nothing(urls: list[str], key: str, data: Any) -> None:
    backends, chosen = [Fake(url) for url in urls], Rendezvous("path")
    winner = chosen(backends, {"PATH_INFO": key})
    loser = data.draw(st.sampled_from([backend for backend in backends if backend is not winner]))
    backends.remove(loser)
    assert chosen(backends, {"PATH_INFO": key}) is winner


def test_it_is_the_same_in_every_process() -> None:
    script = (
        "from tests.forwarding.balancing.test_hashing import KEYS, homes, fakes;"
        "print(''.join(homes(fakes('abcd'), KEYS[:200]).values()))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "".join(homes(fakes("abcd"), KEYS[:200]).values())


def test_it_is_the_same_in_every_version() -> None:
    """Processes of two releases may run side by side."""
    backends = fakes("abcd")
    assert "".join(homes(backends, KEYS[:24]).values()) == "adacaddcdaddaadcacbdbbca"


def test_url_and_key_are_kept_apart() -> None:
    """Otherwise ab + c and a + bc would be one, and the longer URL would follow the shorter."""
    from wsgikit.forwarding.balancing.hashing import wait

    assert wait(b"c", "ab") != wait(b"bc", "a")


# ---- bounded load


def bound(backend: Fake, backends: Sequence[Fake]) -> int:
    in_flight = sum(other.in_flight for other in backends) + 1
    return ceil(1.25 * backend.weight / sum(other.weight for other in backends) * in_flight)


def ranked(key: str, backends: Sequence[Fake]) -> list[Fake]:
    """The backends in the order in which an idle fleet would lose them."""
    left, line = list(backends), []
    while left:
        line.append(BY_IP(left, {"REMOTE_ADDR": key}))
        left.remove(line[-1])
    return line


def test_busy_backend_keeps_its_keys_up_to_its_bound() -> None:
    backends = fakes("abc")
    home = ranked("192.0.2.1", backends)[0]
    for backend in backends:
        backend.in_flight = 8
    home.in_flight = 11  # 1.25 * (27 + 1) / 3 = 11.7
    assert BY_IP(backends, {"REMOTE_ADDR": "192.0.2.1"}) is home


def test_overrun_backend_is_passed_over_for_the_next_in_line() -> None:
    backends = fakes("abcd")
    first, second, third, _ = ranked("192.0.2.1", backends)
    first.in_flight = 20
    assert BY_IP(backends, {"REMOTE_ADDR": "192.0.2.1"}) is second
    second.in_flight = 20
    assert BY_IP(backends, {"REMOTE_ADDR": "192.0.2.1"}) is third


def test_only_the_keys_of_the_overrun_backend_move() -> None:
    backends = fakes("abcd")
    before = homes(backends)
    backends[1].in_flight = 20
    assert {here for here, _ in moved(before, homes(backends))} == {"b"}


def test_a_second_request_of_an_idle_hour_stays_at_home() -> None:
    backends = fakes("abcdefgh")
    home = ranked("192.0.2.1", backends)[0]
    home.in_flight = 1
    assert BY_IP(backends, {"REMOTE_ADDR": "192.0.2.1"}) is home


def test_a_third_request_of_an_idle_hour_has_company() -> None:
    backends = fakes("abcdefgh")
    home, neighbour, *_ = ranked("192.0.2.1", backends)
    home.in_flight = 2  # 1.25 * (2 + 1) / 8 is rounded up to 1
    assert BY_IP(backends, {"REMOTE_ADDR": "192.0.2.1"}) is neighbour


def test_one_key_that_everybody_asks_for_drowns_nobody() -> None:
    backends = [Fake("a", 1), Fake("b", 2), Fake("c", 1)]
    for _ in range(400):
        BY_IP(backends, {"REMOTE_ADDR": "192.0.2.1"}).in_flight += 1
    for backend in backends:
        assert backend.in_flight <= bound(backend, backends) + 1


@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0.05, 20)), min_size=1, max_size=6), st.ip_addresses(v=4)
)
def test_it_takes_the_first_in_line_within_its_bound(loads: list[tuple[int, float]], address: Any) -> None:
    backends = [Fake(str(place), weight) for place, (_, weight) in enumerate(loads)]
    line = ranked(str(address), backends)
    for backend, (in_flight, _) in zip(backends, loads, strict=True):
        backend.in_flight = in_flight
    wanted = next(backend for backend in line if backend.in_flight <= bound(backend, backends))
    assert BY_IP(backends, {"REMOTE_ADDR": str(address)}) is wanted


def test_backends_that_fill_up_meanwhile_are_used_all_the_same() -> None:
    class Growing(Fake):
        looks = 0

        @property
        def in_flight(self) -> int:
            type(self).looks += 1
            return 100 * type(self).looks

        @in_flight.setter
        def in_flight(self, value: int) -> None: ...

    backends = [Growing("a"), Growing("b")]
    assert BY_IP(backends, {"REMOTE_ADDR": "192.0.2.1"}) in backends


# ---- keys


def test_address_of_the_client_is_the_key() -> None:
    assert len({BY_IP(fakes("abcdefgh"), {"REMOTE_ADDR": key}).url for key in KEYS[:100]}) == 8


@pytest.mark.parametrize(
    ("key", "one", "same", "other"),
    [
        ("path", {"PATH_INFO": "/a"}, {"PATH_INFO": "/a", "QUERY_STRING": "b"}, {"PATH_INFO": "/{}"}),
        ("path", {"PATH_INFO": ""}, {"PATH_INFO": "/"}, {"PATH_INFO": "/{}"}),
        ("header:X-User", {"HTTP_X_USER": "ann"}, {"HTTP_X_USER": "ann"}, {"HTTP_X_USER": "{}"}),
        ("header:content-type", {"CONTENT_TYPE": "a/b"}, {"CONTENT_TYPE": "a/b"}, {"CONTENT_TYPE": "a/{}"}),
        (
            "cookie:sid",
            {"HTTP_COOKIE": "sid=1"},
            {"HTTP_COOKIE": 'xsid=7; sid="1"; sid=2'},
            {"HTTP_COOKIE": "sid={}"},
        ),
    ],
)
def test_key_decides(key: str, one: dict[str, str], same: dict[str, str], other: dict[str, str]) -> None:
    chosen, backends = Rendezvous(key), fakes("abcdefgh")
    assert chosen(backends, one) is chosen(backends, same)
    others = [{name: value.format(number) for name, value in other.items()} for number in range(100)]
    assert len({chosen(backends, environ).url for environ in others}) == 8


@pytest.mark.parametrize(
    ("key", "environ"),
    [
        ("client_ip", {}),
        ("client_ip", {"REMOTE_ADDR": ""}),
        ("client_ip", {"REMOTE_ADDR": "unix:"}),
        ("header:X-User", {}),
        ("header:X-User", {"HTTP_X_USER": ""}),
        ("cookie:sid", {}),
        ("cookie:sid", {"HTTP_COOKIE": "xsid=1; a=sid=3"}),
        ("cookie:sid", {"HTTP_COOKIE": "sid="}),
    ],
)
def test_requests_without_the_key_take_turns(key: str, environ: dict[str, str]) -> None:
    chosen: Policy = Rendezvous(key)
    assert order(chosen, fakes("abc"), 6, **environ) == "abcabc"


def test_bytes_that_are_no_text_are_a_key_too() -> None:
    assert BY_IP(fakes("ab"), {"REMOTE_ADDR": "\udcff\xff"}).url in "ab"


def test_wrong_key_is_refused() -> None:
    with pytest.raises(ValueError, match="Rendezvous: key='ip' will not do: one of client_ip, path"):
        Rendezvous("ip")
