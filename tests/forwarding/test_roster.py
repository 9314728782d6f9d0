"""Which backends there are and may be used: tiers, panic, checks in the background, and the life of it all."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.forwarding.health.breaker import CircuitBreaker
from wsgikit.forwarding.health.checks import HealthCheck
from wsgikit.forwarding.health.passive import PassiveHealth
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import ScriptedUpstream, call, cues

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.forwarding.conftest import Clock, Several

    Make = Callable[..., Several]

OK = cues.raw(cues.OK, then="keep")  # in one piece: nobody gets a head without its body
FAR = 1000.0


# ---- tiers


def test_backups_serve_only_when_no_primary_does(several: Make, clock: Clock) -> None:
    group = several(OK, OK, OK, given=[{}, {}, {"backup": True}])
    assert group.who(4) == "abab"
    group.proxy.upstreams.drain(group["a"].url)
    assert group.who(4) == "bbbb"
    group.proxy.upstreams.drain(group["b"].url)
    assert group.who(4) == "cccc"


def test_backups_serve_before_ejected_primaries(several: Make, clock: Clock) -> None:
    group = several(cues.close(), OK, given=[{}, {"backup": True}], passive=PassiveHealth(1))
    assert group.call().status == 200  # a fails, b is tried
    assert group.who(5) == "bbbbb"
    assert group.counts() == [1, 6]


def test_when_all_are_ejected_all_are_used_and_one_line_says_so(
    several: Make, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    group = several(cues.close(), cues.close(), passive=PassiveHealth(1, cooldown=30))
    assert group.call().status == 502  # both are tried, and ejected
    group["a"].play(OK)
    group["b"].play(OK)
    assert group.who(4) in ("abab", "baba")
    lines = [line for line in caplog.messages if "all upstreams" in line]
    assert lines == [
        f"all upstreams are ejected; using them all the same: {group['a'].url}, {group['b'].url}"
    ]
    clock.skip(60)
    assert set(group.who(4)) == {"a", "b"}
    assert len([line for line in caplog.messages if "all upstreams" in line]) == 1


def test_panic_does_not_reach_those_that_are_drained(several: Make, clock: Clock) -> None:
    group = several(cues.close(), OK, passive=PassiveHealth(1), retry=None)
    group.proxy.upstreams.drain(group["b"].url)
    assert [group.call().status for _ in range(3)] == [502, 502, 502]
    assert group.counts() == [3, 0]


def test_when_all_are_drained_it_is_a_503_at_once(several: Make) -> None:
    group = several(OK, OK)
    for letter in "ab":
        group.proxy.upstreams.drain(group[letter].url)
    result = group.call()
    assert (result.status, result.header("Retry-After")) == (503, "1")
    assert (group.notes["upstream_error"], group.counts()) == ("none_available", [0, 0])


def test_retry_after_is_when_something_may_change(several: Make, clock: Clock) -> None:
    error = cues.answer(500)
    group = several(error, error, breaker=CircuitBreaker(0.5, min_requests=1, cooldown=40), passive=None)
    group.call()
    clock.skip(15)
    group.call()
    assert [group.state(letter) for letter in "ab"] == ["open", "open"]
    assert group.call().header("Retry-After") == "25"  # a's turn comes first
    clock.skip(24.5)
    assert group.call().header("Retry-After") == "1"


def test_retry_after_is_a_minute_at_most(several: Make, clock: Clock) -> None:
    group = several(
        cues.answer(500), breaker=CircuitBreaker(0.5, min_requests=1, cooldown=3600), passive=None
    )
    group.call()
    assert group.call().header("Retry-After") == "60"


# ---- active checks


class Patient:
    """An upstream's script that answers requests, and checks as well as it is."""

    def __init__(self, well: bool = True) -> None:
        self.well = well
        self.checks = 0

    def __call__(self, peer: Any) -> None:
        if peer.read_body().target != "/check":
            OK(peer)
            return
        self.checks += 1
        cues.answer(200 if self.well else 503)(peer)


def checking(**options: Any) -> HealthCheck:
    return HealthCheck("/check", **{"interval": 0.02, "timeout": 5, "passes": 2, "fails": 2, **options})


def running() -> list[str]:
    """The threads of forwarding."""
    return [one.name for one in threading.enumerate() if one.name.startswith("wsgikit.forwarding")]


def test_checks_begin_with_the_first_request(several: Make) -> None:
    group = several(Patient(), Patient(), health=checking())
    group.proxy.snapshot()
    assert not running()
    assert sum(upstream.connections for upstream in group.upstreams) == 0
    group.call()
    for upstream in group.upstreams:
        upstream.wait_for(lambda upstream=upstream: "/check" in [one.target for one in upstream.requests])
    assert running()


