"""Requests over several backends: whose turn it is, what is tried again and where, who waits, who is refused."""

from __future__ import annotations

import io
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.forwarding.balancing.retry import Retry
from wsgikit.forwarding.balancing.sticky import Sticky
from wsgikit.forwarding.errors import ForwardingError
from wsgikit.forwarding.health.passive import PassiveHealth
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import call, cues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.forwarding.conftest import Clock, Several

    Make = Callable[..., Several]

OK = cues.raw(cues.OK, then="keep")  # in one piece: nobody gets a head without its body
SECRET = "not known to anybody else"


def pieces(*blocks: bytes) -> Iterator[bytes]:
    """A body without a length."""
    yield from blocks


# ---- policies


def test_round_robin_gives_shares_by_weight_and_no_bursts(several: Make) -> None:
    assert several(OK, OK, OK, given=[{"weight": 3}, {"weight": 2}]).who(6) == "abacba"


def test_an_upstream_of_weight_0_gets_nothing(several: Make) -> None:
    assert several(OK, OK, given=[{"weight": 0}]).who(4) == "bbbb"


def test_first_takes_the_first_that_is_there(several: Make) -> None:
    group = several(OK, OK, policy="first", passive=PassiveHealth(1))
    assert group.who(2) == "aa"
    group["a"].refuse()
    group["a"].drop()
    assert group.who(3) == "bbb"


def test_least_conn_gives_to_the_idle(several: Make) -> None:
    later = threading.Event()
    busy = cues.answer(body=[b"begun", later], framing="chunked")
    group = several([busy, OK, OK], OK, policy="least_conn")
    held = group.begin()
    assert group.who(4) == "bbbb"
    later.set()
    assert b"".join(held) == b"begun"
    held.close()
    assert set(group.who(4)) == {"a", "b"}


def test_p2c_avoids_the_busy(several: Make) -> None:
    later = threading.Event()
    busy = cues.answer(body=[b"begun", later], framing="chunked")
    group = several([busy], OK, policy="p2c")
    group["b"].refuse()  # so that the first goes to a
    held = group.begin()
    group["b"].accept()
    assert group.who(8) == "b" * 8
    later.set()
    held.close()


def test_ewma_prefers_the_quick(several: Make) -> None:
    group = several(OK, OK, policy="ewma")
    while min(group.counts()) < 1:
        group.call()
    group.backend("a").latency.observe(60.0, 1e12)
    assert group.who(8) == "b" * 8


def test_random_gives_shares_by_weight(several: Make) -> None:
    came = Counter(several(OK, OK, given=[{"weight": 9}], policy="random").who(200))
    assert 140 < came["a"] < 200


@pytest.mark.parametrize(
    ("policy", "key"),
    [
        ("hash:path", lambda n: {"path": f"/{n}"}),
        ("hash:client_ip", lambda n: {"environ": {"REMOTE_ADDR": f"10.0.0.{n}"}}),
        ("hash:header:X-Tenant", lambda n: {"headers": {"X-Tenant": f"t{n}"}}),
        ("hash:cookie:session", lambda n: {"headers": {"Cookie": f"session=s{n}"}}),
    ],
)
def test_a_hash_sends_each_key_to_its_own_backend(several: Make, policy: str, key: Any) -> None:
    group = several(OK, OK, policy=policy)
    first = [group.who(**key(n)) for n in range(24)]
    assert set(first) == {"a", "b"}
    assert [group.who(**key(n)) for n in range(24)] == first


def test_the_users_own_policy_chooses_among_those_that_can_be_used(several: Make) -> None:
    asked: list[Any] = []

    def last(backends: Any, environ: Any) -> Any:
        asked.append((len(backends), environ["PATH_INFO"]))
        return backends[-1]

    group = several(OK, OK, OK, policy=last)
    assert group.who(path="/x") == "c"
    group.proxy.upstreams.drain(group["c"].url)
    assert group.who(path="/y") == "b"
    assert asked == [(3, "/x"), (2, "/y")]


def test_what_a_policy_raises_is_for_the_server_and_holds_nothing(several: Make) -> None:
    def broken(backends: Any, environ: Any) -> Any:
        raise KeyError("tenant")

    group = several(OK, OK, policy=broken, max_connections=1)
    for _ in range(3):
        with pytest.raises(KeyError, match="tenant"):
            group.call()
    assert all(one["in_flight"] == 0 for one in group.proxy.snapshot()["upstreams"].values())


