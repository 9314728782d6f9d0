"""One backend and its record: what ejects it, what opens its circuit, and what is held against nobody."""

from __future__ import annotations

import gc
import io
import json
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.core.input import TooLarge
from wsgikit.forwarding.errors import ForwardingError
from wsgikit.forwarding.health.breaker import CircuitBreaker
from wsgikit.forwarding.health.passive import PassiveHealth
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import call, cues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.forwarding.conftest import Clock, Several

    Make = Callable[..., Several]

OK = cues.raw(cues.OK, then="keep")  # in one piece: nobody gets a head without its body
ERROR = cues.answer(500, body=b"sorry")
FAR = 1000.0


def upstream_of(group: Several, letter: str) -> dict[str, Any]:
    record: dict[str, Any] = group.proxy.snapshot()["upstreams"][group[letter].url]
    return record


# ---- passive health


def test_max_fails_eject_and_others_take_all(
    several: Make, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    group = several(cues.close(), OK, passive=PassiveHealth(3, cooldown=30))
    assert group.who(12) == "b" * 12  # a's failures were tried again at b
    assert group.counts() == [3, 12]
    assert group.state("a") == "ejected"
    lines = [record.getMessage() for record in caplog.records if "ejected" in record.getMessage()]
    assert lines == [
        f"{group['a'].url}: ejected for 30 s: 'the connection was closed without an answer'",
    ]
    clock.skip(29.9)
    assert group.who(12) == "b" * 12
    assert group.counts()[0] == 3


def test_failures_that_lie_too_far_apart_do_not_eject(several: Make, clock: Clock) -> None:
    group = several(cues.close(), OK, passive=PassiveHealth(2, window=10))
    for _ in range(6):
        group.call()
        clock.skip(10)
    assert (group.state("a"), group.state("b")) == ("up", "up")


def test_an_ejected_backend_comes_back_by_and_by(several: Make, clock: Clock) -> None:
    group = several(OK, OK, passive=PassiveHealth(1, cooldown=100))
    group["a"].play([cues.close()])
    assert group.who(4) == "bbbb"
    group["a"].play(OK)
    clock.skip(100)
    assert group.state("a") == "returning"
    early = group.who(110).count("a")
    assert 8 <= early <= 12  # 0.1 to 1
    clock.skip(50)
    later = group.who(160).count("a")
    assert 55 <= later <= 65  # 0.6 to 1
    clock.skip(50)
    assert (group.who(20).count("a"), group.state("a")) == (10, "up")


def test_one_failure_on_the_way_back_ejects_at_once(several: Make, clock: Clock) -> None:
    group = several(cues.close(), OK, passive=PassiveHealth(3, cooldown=100))
    group.who(12)
    clock.skip(150)
    before = group.counts()[0]
    group.who(40)
    assert (group.counts()[0] - before, group.state("a")) == (1, "ejected")


@pytest.mark.parametrize("cue", [cues.close(), cues.reset(), cues.bad_status_line(), cues.cut_head()])
def test_no_answer_and_a_broken_one_are_failures(several: Make, cue: Any) -> None:
    group = several(cue, passive=PassiveHealth(1, cooldown=FAR), retry=None)
    assert group.call().status == 502
    assert group.state("a") == "ejected"


def test_a_backend_that_never_answers_costs_its_timeout_and_is_ejected(several: Make) -> None:
    group = several(cues.never_answer(), OK, read_timeout=0.25, passive=PassiveHealth(1, cooldown=FAR))
    assert group.who(6) == "bbbbbb"
    assert group.counts() == [1, 6]


def test_a_body_that_breaks_off_is_a_failure(several: Make) -> None:
    group = several(cues.short_body(), passive=PassiveHealth(1, cooldown=FAR))
    with pytest.raises(ForwardingError):
        group.call()
    assert (group.state("a"), upstream_of(group, "a")["failures"]) == ("ejected", {"broken": 1})


def test_answers_are_failures_only_where_statuses_says_so(several: Make) -> None:
    group = several(ERROR, passive=PassiveHealth(1, cooldown=FAR))
    assert group.call().status == 500
    assert (group.state("a"), upstream_of(group, "a")["failures"]) == ("up", {})
    group = several(ERROR, passive=PassiveHealth(1, cooldown=FAR, statuses=("5xx",)))
    assert group.call().status == 500
    assert (group.state("a"), upstream_of(group, "a")["failures"]) == ("ejected", {"500": 1})


def test_a_kept_connection_found_dead_is_no_failure(several: Make) -> None:
    group = several([OK, cues.close(), OK, cues.reset()], passive=PassiveHealth(1, cooldown=FAR))
    assert group.call().status == 200
    assert group.call().status == 200  # sent again in silence
    assert group.call("POST", body=b"x").status == 502  # it must not be
    assert (group.state("a"), upstream_of(group, "a")["failures"]) == ("up", {})


def gone() -> Iterator[bytes]:
    yield b"begun"
    raise OSError("the client is gone")


def too_large() -> Iterator[bytes]:
    yield b"begun"
    raise TooLarge(10)


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST", "environ": {"wsgi.input": io.BytesIO(b"x"), "CONTENT_LENGTH": "100000"}},
        {"method": "POST", "environ": {"wsgi.input": io.BytesIO(b"x"), "CONTENT_LENGTH": "5"}},
        {"environ": {"HTTP_X_FIELD": "a\r\nX-Evil: 1"}},
        {"method": "POST", "body": gone()},
        {"method": "POST", "body": too_large()},
    ],
)
def test_what_the_client_does_is_no_failure(several: Make, request_: dict[str, Any]) -> None:
    group = several(None, passive=PassiveHealth(1), breaker=CircuitBreaker(0.01, min_requests=1))
    assert group.call(**request_).status in (400, 413)
    assert group.state("a") == "up"


