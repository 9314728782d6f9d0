"""A place to wait: bounded in number and time, in order, and woken by whoever leaves."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from wsgikit.forwarding import waiting
from wsgikit.forwarding.waiting import Patience, WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Callable

FAR = 1000.0


def patience(seconds: float = FAR) -> Patience:
    return Patience(monotonic() + seconds)


def until(predicate: Callable[[], object]) -> None:
    give_up = monotonic() + 10
    while not predicate():
        assert monotonic() < give_up
        sleep(0.001)


def nothing() -> None:
    return None


class Things:
    """A few of something, taken one at a time."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self._lock = threading.Lock()

    def take(self) -> str | None:
        with self._lock:
            if not self.count:
                return None
            self.count -= 1
            return "thing"

    def put(self, room: WaitingRoom) -> None:
        with self._lock:
            self.count += 1
        room.call()


def test_what_is_there_is_taken_without_waiting() -> None:
    assert WaitingRoom(1).wait(lambda: "found", patience(0)) == "found"


def test_a_room_without_places_lets_nobody_in() -> None:
    assert WaitingRoom(0).wait(lambda: "found", patience()) is None


def test_the_time_is_bounded_and_the_place_is_free_again() -> None:
    room = WaitingRoom(1)
    assert room.wait(nothing, patience(0.02)) is None
    assert not room.waiting


def test_a_full_room_lets_nobody_in_and_who_was_in_before_all_the_same() -> None:
    room, things = WaitingRoom(1), Things()
    with ThreadPoolExecutor(2) as pool:
        waits = pool.submit(room.wait, things.take, patience())
        until(lambda: len(room.waiting) == 1)
        assert room.wait(lambda: "found", patience()) is None
        again = patience()
        again.seated = True
        assert room.wait(lambda: "found", again) == "found"
        things.put(room)
        assert waits.result() == "thing"


def test_whoever_came_first_is_served_first() -> None:
    room, things = WaitingRoom(5), Things()
    served: list[int] = []

    def wait(number: int) -> None:
        assert room.wait(things.take, patience()) == "thing"
        served.append(number)

    with ThreadPoolExecutor(5) as pool:
        for number in range(5):
            pool.submit(wait, number)
            until(lambda number=number: len(room.waiting) == number + 1)
        for number in range(5):
            things.put(room)
            until(lambda number=number: len(served) == number + 1)
    assert served == [0, 1, 2, 3, 4]


def test_two_things_that_are_freed_at_once_serve_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ASK_ANEW", FAR)
    room, things = WaitingRoom(2), Things()
    with ThreadPoolExecutor(2) as pool:
        waits = [pool.submit(room.wait, things.take, patience()) for _ in range(2)]
        until(lambda: len(room.waiting) == 2)
        things.count = 2
        room.call()  # once: who leaves tells the next
        assert [each.result() for each in waits] == ["thing", "thing"]


def test_a_call_is_not_lost_between_asking_and_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ASK_ANEW", FAR)
    room, things = WaitingRoom(1), Things()

    def ask() -> str | None:
        found = things.take()
        if found is None:
            things.put(room)  # as a collector might, in this very thread
        return found

    assert room.wait(ask, patience()) == "thing"


def test_the_first_asks_again_without_being_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ASK_ANEW", 0.001)
    answers = iter([None, None, "found"])
    assert WaitingRoom(1).wait(lambda: next(answers), patience()) == "found"


def test_who_gives_up_leaves_the_call_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ASK_ANEW", FAR)
    room, things = WaitingRoom(2), Things()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(room.wait, nothing, patience(0.05))
        until(lambda: len(room.waiting) == 1)
        second = pool.submit(room.wait, things.take, patience())
        until(lambda: len(room.waiting) == 2)
        things.put(room)  # wakes the first, which has no use for it
        assert first.result() is None
        assert second.result() == "thing"


def test_an_error_while_asking_leaves_the_room_as_it_was() -> None:
    room = WaitingRoom(1)

    def broken() -> None:
        raise KeyError("policy")

    with pytest.raises(KeyError):
        room.wait(broken, patience())
    assert not room.waiting


def test_nobody_is_called_in_an_empty_room() -> None:
    room = WaitingRoom(1)
    room.call()
    assert room.wait(nothing, patience(0.001)) is None


def test_many_threads_over_few_things_all_get_one() -> None:
    room, things = WaitingRoom(16), Things(3)

    def use(_: int) -> bool:
        mine = patience()
        found = room.wait(things.take, mine)
        things.put(room)
        return found == "thing"

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(use, range(2000)))
    assert (things.count, len(room.waiting)) == (3, 0)