@pytest.mark.parametrize("foreign", [None, "http://a", object()])
def test_a_policy_that_gives_none_of_its_backends_is_told_so(several: Make, foreign: Any) -> None:
    with pytest.raises(TypeError, match=r"policy=.* gave .*, which is none of the backends it was given"):
        several(OK, OK, policy=lambda backends, environ: foreign).call()


# ---- retry


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_refused_connection_is_tried_elsewhere_whatever_the_method(several: Make, method: str) -> None:
    group = several(None, None)
    group["a"].refuse()
    result = group.call(method, body=b"sent once")
    assert result.json()["body"] == "sent once"
    assert (group.notes["upstream"], group.notes["retries"]) == (group["b"].url, 1)
    assert group.counts() == [0, 1]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_when_the_primaries_fail_a_backup_answers_the_same_request(several: Make, method: str) -> None:
    group = several(OK, OK, given=[{}, {"backup": True}], passive=None)
    group["a"].refuse()
    assert (group.call(method).status, group.notes["retries"]) == (200, 1)
    group["a"].accept()
    assert group.who(2) == "aa"


def test_a_backup_takes_what_the_primary_was_too_slow_for(several: Make) -> None:
    group = several(cues.never_answer(), OK, given=[{}, {"backup": True}], read_timeout=0.05)
    assert (group.call().status, group.notes["retries"]) == (200, 1)


def test_other_primaries_are_tried_before_a_backup(several: Make) -> None:
    group = several(OK, OK, OK, given=[{}, {}, {"backup": True}], policy="first", passive=None)
    group["a"].refuse()
    assert group.who(2) == "bb"
    group["b"].refuse()
    group["b"].drop()
    assert group.call().status == 502  # two tries, and both were primaries
    assert group.counts() == [0, 2, 0]


def test_when_the_primaries_are_full_a_backup_takes_the_rest(several: Make) -> None:
    later = threading.Event()
    slow = cues.answer(body=[b"begun", later], framing="chunked")
    group = several([slow, OK, OK], OK, given=[{"max_connections": 1}, {"backup": True}])
    held = group.begin()
    assert group.who(2) == "bb"
    later.set()
    assert b"".join(held) == b"begun"
    held.close()
    assert group.who(2) == "aa"


def test_a_backup_that_is_full_is_passed_over(several: Make) -> None:
    later = threading.Event()
    slow = cues.answer(body=[b"begun", later], framing="chunked")
    group = several(OK, [slow, OK], given=[{}, {"backup": True, "max_connections": 1}], passive=None)
    group["a"].refuse()
    held = group.begin()
    assert (group.call().status, group.notes["upstream"]) == (502, group["a"].url)
    later.set()
    held.close()
    assert group.call().status == 200


def test_a_streamed_body_that_nobody_has_seen_goes_elsewhere_whole(several: Make) -> None:
    group = several(None, None)
    group["a"].refuse()
    result = group.call("POST", body=pieces(b"one", b"two"))
    assert result.json()["body"] == "onetwo"
    assert group.notes["retries"] == 1


def test_a_streamed_body_that_has_begun_is_not_sent_again(several: Make) -> None:
    group = several(cues.close(), OK, retry=Retry(methods=("POST",)))
    assert group.call("POST", body=pieces(b"one", b"two")).status == 502
    assert group.counts() == [1, 0]


@pytest.mark.parametrize("cue", [cues.close(), cues.reset(), cues.cut_head(), cues.bad_status_line()])
def test_no_answer_or_a_broken_one_is_tried_elsewhere_if_that_is_safe(several: Make, cue: Any) -> None:
    for method, body in (("GET", b""), ("PUT", b"small"), ("DELETE", b"")):
        group = several(cue, OK)
        assert (group.call(method, body=body).status, group.notes["retries"]) == (200, 1)
    for method in ("POST", "PATCH"):
        group = several(cue, OK)
        assert (group.call(method, body=b"small").status, group.notes["retries"]) == (502, 0)
        assert group.counts() == [1, 0]


def test_methods_names_what_may_be_sent_again(several: Make) -> None:
    assert several(cues.close(), OK, retry=Retry(methods=("POST",))).call("POST", body=b"x").status == 200
    assert several(cues.close(), OK, retry=Retry(methods=("POST",))).call("GET").status == 502


def test_a_timeout_is_tried_elsewhere(several: Make) -> None:
    group = several(cues.never_answer(), OK, read_timeout=0.25)
    assert (group.call().status, group.notes["retries"]) == (200, 1)


def test_a_timeout_is_not_tried_at_the_same_backend_again(several: Make) -> None:
    group = several(cues.never_answer(), read_timeout=0.05)
    assert group.call().status == 504
    assert group.counts() == [1]