def test_a_client_that_leaves_an_answer_is_no_failure(several: Make) -> None:
    endless = cues.answer(body=[b"begun", threading.Event()], framing="chunked")
    group = several(endless, passive=PassiveHealth(1), breaker=CircuitBreaker(0.01, min_requests=1))
    group.call(stop_after=1)
    assert (group.state("a"), upstream_of(group, "a")["in_flight"]) == ("up", 0)


def test_a_slow_upload_that_uses_up_total_timeout_is_not_held_against_the_backend(several: Make) -> None:
    group = several(None, total_timeout=0.1, passive=PassiveHealth(1, cooldown=FAR))

    def slow() -> Iterator[bytes]:
        for _ in range(100):
            threading.Event().wait(0.02)
            yield b"x" * 1000

    assert group.call("POST", body=slow()).status == 504
    assert (group.state("a"), upstream_of(group, "a")["failures"]) == ("up", {"timeout": 1})


def test_a_slow_reader_that_uses_up_total_timeout_is_not_held_against_the_backend(several: Make) -> None:
    endless = cues.answer(body=[b"begun", threading.Event()], framing="chunked")
    group = several(endless, total_timeout=0.05, passive=PassiveHealth(1, cooldown=FAR))
    with pytest.raises(ForwardingError):
        group.call()
    assert (group.state("a"), upstream_of(group, "a")["failures"]) == ("up", {"timeout": 1})


def test_passive_none_ejects_nobody(several: Make) -> None:
    group = several(cues.close(), passive=None, retry=None)
    assert {group.call().status for _ in range(10)} == {502}
    assert group.counts() == [10]


# ---- the circuit breaker


def tripped(several: Make, script: Any = ERROR, **options: Any) -> Several:
    """A group whose only upstream has an open circuit, for 30 s."""
    group = several(script, breaker=CircuitBreaker(0.5, min_requests=4, cooldown=30), passive=None, **options)
    group["a"].play(ERROR)
    for _ in range(4):
        assert group.call().status == 500
    assert group.state("a") == "open"
    group["a"].play(script)
    return group


