"""``proxy.upstreams``: what may be changed while the proxy serves, and what comes of it."""

from __future__ import annotations

import copy
import pickle
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.upstream import Upstream
from wsgikit.testing import call, cues

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.forwarding.conftest import Several

    Make = Callable[..., Several]

OK = cues.raw(cues.OK, then="keep")  # in one piece: nobody gets a head without its body
A, B, C = "http://10.0.0.1", "http://10.0.0.2", "http://10.0.0.3"


def test_it_is_a_sequence_of_upstreams() -> None:
    upstreams = ReverseProxy([A, Upstream(B, weight=2)]).upstreams
    assert isinstance(upstreams, Sequence)
    assert (len(upstreams), upstreams[1], list(upstreams[:1])) == (2, Upstream(B, weight=2), [Upstream(A)])
    assert [one.url for one in upstreams] == [A, B]
    assert Upstream(A) in upstreams
    assert repr(upstreams) == f"<Upstreams {A}, {B}>"
    upstreams.remove(A)
    upstreams.remove(B)
    assert repr(upstreams) == "<Upstreams none yet>"


def test_what_is_added_takes_its_share_and_what_is_removed_none(several: Make) -> None:
    group = several(OK, OK)
    group.proxy.upstreams.remove(group["b"].url)
    assert group.who(3) == "aaa"
    group.proxy.upstreams.add(Upstream(group["b"].url, weight=3))
    assert group.who(8).count("b") == 6
    group.proxy.upstreams.remove(group["a"].url)
    assert group.who(3) == "bbb"


def test_changes_before_the_first_request_count(several: Make) -> None:
    group = several(OK, OK, OK)
    group.proxy.upstreams.remove(group["a"].url)
    group.proxy.upstreams.drain(group["b"].url)
    assert group.who(3) == "ccc"


def test_remove_closes_the_idle_connections_at_once_and_lets_the_others_end(several: Make) -> None:
    release = threading.Event()
    group = several([cues.answer(body=[b"begun ", release, b"done"], framing="chunked"), OK], OK)
    body = group.begin()
    group.call()  # b's turn
    group.call()  # a's, on a second connection
    assert group["a"].open_connections == 2
    group.proxy.upstreams.remove(group["a"].url)
    group["a"].wait_for(lambda: group["a"].open_connections == 1)
    release.set()
    assert b"".join(body) == b"begun done"
    body.close()
    group["a"].wait_for(lambda: not group["a"].open_connections)


def test_a_drained_upstream_ends_what_it_has_and_gets_no_more(several: Make) -> None:
    release = threading.Event()
    group = several([cues.answer(body=[b"begun ", release, b"done"], framing="chunked")], OK)
    body = group.begin()
    group.proxy.upstreams.drain(group["a"].url)
    assert group.who(4) == "bbbb"
    record = group.proxy.snapshot()["upstreams"][group["a"].url]
    assert (record["state"], record["in_flight"]) == ("draining", 1)
    release.set()
    assert b"".join(body) == b"begun done"
    body.close()
    assert group.proxy.snapshot()["upstreams"][group["a"].url]["in_flight"] == 0


def test_adding_a_drained_one_by_its_url_brings_it_back_as_it_was(several: Make) -> None:
    group = several(OK, OK, given=[{"weight": 3}])
    group.call()
    record = group.backend("a")
    group.proxy.upstreams.drain(group["a"].url)
    assert group.who(2) == "bb"
    group.proxy.upstreams.add(group["a"].url)
    assert group.proxy.upstreams[0] == Upstream(group["a"].url, weight=3)
    assert group.backend("a") is record
    assert group.who(8).count("a") == 6


def test_adding_a_drained_one_as_an_upstream_brings_it_back_with_what_that_says(several: Make) -> None:
    group = several(OK, OK, given=[{"weight": 3}])
    group.proxy.upstreams.drain(group["a"].url)
    group.proxy.upstreams.add(Upstream(group["a"].url, weight=1))
    assert group.who(8).count("a") == 4


def test_a_removed_one_that_was_draining_can_be_added_again(several: Make) -> None:
    group = several(OK)
    group.proxy.upstreams.drain(group["a"].url)
    group.proxy.upstreams.remove(group["a"].url)
    assert group.call().status == 503
    group.proxy.upstreams.add(group["a"].url)
    assert group.who() == "a"