def test_a_timeout_is_not_tried_at_the_same_backend_again_after_others_have_failed_too(several: Make) -> None:
    group = several(cues.never_answer(), OK, read_timeout=0.05, retry=Retry(6), passive=None)
    group["b"].refuse()
    assert group.call().status == 502  # b's: it is what was tried last
    assert group.counts() == [1, 0]
    assert group.notes["retries"] == 5


def test_without_another_backend_the_same_is_tried_again(several: Make) -> None:
    group = several([cues.close(), OK])
    assert (group.call().status, group.notes["retries"]) == (200, 1)


def test_attempts_counts_all_tries(several: Make) -> None:
    for attempts in (1, 2, 3):
        group = several(cues.close(), cues.close(), cues.close(), retry=Retry(attempts))
        assert group.call().status == 502
        assert sum(group.counts()) == attempts
        assert max(group.counts()) == 1
        assert group.notes["retries"] == attempts - 1


def test_retry_none_tries_once(several: Make) -> None:
    group = several(cues.close(), OK, retry=None)
    assert (group.call().status, group.notes["retries"]) == (502, 0)
    assert group.counts() == [1, 0]


def test_the_budget_bounds_the_retries_of_an_outage(several: Make) -> None:
    group = several(cues.close(), cues.close(), retry=Retry(budget=0.01), passive=None)
    for _ in range(40):
        assert group.call().status == 502
    assert sum(group.counts()) == 40 + 10  # ten are always allowed


def test_statuses_are_tried_again_as_long_as_there_are_attempts(several: Make) -> None:
    busy = cues.answer(503, body=b"busy")
    group = several(busy, OK, retry=Retry(statuses=(503,)))
    assert (group.call().body, group.notes["retries"]) == (b"ok", 1)
    group = several(busy, busy, retry=Retry(3, statuses=(503,)))
    result = group.call()
    assert (result.status, result.body, sum(group.counts())) == (503, b"busy", 3)
    assert several(busy, OK, retry=Retry(statuses=(503,))).call("POST", body=b"x").status == 503
    assert several(busy, OK, retry=Retry(statuses=(502,))).call().status == 503


def test_a_long_answer_that_is_given_up_leaves_no_connection_behind(several: Make) -> None:
    endless = cues.answer(503, body=[b"x" * 100_000, threading.Event()], framing="chunked")
    group = several(endless, OK, retry=Retry(statuses=("5xx",)))
    assert group.call().body == b"ok"
    assert group.backend("a").in_flight == 0
    assert group.backend("a").pool.idle == 0


def test_a_short_answer_that_is_given_up_leaves_its_connection_for_the_next(several: Make) -> None:
    busy = cues.raw(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", then="keep")
    group = several(busy, OK, retry=Retry(statuses=(503,)))
    group.call()
    assert (group.backend("a").in_flight, group.backend("a").pool.idle) == (0, 1)


def test_nothing_is_tried_again_once_the_head_is_out(several: Make) -> None:
    group = several(cues.short_body(), OK)
    with pytest.raises(ForwardingError):
        group.call()
    assert group.counts() == [1, 0]


def test_a_retry_is_logged_with_its_reason(several: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "wsgikit.forwarding")
    group = several(cues.close(), OK)
    group.call(path="/x")
    assert f"'GET' '/x' to {group['a'].url}: trying again: 'the connection was closed" in caplog.text


def test_one_of_three_dies_under_load_and_nobody_notices(several: Make) -> None:
    group = several(OK, OK, OK, retry=Retry(3), passive=PassiveHealth(1, cooldown=1000))
    dead = threading.Event()

    def one(n: int) -> int:
        if n == 200:
            group["b"].refuse()
            group["b"].drop()
            dead.set()
        return call(group.proxy).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(600))) == {200}
    assert dead.is_set()
    assert all(one["in_flight"] == 0 for one in group.proxy.snapshot()["upstreams"].values())


def test_when_all_are_gone_it_is_said_at_once(several: Make) -> None:
    group = several(OK, OK)
    for letter in "ab":
        group[letter].refuse()
    assert {group.call().status for _ in range(20)} == {502}


# ---- total_timeout


def test_total_timeout_bounds_all_tries_together(several: Make) -> None:
    group = several(
        cues.never_answer(), cues.never_answer(), read_timeout=60, total_timeout=0.1, retry=Retry(2)
    )
    assert group.call().status == 504