def test_a_backend_that_fails_its_checks_is_left_out_until_it_passes_them(
    several: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "wsgikit.forwarding")
    sick = Patient(well=False)
    group = several(sick, Patient(), health=checking())
    group.call()
    group.until(lambda: group.state("a") == "down")
    assert group.who(6) == "bbbbbb"
    sick.well = True
    group.until(lambda: group.state("a") == "up")
    assert group.who(4) in ("abab", "baba")
    url = group["a"].url
    assert [line for line in caplog.messages if url in line and "checks" in line] == [
        f"{url}: down, by its checks: 'answered 503'",
        f"{url}: up, by its checks",
    ]


def test_when_all_fail_their_checks_it_is_a_503_at_once(several: Make) -> None:
    group = several(Patient(well=False), health=checking())
    group.call()
    group.until(lambda: group.state("a") == "down")
    result = group.call()
    assert (result.status, group.notes["upstream_error"]) == (503, "none_available")
    assert 1 <= int(result.header("Retry-After") or "") <= 60


def test_a_backend_that_hangs_in_its_check_delays_no_other(several: Make) -> None:
    group = several(cues.never_answer(), Patient(well=False), health=checking(timeout=FAR), read_timeout=0.05)
    group.call()
    group.until(lambda: group.state("b") == "down")
    assert group.state("a") == "up"


def test_a_backend_that_came_up_gets_its_share_by_and_by(several: Make, clock: Clock) -> None:
    sick = Patient(well=False)
    group = several(sick, Patient(), health=checking(slow_start=100))
    group.call()
    group.until(lambda: group.state("a") == "down")
    sick.well = True
    group.until(lambda: group.state("a") == "returning")
    assert 8 <= group.who(110).count("a") <= 12  # 0.1 to 1
    clock.skip(100)
    assert (group.who(20).count("a"), group.state("a")) == (10, "up")


def test_a_check_that_passes_ends_a_passive_ejection(several: Make, clock: Clock) -> None:
    def script(peer: Any) -> None:
        (OK if peer.read_body().target == "/check" else cues.close())(peer)

    group = several(script, OK, passive=PassiveHealth(1, cooldown=FAR), health=checking())
    while group.counts()[1] == 0 or not any(one.target == "/" for one in group["a"].requests):
        group.call()
    group.until(lambda: group.state("a") == "returning")


def test_a_check_that_passes_once_of_twice_ends_no_ejection(several: Make, clock: Clock) -> None:
    group = several(OK, passive=PassiveHealth(1, cooldown=FAR), health=checking(interval=FAR, fails=1))
    group.call()
    backend = group.backend("a")
    assert backend.check is not None
    assert backend.passive is not None
    group["a"].wait_for(lambda: any(one.target == "/check" for one in group["a"].requests))
    group.until(lambda: not any("look" in name for name in running()))
    backend.passive.failed(clock.now)
    backend._checked(backend.check, "refused")
    assert backend.state(clock.now) == "down"
    backend._checked(backend.check, None)
    assert backend.passive.ejected(clock.now)
    backend._checked(backend.check, None)
    assert not backend.passive.ejected(clock.now)


def test_what_a_check_finds_after_its_backend_was_removed_is_nobodys_news(
    several: Make, caplog: pytest.LogCaptureFixture
) -> None:
    group = several(OK, OK, health=checking(interval=FAR, fails=1))
    group.call()
    backend = group.backend("a")
    assert backend.check is not None
    group.proxy.upstreams.remove(group["a"].url)
    backend._checked(backend.check, "refused")
    assert backend.check.up
    assert backend.look() is None
    assert "down" not in caplog.text


def test_a_drained_backend_is_checked_on(several: Make) -> None:
    patient = Patient()
    group = several(patient, OK, health=checking())
    group.call()
    group.proxy.upstreams.drain(group["a"].url)
    patient.well = False
    checks = patient.checks
    group.until(lambda: patient.checks > checks + 2)
    group.proxy.upstreams.add(group["a"].url)
    group.until(lambda: group.state("a") == "down")


@pytest.mark.parametrize("end", ["close", "remove", "drop"])
def test_checks_end_with_the_proxy_or_the_upstream(end: str) -> None:
    patient = Patient()
    with ScriptedUpstream(patient) as upstream:
        gc.collect()
        gc.disable()
        try:
            proxy = ReverseProxy(upstream.url, health=checking())
            call(proxy)
            upstream.wait_for(lambda: patient.checks >= 2)
            if end == "close":
                proxy.close()
            elif end == "remove":
                proxy.upstreams.remove(upstream.url)
            else:
                del proxy
            upstream.wait_for(lambda: not upstream.open_connections)
            give_up = threading.Event()
            for _ in range(2000):
                if not running():
                    break
                give_up.wait(0.005)
            assert not running()
        finally:
            gc.enable()
        made = upstream.connections
        give_up.wait(0.1)  # several intervals
        assert upstream.connections == made


