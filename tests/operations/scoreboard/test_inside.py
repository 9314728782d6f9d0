"""What a proxy and a cache have noted, as it is read and counted."""

from __future__ import annotations

import threading
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding import errors
from wsgikit.operations.accounting import Accounting
from wsgikit.operations.scoreboard.inside import Inside, inside
from wsgikit.operations.scoreboard.layout import KINDS
from wsgikit.operations.scoreboard.records import UpstreamRecord
from wsgikit.testing import call

pytestmark = pytest.mark.usefixtures("host")
URL = "http://10.0.0.1:8000"


def noting(environ: Any, start_response: Any) -> list[bytes]:
    environ["wsgikit.notes"].update(environ["noted"])
    start_response("200 OK", [])
    return []


def counted(*requests: dict[str, Any]) -> Any:
    layer = Accounting(noting, "test")
    for notes in requests:
        call(layer, environ={"noted": notes})
    return layer.snapshot()


def test_requests_are_counted_by_the_upstream_that_had_them_last() -> None:
    snapshot = counted(
        {"upstream": URL, "retries": 0, "upstream_time": 0.25},
        {"upstream": URL, "retries": 2, "upstream_time": 0.5, "upstream_error": "timeout"},
        {"upstream": "unix:/run/app", "retries": 1, "upstream_time": 0.125},
        {"upstream_time": 0.0, "upstream_error": "none_available", "retries": 0},
    )
    assert snapshot.upstreams == {
        URL: UpstreamRecord(2, 2, 750_000, {"timeout": 1}),
        "unix:/run/app": UpstreamRecord(1, 1, 125_000, {}),
        "": UpstreamRecord(1, 0, 0, {"none_available": 1}),
    }
    assert (snapshot.upstreams[URL].average, snapshot.upstreams[URL].failed) == (375_000, 1)
    assert snapshot.cache == {}


def test_requests_are_counted_by_what_the_cache_has_done() -> None:
    snapshot = counted(*({"cache": word} for word in ("hit", "hit", "miss", "stale", "bypass", "my own")))
    assert snapshot.cache == {"hit": 2, "stale": 1, "miss": 1, "bypass": 1, "other": 1}
    assert snapshot.upstreams == {}


def test_a_request_of_neither_leaves_no_trace() -> None:
    snapshot = counted({}, {"route": "/a", "retries": 7})
    assert (snapshot.upstreams, snapshot.cache) == ({}, {})


def test_upstreams_are_bounded_and_no_request_is_lost() -> None:
    upstreams = counted(*({"upstream": f"http://{n}"} for n in range(100))).upstreams
    assert len(upstreams) == 63
    assert upstreams["(other)"].requests == 38
    assert sum(record.requests for record in upstreams.values()) == 100


def test_upstreams_and_routes_do_not_take_each_others_room() -> None:
    snapshot = counted(*({"upstream": f"http://{n}", "route": f"/{n}"} for n in range(50)))
    assert sorted(snapshot.upstreams) == sorted(f"http://{n}" for n in range(50))
    assert sorted(snapshot.routes) == sorted(f"/{n}" for n in range(50))


def test_threads_lose_no_count() -> None:
    layer = Accounting(noting, "test")
    start = threading.Barrier(8)
    notes = {
        "upstream": URL,
        "retries": 1,
        "upstream_time": 1e-6,
        "upstream_error": "closed",
        "cache": "miss",
    }

    def work() -> None:
        start.wait()
        for _ in range(200):
            call(layer, environ={"noted": notes})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    snapshot = layer.snapshot()
    assert snapshot.upstreams == {URL: UpstreamRecord(1600, 1600, 1600, {"closed": 1600})}
    assert snapshot.cache == {"miss": 1600}


def test_each_kind_of_failure_of_the_proxys_is_told_apart() -> None:
    kinds = {
        kind.kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.ForwardingError)
        and not issubclass(kind, errors.NotForwardable)
    }
    assert kinds == set(KINDS) - {"other"}
    assert counted({"upstream_error": "my own"}).upstreams[""].failures == {"other": 1}


@pytest.mark.parametrize("value", [nan, inf, -1.0, -1, "1", None, True, 10**400, b"", [], 1e300])
def test_what_is_no_number_counts_as_zero(value: Any) -> None:
    assert inside({"upstream": URL, "retries": value, "upstream_time": value}) == Inside(
        URL, None, 0, 0, None
    )


_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.text())
)


@given(
    st.dictionaries(
        st.sampled_from(["upstream", "upstream_error", "retries", "upstream_time", "cache"]), _VALUES
    )
)
def test_any_notes_can_be_read(notes: dict[str, Any]) -> None:
    read = inside(notes)
    assert 0 <= read.retries < 2**63
    assert 0 <= read.micros < 2**63
