"""What a worker writes, where one request ends in the middle of another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from wsgikit.operations.scoreboard import layout
from wsgikit.operations.scoreboard.file import PrivateMemory, prepare
from wsgikit.operations.scoreboard.slot import Slot
from wsgikit.operations.scoreboard.snapshot import Reader


def finished(slot: Slot, route: str, micros: int = 5, status: str = "200") -> Any:
    """A request that is over."""
    request = SimpleNamespace(
        method="GET", path="/", status=status, failed=False, route=route, micros=micros, sent=1, inside=None
    )
    request.core = slot.enter(request, 1.0, "GET", "/")
    return request


def test_a_request_that_ends_while_another_is_counted_is_counted_after_it() -> None:
    file = PrivateMemory()
    prepare(file)
    ended: list[Any] = []

    def index(names: layout.Names, name: str) -> int:
        if name == "/first":  # as when the garbage collector closes a body, or another thread comes
            for request in inner:
                slot.book(request, 0.0)
                ended.append(Reader(file.memory).spent(0))
        return {"/first": 1, "/second": 2, "/third": 3}[name]

    slot = Slot(file.memory, 0, index, lambda: None)
    inner = [finished(slot, "/second"), finished(slot, "/third")]
    slot.book(finished(slot, "/first"), 0.0)
    assert ended == [(0, 0), (0, 0)]  # they have waited
    assert Reader(file.memory).spent(0) == (3, 15)


def test_a_request_on_the_bound_of_a_bucket_belongs_to_it() -> None:
    file = PrivateMemory()
    prepare(file)
    slot = Slot(file.memory, 0, lambda names, name: 1, lambda: None)
    for micros in (0, 999, 1000, 1001, 2500, 2501, 60_000_000, 60_000_001):
        slot.book(finished(slot, "/", micros), 0.0)
    buckets = Reader(file.memory).record(0, 1).buckets
    assert buckets == [3, 2, 1, *[0] * 11, 1, 1]


def test_bytes_and_time_are_those_of_a_status_class() -> None:
    file = PrivateMemory()
    prepare(file)
    slot = Slot(file.memory, 0, lambda names, name: 1, lambda: None)
    for status, micros in (
        ("101", 1),
        ("200", 10),
        ("206", 20),
        ("404", 100),
        ("599", 1000),
        ("999", 5),
        ("", 5),
    ):
        slot.book(finished(slot, "/", micros, status), 0.0)
    record = Reader(file.memory).record(0, 1)
    found = {kind: (row.requests, row.sent, row.micros) for kind, row in record.rows.items()}
    assert found == {
        "1xx": (1, 1, 1),
        "2xx": (2, 2, 30),
        "3xx": (0, 0, 0),
        "4xx": (1, 1, 100),
        "5xx": (1, 1, 1000),
        "other": (2, 2, 10),
    }
    assert (record.requests, record.sent, record.micros) == (7, 7, 1141)