def test_an_open_circuit_means_503_at_once_and_says_when_to_come_back(
    several: Make, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    group = tripped(several)
    assert f"{group['a'].url}: circuit breaker open" in caplog.text
    clock.skip(17.5)
    result = group.call()
    assert (result.status, result.header("Retry-After")) == (503, "13")
    assert group.notes["upstream_error"] == "none_available"
    assert group.counts() == [4]


def test_an_open_circuit_is_no_matter_where_others_serve(several: Make, clock: Clock) -> None:
    group = several(ERROR, OK, breaker=CircuitBreaker(0.5, min_requests=2))
    group.who(4)
    assert (group.state("a"), group.who(6)) == ("open", "bbbbbb")


def test_a_half_open_circuit_lets_one_request_through_under_many_threads(several: Make, clock: Clock) -> None:
    release = threading.Event()

    def slow(peer: Any) -> None:
        peer.read()
        peer.wait(release)
        OK(peer)

    group = tripped(several, slow)
    clock.skip(30)
    assert group.state("a") == "half-open"
    with ThreadPoolExecutor(8) as pool:
        trial = pool.submit(call, group.proxy)
        group.until(lambda: len(group["a"].requests) == 5)
        others = [pool.submit(call, group.proxy) for _ in range(50)]
        assert {one.result().status for one in others} == {503}
        assert group.counts() == [5]
        release.set()
        assert trial.result().status == 200
    assert group.state("a") == "up"
    assert group.who(3) == "aaa"


def test_of_many_that_come_at_once_one_is_the_trial(several: Make, clock: Clock) -> None:
    for _ in range(10):
        release = threading.Event()

        def slow(peer: Any, release: threading.Event = release) -> None:
            peer.read()
            peer.wait(release)
            OK(peer)

        group = tripped(several, slow)
        clock.skip(30)
        start = threading.Barrier(8)

        def one(group: Several = group, start: threading.Barrier = start) -> int:
            start.wait()
            return call(group.proxy).status

        with ThreadPoolExecutor(8) as pool:
            statuses = [pool.submit(one) for _ in range(8)]
            group.until(lambda statuses=statuses: sum(each.done() for each in statuses) == 7)
            release.set()
            assert sorted(each.result() for each in statuses) == [200] + [503] * 7
        assert group.counts() == [5]


def test_a_trial_that_fails_opens_the_circuit_again(several: Make, clock: Clock) -> None:
    group = tripped(several, ERROR)
    clock.skip(30)
    assert group.call().status == 500
    assert (group.call().status, group.state("a")) == (503, "open")
    clock.skip(30)
    group["a"].play(OK)
    assert (group.call().status, group.state("a")) == (200, "up")


def test_a_trial_whose_client_leaves_makes_room_for_another(several: Make, clock: Clock) -> None:
    group = tripped(several, OK)
    clock.skip(30)
    assert group.call("POST", body=gone()).status == 400
    assert group.state("a") == "half-open"
    assert (group.call().status, group.state("a")) == (200, "up")


def test_a_trial_that_finds_no_room_makes_room_for_another(several: Make, clock: Clock) -> None:
    release = threading.Event()
    group = tripped(several, OK, max_connections=1)
    group.backend("a").pool.take()
    clock.skip(30)
    assert group.call().status == 503
    group.backend("a").pool.drop(None)
    assert (group.call().status, group.state("a")) == (200, "up")
    release.set()


def test_an_open_circuit_goes_before_panic(several: Make, clock: Clock) -> None:
    group = several(
        cues.close(),
        breaker=CircuitBreaker(0.5, min_requests=2, cooldown=30),
        passive=PassiveHealth(1),
        retry=None,
    )
    assert [group.call().status for _ in range(3)] == [502, 502, 503]


# ---- connections and records


def test_an_answer_that_nobody_closes_is_no_longer_in_flight_once_it_is_forgotten(several: Make) -> None:
    group = several(cues.answer(body=[b"begun", threading.Event()], framing="chunked"))
    body = group.begin()
    assert upstream_of(group, "a")["in_flight"] == 1
    del body
    gc.collect()
    assert upstream_of(group, "a")["in_flight"] == 0


def test_a_log_that_fails_leaks_no_connection(several: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: Any) -> None:
        raise RuntimeError("the log is full")

    group = several(ERROR, breaker=CircuitBreaker(0.5, min_requests=1), passive=None)
    monkeypatch.setattr("wsgikit.forwarding.events.breaker", failing)
    with pytest.raises(RuntimeError, match="the log is full"):
        group.call()
    assert upstream_of(group, "a")["in_flight"] == 0


def test_the_host_asked_for_is_the_upstreams_where_the_clients_will_not_do(several: Make) -> None:
    group = several(None, host="client")
    sent = group.call(environ={"HTTP_HOST": "", "SERVER_NAME": "not a name"}).json()["headers"]
    assert dict(sent)["Host"] == group["a"].url.removeprefix("http://")


def test_repr_says_how_it_stands(several: Make) -> None:
    group = several(OK)
    group.call()
    assert repr(group.backend("a")) == f"<Backend {group['a'].url} up, 0 in flight>"


def test_snapshot_has_every_number_as_it_is(several: Make, clock: Clock) -> None:
    release = threading.Event()
    group = several(
        [OK, cues.close(), OK, OK, cues.answer(body=[b"begun", release], framing="chunked")],
        OK,
        given=[{"weight": 2}, {"backup": True, "max_connections": 7}],
        max_idle=5,
    )
    for _ in range(2):
        group.call()
    group.call("POST")
    held = group.begin()
    told = json.loads(json.dumps(group.proxy.snapshot()))
    assert told == {
        "waiting": 0,
        "upstreams": {
            group["a"].url: {
                "state": "up",
                "backup": False,
                "weight": 2,
                "in_flight": 1,
                "requests": 4,
                "failures": {},
                "retries": 0,
                "latency": 0.0,
                "pool": {"idle": 0, "busy": 1, "max_idle": 5, "max_connections": None},
            },
            group["b"].url: {
                "state": "up",
                "backup": True,
                "weight": 1,
                "in_flight": 0,
                "requests": 0,
                "failures": {},
                "retries": 0,
                "latency": 0.0,
                "pool": {"idle": 0, "busy": 0, "max_idle": 5, "max_connections": 7},
            },
        },
    }
    release.set()
    b"".join(held)
    held.close()
    assert upstream_of(group, "a")["pool"]["idle"] == 1


def test_snapshot_counts_failures_by_kind_and_retries(several: Make) -> None:
    group = several([cues.close(), cues.bad_status_line(), cues.never_answer(), OK], OK, read_timeout=0.25)
    group["b"].refuse()
    group.proxy.upstreams.drain(group["b"].url)
    assert [group.call().status for _ in range(2)] == [502, 504]
    record = upstream_of(group, "a")
    assert record["failures"] == {"closed": 1, "broken": 1, "timeout": 1}
    assert (record["requests"], record["retries"]) == (3, 1)


def test_latency_is_that_of_the_head(several: Make) -> None:
    group = several(OK)
    group.call()
    assert 0 < upstream_of(group, "a")["latency"] < 10


def test_a_timeout_is_a_latency_too(several: Make) -> None:
    group = several(cues.never_answer(), read_timeout=0.05)
    assert group.call().status == 504
    assert upstream_of(group, "a")["latency"] >= 0.05


def test_states_are_told_in_one_word(several: Make, clock: Clock) -> None:
    group = several(OK, OK, cues.close(), given=[{"weight": 0}], passive=PassiveHealth(1, cooldown=100))
    group.proxy.upstreams.drain(group["b"].url)
    group.call()
    assert [group.state(letter) for letter in "abc"] == ["unused", "draining", "ejected"]
    clock.skip(120)
    assert group.state("c") == "returning"


def test_a_proxy_that_is_dropped_is_gone_with_all_it_had_and_no_collector_is_needed(several: Make) -> None:
    upstream = several(OK)["a"]
    gc.collect()
    gc.disable()
    try:
        proxy = ReverseProxy(upstream.url)
        call(proxy)
        fleet = proxy._fleets.get()
        parts = [weakref.ref(fleet), weakref.ref(fleet.roster), weakref.ref(fleet.roster.backends[0])]
        del fleet, proxy
        assert [part() for part in parts] == [None, None, None]
    finally:
        gc.enable()
    upstream.wait_for(lambda: not upstream.open_connections)


def test_a_proxy_that_is_dropped_is_gone_with_all_it_had_without_a_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        proxy = ReverseProxy("http://127.0.0.1:1")
        call(proxy)
        fleet = proxy._fleets.get()
        parts = [weakref.ref(fleet), weakref.ref(fleet.roster), weakref.ref(fleet.roster.backends[0])]
        del fleet, proxy
        assert [part() for part in parts] == [None, None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("cue", [OK, cues.bad_status_line(), cues.close(), cues.bad_chunk_size()])
def test_an_answer_of_whatever_kind_leaves_nothing_that_holds_the_backend(several: Make, cue: Any) -> None:
    group = several(cue)
    gc.collect()
    gc.disable()
    try:
        proxy = ReverseProxy(group["a"].url, retry=None)
        try:
            call(proxy)
        except ForwardingError:
            pass
        gone = weakref.ref(proxy._fleets.get().roster.backends[0])
        proxy.close()
        assert gone() is None
    finally:
        gc.enable()