# ---- its life


def test_a_proxy_can_be_used_again_after_close_and_closed_twice(several: Make) -> None:
    group = several(Patient(), health=checking())
    group.proxy.close()
    for _ in range(2):
        assert group.call().status == 200
        group.proxy.close()
        group.proxy.close()
        group.until(lambda: not running())
    group["a"].wait_for(lambda: not group["a"].open_connections)


def test_what_is_in_flight_at_close_comes_to_its_end_and_keeps_nothing(several: Make) -> None:
    release = threading.Event()
    group = several(cues.answer(body=[b"begun ", release, b"done"], framing="chunked"))
    body = group.begin()
    group.proxy.close()
    release.set()
    assert b"".join(body) == b"begun done"
    body.close()
    group["a"].wait_for(lambda: not group["a"].open_connections)


def test_changes_outlive_close(several: Make) -> None:
    group = several(OK, OK, OK)
    group.proxy.upstreams.remove(group["a"].url)
    group.proxy.upstreams.drain(group["b"].url)
    group.proxy.close()
    assert group.who(3) == "ccc"


def test_snapshot_before_the_first_request_shows_what_there_will_be_and_starts_nothing(several: Make) -> None:
    def found() -> list[str]:
        raise AssertionError("nobody asked for anything yet")

    group = several(OK, OK, given=[{}, {"backup": True}], resolve=found, health=checking())
    group.proxy.upstreams.drain(group["b"].url)
    told = json.loads(json.dumps(group.proxy.snapshot()))["upstreams"]
    assert [one["state"] for one in told.values()] == ["up", "draining"]
    assert [one["requests"] for one in told.values()] == [0, 0]
    assert not running()


def test_of_two_fleets_made_at_once_the_one_in_use_hears_of_changes(several: Make) -> None:
    group = several(OK, OK)
    group.proxy.upstreams.remove(group["b"].url)
    used = group.proxy._fleets.get()
    lost = group.proxy._fleets._make()
    group.call()
    del lost
    group.proxy.upstreams.add(group["b"].url)
    assert group.proxy._fleets.get() is used
    assert set(group.who(4)) == {"a", "b"}


# ---- forks


def in_a_fork(work: Callable[[], bool]) -> bool:
    """Whether ``work`` says yes in a child of this process; one that hangs says no."""
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(20)
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


forks = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@forks
def test_what_was_added_before_a_fork_is_there_in_the_child_and_the_other_way_not(several: Make) -> None:
    group = several(OK, OK, OK)
    group.call()
    group.proxy.upstreams.remove(group["a"].url)

    def child() -> bool:
        right = set(group.who(4)) == {"b", "c"}
        group.proxy.upstreams.remove(group["b"].url)
        return right and group.who(4) == "cccc"

    assert in_a_fork(child)
    assert set(group.who(4)) == {"b", "c"}


@forks
def test_a_change_in_a_fork_that_has_served_nothing_is_for_the_fork_alone(several: Make) -> None:
    group = several(OK, OK)
    group.call()

    def child() -> bool:
        group.proxy.upstreams.drain(group["a"].url)
        return group.who(4) == "bbbb"

    assert in_a_fork(child)
    assert group.state("a") == "up"


@forks
@pytest.mark.parametrize("lock", ["pool", "backend", "roster"])
def test_a_lock_that_is_held_at_the_fork_holds_up_no_child(several: Make, lock: str) -> None:
    group = several(OK)
    group.call()
    roster = group.proxy._fleets.get().roster
    held: Any = {"pool": roster.backends[0].pool, "backend": roster.backends[0], "roster": roster}[lock]
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with held._lock:
            taken.set()
            release.wait()

    del roster
    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait()

    def child() -> bool:
        nonlocal held
        held = None
        served = group.call().status == 200
        group.proxy.close()
        gc.collect()
        return served

    try:
        assert in_a_fork(child)
    finally:
        release.set()
        holder.join()


@forks
def test_a_fork_has_checks_of_its_own(several: Make) -> None:
    patient = Patient()
    group = several(patient, health=checking())
    group.call()
    group["a"].wait_for(lambda: patient.checks >= 1)

    def child() -> bool:
        if group.proxy.snapshot()["upstreams"][group["a"].url]["requests"] != 0:
            return False
        group.call()
        group.until(lambda: "wsgikit.forwarding" in running())
        return True

    assert in_a_fork(child)