def test_when_total_timeout_has_passed_nobody_else_is_asked(several: Make) -> None:
    group = several(cues.never_answer(), OK, policy="first", total_timeout=0.05)
    assert group.call().status == 504
    assert (group.notes["upstream"], group.notes["retries"]) == (group["a"].url, 0)
    assert group.proxy.snapshot()["upstreams"][group["b"].url]["requests"] == 0


def test_a_backend_that_gets_only_what_is_left_of_total_timeout_is_not_blamed(several: Make) -> None:
    group = several(
        cues.never_answer(),
        cues.never_answer(),
        read_timeout=0.2,
        total_timeout=0.25,
        passive=PassiveHealth(1),
    )
    assert group.call().status == 504
    assert [group.state("a"), group.state("b")] == ["ejected", "up"]
    assert group.proxy.snapshot()["upstreams"][group["b"].url]["failures"] == {"timeout": 1}


# ---- sticky


def cookie(result: Any) -> str:
    """What a browser sends back."""
    return str(result.header("Set-Cookie")).split(";")[0]


def test_a_client_stays_with_its_backend_and_gets_the_cookie_once(several: Make) -> None:
    group = several(OK, OK, sticky=Sticky("srv", secret=SECRET))
    first = group.call()
    bound = group.notes["upstream"]
    for _ in range(4):
        again = group.call(headers={"Cookie": cookie(first)})
        assert group.notes["upstream"] == bound
        assert again.header("Set-Cookie") is None
    assert set(group.who(4)) == {"a", "b"}  # those without a cookie take turns


def test_a_cookie_outlives_the_proxy(several: Make) -> None:
    group = several(OK, OK, sticky=Sticky("srv", secret=SECRET))
    first = group.call()
    bound = group.notes["upstream"]
    urls = [upstream.url for upstream in group.upstreams]
    restarted = ReverseProxy(list(reversed(urls)), sticky=Sticky("srv", secret=SECRET))
    for _ in range(3):
        notes: dict[str, Any] = {}
        result = call(restarted, headers={"Cookie": cookie(first)}, environ={"wsgikit.notes": notes})
        assert (notes["upstream"], result.header("Set-Cookie")) == (bound, None)
    restarted.close()


def test_a_client_whose_backend_is_down_moves_and_stays_there(several: Make) -> None:
    group = several(OK, OK, sticky=Sticky("srv", secret=SECRET))
    first = group.call()
    assert group.notes["upstream"] == group["a"].url
    group["a"].refuse()
    group["a"].drop()
    moved = group.call(headers={"Cookie": cookie(first)})
    assert (moved.status, group.notes["upstream"]) == (200, group["b"].url)
    assert cookie(moved) not in ("None", cookie(first))
    group["a"].accept()
    assert group.who(4, headers={"Cookie": cookie(moved)}) == "bbbb"


def test_a_client_of_a_drained_backend_moves(several: Make) -> None:
    group = several(OK, OK, sticky=Sticky("srv", secret=SECRET))
    first = group.call()
    group.proxy.upstreams.drain(group["a"].url)
    moved = group.call(headers={"Cookie": cookie(first)})
    assert group.notes["upstream"] == group["b"].url
    assert moved.header("Set-Cookie") is not None


# ---- room


def holding(release: threading.Event) -> Any:
    """An answer that keeps its connection in use until it is released."""
    return cues.answer(body=[b"begun", release], framing="chunked")


def test_a_full_upstream_is_passed_over_while_others_have_room(several: Make) -> None:
    release = threading.Event()
    group = several(holding(release), OK, max_connections=1)
    held = group.begin()
    assert group.who(4) == "bbbb"
    release.set()
    held.close()


def test_an_upstreams_own_limit_goes_before_the_proxys(several: Make) -> None:
    release = threading.Event()
    group = several(holding(release), given=[{"max_connections": 2}], max_connections=1)
    held = [group.begin(), group.begin()]
    assert group.call().status == 503
    release.set()
    for body in held:
        body.close()


def test_without_max_waiting_a_full_proxy_says_503_at_once(several: Make) -> None:
    release = threading.Event()
    group = several(holding(release), max_connections=1, connect_timeout=1000)
    held = group.begin()
    result = group.call()
    assert (result.status, result.header("Retry-After")) == (503, "1")
    assert group.notes["upstream_error"] == "full"
    release.set()
    held.close()


def test_who_waits_in_vain_is_told_after_connect_timeout(several: Make) -> None:
    release = threading.Event()
    group = several(holding(release), max_connections=1, max_waiting=1, connect_timeout=0.05)
    held = group.begin()
    result = group.call()
    assert (result.status, result.header("Retry-After")) == (503, "1")
    release.set()
    held.close()


