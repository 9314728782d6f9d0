from __future__ import annotations

import threading
from typing import Any

import pytest

from wsgikit.forwarding.discovery.function import Function
from wsgikit.forwarding.discovery.watch import Watch, watching
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.upstream import Upstream
from wsgikit.testing import ScriptedUpstream, call


def urls(watch: Watch, *listed: str) -> list[str]:
    return [one.url for one in watch.all([Upstream(url) for url in listed])]


def test_what_is_found_goes_beside_what_is_listed() -> None:
    watch = Watch(Function(lambda: ["http://10.0.0.2", "http://10.0.0.1"]))
    assert urls(watch, "http://10.0.0.1") == ["http://10.0.0.1"]
    assert watch.look()[0] is True
    assert urls(watch, "http://10.0.0.1") == ["http://10.0.0.2", "http://10.0.0.1"]
    assert watch.look()[0] is False


def test_a_look_that_fails_keeps_what_is_known_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Any] = [["http://10.0.0.1"], OSError("gone"), OSError("gone"), OSError("still gone")]

    def find() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    watch = Watch(Function(find))
    for _ in range(4):
        watch.look()
    assert urls(watch) == ["http://10.0.0.1"]
    assert [("still" in record.getMessage()) for record in caplog.records] == [False, True]


def test_addresses_stand_in_the_place_of_the_names_listed_now() -> None:
    listed = (Upstream("http://localhost:8080"),)
    watch = watching("ReverseProxy", "dns", listed)()
    assert watch is not None
    watch.look()
    assert "http://localhost:8080" not in urls(watch, "http://localhost:8080")
    watch.follow([*listed, Upstream("http://10.0.0.9")])
    watch.look()
    assert "http://10.0.0.9" in urls(watch)
    watch.follow([])
    assert watch.look()[0] is False


def test_without_resolve_nothing_is_watched() -> None:
    assert watching("ReverseProxy", None, ())() is None


def test_the_first_request_waits_for_the_first_look_and_no_longer_than_for_a_connection() -> None:
    never = threading.Event()

    def find() -> list[str]:
        never.wait(30)
        return []

    proxy = ReverseProxy([], resolve=find, connect_timeout=0.05)
    assert call(proxy).status == 503
    never.set()
    proxy.close()


def test_a_proxy_serves_what_a_function_finds_and_stops_looking_when_it_is_dropped() -> None:
    with ScriptedUpstream() as upstream:
        before = set(threading.enumerate())
        proxy = ReverseProxy([], resolve=lambda: [upstream.url])
        assert call(proxy).status == 200
        (keeper,) = [
            thread for thread in set(threading.enumerate()) - before if thread.name == "wsgikit.forwarding"
        ]
        del proxy
        keeper.join(5)
        assert not keeper.is_alive()