def test_an_unknown_one_is_a_lookup_error_that_knows_what_may_have_been_meant() -> None:
    upstreams = ReverseProxy([A, B]).upstreams
    for change in (upstreams.remove, upstreams.drain):
        with pytest.raises(LookupError, match=r"no upstream 'http://10\.0\.0\.11'; did you mean"):
            change("http://10.0.0.11")
        with pytest.raises(LookupError):
            change(None)  # type: ignore[arg-type]
    assert len(upstreams) == 2


def test_the_same_one_twice_and_what_is_none_will_not_do() -> None:
    upstreams = ReverseProxy(A).upstreams
    with pytest.raises(ValueError, match="one that is not there yet"):
        upstreams.add(A)
    with pytest.raises(ValueError, match="Upstream: url"):
        upstreams.add("not a url")
    with pytest.raises(TypeError):
        upstreams.add(7)  # type: ignore[arg-type]
    assert list(upstreams) == [Upstream(A)]


def test_one_that_was_found_can_be_drained_and_not_removed(several: Make) -> None:
    group = several(OK, OK)
    found = group["b"].url
    proxy = ReverseProxy(group["a"].url, resolve=lambda: [found])
    call(proxy)
    with pytest.raises(LookupError):
        proxy.upstreams.remove(found)
    proxy.upstreams.drain(found)
    before = group.counts()
    for _ in range(4):
        assert call(proxy).status == 200
    assert [now - then for now, then in zip(group.counts(), before, strict=True)] == [4, 0]
    proxy.upstreams.add(found)
    assert proxy.snapshot()["upstreams"][found]["state"] == "up"
    proxy.close()


def test_copies_have_the_upstreams_as_they_are() -> None:
    proxy = ReverseProxy([A, B], read_timeout="5s")
    proxy.upstreams.add(Upstream(C, weight=2))
    proxy.upstreams.remove(A)
    for twin in (pickle.loads(pickle.dumps(proxy)), copy.deepcopy(proxy)):
        assert list(twin.upstreams) == [Upstream(B), Upstream(C, weight=2)]
        assert twin == proxy
        twin.upstreams.remove(B)
        assert twin != proxy
    assert len(proxy.upstreams) == 2
    assert proxy != ReverseProxy([A, B], read_timeout="5s")
    assert proxy == ReverseProxy([B, Upstream(C, weight=2)], read_timeout="5s")


def test_changes_while_many_threads_send_lose_no_request(several: Make) -> None:
    group = several(OK, OK, OK, OK)
    upstreams, done = group.proxy.upstreams, threading.Event()

    def change() -> int:
        chance, changes = random.Random(4), 0
        while not done.is_set():
            url = group["bcd"[chance.randrange(3)]].url
            upstreams.drain(url)
            upstreams.add(url)
            upstreams.remove(url)
            upstreams.add(Upstream(url, weight=chance.randrange(1, 4)))
            changes += 1
        return changes

    with ThreadPoolExecutor(9) as pool:
        changing = pool.submit(change)
        statuses = set(pool.map(lambda n: call(group.proxy, "POST" if n % 2 else "GET").status, range(800)))
        done.set()
        assert changing.result() > 3
    assert statuses == {200}
    snapshot = group.proxy.snapshot()["upstreams"]
    assert len(snapshot) == 4
    assert all(one["in_flight"] == 0 for one in snapshot.values())
    assert (
        0 < group.proxy._fleets.get().roster.requests() <= 800
    )  # what was chosen and then removed is not counted


def test_changes_from_many_threads_at_once_are_all_there(several: Make) -> None:
    group = several(OK)
    group.call()
    urls = [f"http://10.9.0.{n}" for n in range(64)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(group.proxy.upstreams.add, urls))
    assert set(group.proxy._fleets.get().roster.urls()) == {group["a"].url, *urls}


def test_a_proxy_is_copied_with_the_upstreams_it_has_now_even_with_none() -> None:
    proxy = ReverseProxy(["http://10.0.0.1", "http://10.0.0.2"])
    assert "http://10.0.0.2" in repr(proxy)
    proxy.upstreams.remove("http://10.0.0.1")
    proxy.upstreams.drain("http://10.0.0.2")
    for twin in (copy.deepcopy(proxy), pickle.loads(pickle.dumps(proxy))):
        assert twin == proxy != ReverseProxy("http://10.0.0.2")
        assert twin.upstreams.draining == {"http://10.0.0.2"}
    assert "10.0.0.1" not in repr(proxy)
    proxy.upstreams.remove("http://10.0.0.2")
    assert list(copy.deepcopy(proxy).upstreams) == []
