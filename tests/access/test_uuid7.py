"""UUIDv7: in the order of time, and never the same twice."""

from __future__ import annotations

import os
import re
import threading
import uuid

import pytest

from wsgikit.access import uuid7 as module
from wsgikit.access.uuid7 import uuid7


def test_an_id_is_a_uuid_of_version_7_in_the_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0x0123_4567_89AB * 1_000_000]
    monkeypatch.setattr(module, "time_ns", lambda: moment[0])
    found = uuid.UUID(uuid7())
    assert found.version == 7
    assert found.variant == uuid.RFC_4122
    assert str(found).startswith("01234567-89ab-7")
    moment[0] += 1_000_000
    assert uuid7() > str(found)


def test_ids_differ() -> None:
    ids = {uuid7() for _ in range(2000)}
    assert len(ids) == 2000
    assert {one[19] for one in ids} == set("89ab")
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", i) for i in ids
    )


def test_threads_never_share_an_id() -> None:
    made: list[list[str]] = [[] for _ in range(4)]

    def many(mine: list[str]) -> None:
        mine.extend(uuid7()[19:] for _ in range(2000))

    threads = [threading.Thread(target=many, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({chance for mine in made for chance in mine}) == 8000


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the test runner has threads
def test_a_fork_does_not_repeat_its_parents_chance() -> None:
    uuid7()  # there is a supply that the child would take over
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            os.write(writing, " ".join(uuid7()[19:] for _ in range(50)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    mine = {uuid7()[19:] for _ in range(50)}
    with os.fdopen(reading) as child:
        theirs = set(child.read().split())
    os.wait()
    assert len(theirs) == 50
    assert not mine & theirs