def test_total_timeout_bounds_waiting_too(several: Make) -> None:
    release = threading.Event()
    group = several(
        holding(release), max_connections=1, max_waiting=2, connect_timeout=1000, total_timeout=0.05
    )
    body = group.begin()
    with ThreadPoolExecutor(2) as pool:  # the second comes while the first waits
        assert [one.result().status for one in [pool.submit(group.call) for _ in range(2)]] == [503, 503]
    release.set()
    body.close()


def waits(group: Several, count: int) -> None:
    """Comes back when so many wait."""
    group.until(lambda: group.proxy.snapshot()["waiting"] == count)


def test_a_place_that_becomes_free_is_given_to_who_waits_and_a_full_room_turns_away(several: Make) -> None:
    release = threading.Event()
    group = several([holding(release), OK, OK], max_connections=1, max_waiting=2, connect_timeout=1000)
    held = group.begin()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(call, group.proxy) for _ in range(2)]
        waits(group, 2)
        assert group.call().status == 503  # no place to wait
        release.set()
        held.close()
        assert [one.result().status for one in waiting] == [200, 200]
    assert group.proxy.snapshot()["waiting"] == 0


def test_those_who_wait_are_served_in_the_order_in_which_they_came(several: Make) -> None:
    release = threading.Event()
    group = several([holding(release), *[OK] * 6], max_connections=1, max_waiting=6, connect_timeout=1000)
    held = group.begin()
    with ThreadPoolExecutor(6) as pool:
        waiting = []
        for n in range(6):
            waiting.append(pool.submit(call, group.proxy, "GET", f"/{n}"))
            waits(group, n + 1)
        release.set()
        held.close()
        assert {one.result().status for one in waiting} == {200}
    assert [request.target for request in group["a"].requests[1:]] == [f"/{n}" for n in range(6)]


def test_many_threads_through_few_places_all_get_their_answer(several: Make) -> None:
    group = several(OK, OK, max_connections=1, max_waiting=8, connect_timeout=1000)
    with ThreadPoolExecutor(8) as pool:
        assert {one.status for one in pool.map(lambda _: call(group.proxy), range(400))} == {200}
    assert max(upstream.open_connections for upstream in group.upstreams) <= 1
    assert group.proxy.snapshot()["waiting"] == 0


def test_whoever_comes_while_others_wait_goes_behind_them_though_there_is_room(several: Make) -> None:
    group = several(OK, max_connections=1, max_waiting=2, connect_timeout=1000)
    room = group.proxy._fleets.get()._room
    somebody = threading.Lock()
    somebody.acquire()
    room.waiting.append(somebody)
    with ThreadPoolExecutor(1) as pool:
        newcomer = pool.submit(call, group.proxy)
        waits(group, 2)
        assert group.counts() == [0]
        room.waiting.remove(somebody)
        room.call()
        assert newcomer.result().status == 200


def test_an_upstream_that_is_added_serves_those_who_wait(
    several: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgikit.forwarding.waiting.ASK_ANEW", 1000.0)
    release = threading.Event()
    group = several(holding(release), OK, max_connections=1, max_waiting=1, connect_timeout=1000)
    group.proxy.upstreams.remove(group["b"].url)
    held = group.begin()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, group.proxy)
        waits(group, 1)
        group.proxy.upstreams.add(group["b"].url)
        assert waiting.result().body == b"ok"
    release.set()
    held.close()


def test_those_who_wait_are_told_at_once_when_nobody_is_left(
    several: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgikit.forwarding.waiting.ASK_ANEW", 1000.0)
    release = threading.Event()
    group = several(holding(release), max_connections=1, max_waiting=1, connect_timeout=1000)
    held = group.begin()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, group.proxy)
        waits(group, 1)
        group.proxy.upstreams.drain(group["a"].url)
        assert waiting.result().status == 503
    release.set()
    held.close()


# ---- the retry budget sees the requests of every thread


def test_the_budget_is_kept_by_many_threads_at_once(several: Make, clock: Clock) -> None:
    group = several(OK, OK)
    with ThreadPoolExecutor(8) as pool:
        assert {one.status for one in pool.map(lambda _: call(group.proxy), range(1000))} == {200}
    assert group.proxy._fleets.get().roster.requests() == 1000


def test_a_client_that_leaves_in_the_middle_of_its_body_is_not_tried_again(several: Make) -> None:
    group = several(None, None)
    short = {"wsgi.input": io.BytesIO(b"x"), "CONTENT_LENGTH": "100000"}
    assert group.call("PUT", environ=short).status == 400
    assert group.notes["retries"] == 0
