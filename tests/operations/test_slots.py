"""Slots: never more than the limit, first come, first served, and none is ever lost."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.operations.slots import Slot, Slots

PATIENCE = 30.0


def until(true: Callable[[], bool]) -> None:
    """Wait for something in another thread that tells nobody."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.001)):
        if true():
            return
        pause.wait(0.001)
    raise AssertionError("it never came")


def taking(slots: Slots, taken: list[Any]) -> threading.Thread:
    """A thread that takes a slot; it waits already when this returns."""
    before = slots.waiting
    thread = threading.Thread(target=lambda: taken.append(slots.take()))
    thread.start()
    until(lambda: slots.waiting > before or not thread.is_alive())
    return thread


def test_there_are_as_many_as_the_limit() -> None:
    slots = Slots(2)
    held = [slots.take(), slots.take()]
    assert all(held)
    assert slots.take() is None
    assert repr(slots) == "<Slots: 2 of 2 taken, 0 waiting>"
    held.pop()
    assert slots.take() is not None


def test_a_slot_is_given_back_once() -> None:
    slots = Slots(2)
    first, second = slots.take(), slots.take()
    assert isinstance(first, Slot)
    first.give_back()
    first.give_back()
    del first
    assert slots.taken == 1
    del second
    assert slots.taken == 0


def test_a_forgotten_slot_comes_back_also_from_a_cycle() -> None:
    slots = Slots(1)
    cycle: list[Any] = [slots.take()]
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert slots.taken == 0


def test_who_came_first_is_served_first() -> None:
    slots, order = Slots(1, queue=5, timeout=PATIENCE), []
    held: Any = slots.take()

    def wait(name: int) -> None:
        slot = slots.take()
        order.append(name)
        assert slot is not None
        slot.give_back()

    threads = []
    for name in range(5):
        threads.append(threading.Thread(target=wait, args=[name]))
        threads[-1].start()
        until(lambda: slots.waiting == len(threads))
    held.give_back()
    for thread in threads:
        thread.join(PATIENCE)
    assert order == [0, 1, 2, 3, 4]
    assert slots.taken == 0


def test_nobody_overtakes_those_who_wait() -> None:
    slots, taken = Slots(1, queue=1, timeout=PATIENCE), []
    held: Any = slots.take()
    slots._waiting.append(lock := threading.Lock())  # somebody who has not woken up yet
    lock.acquire()
    held.give_back()
    thread = taking(slots, taken)
    assert not taken
    slots._waiting.remove(lock)  # it has gone again
    slots._ring()
    thread.join(PATIENCE)
    assert len(taken) == 1


def test_who_is_let_in_calls_the_next_as_there_may_be_room_for_it_too() -> None:
    slots, taken = Slots(2, queue=2, timeout=PATIENCE), []
    held = [slots.take(), slots.take()]
    threads = [taking(slots, taken), taking(slots, taken)]
    slots._free.extend([None, None])  # two at once, and one ring for both
    slots._ring()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(taken) == 2
    assert all(taken + held)


def test_a_full_queue_turns_away_at_once() -> None:
    slots, taken = Slots(1, queue=1, timeout=PATIENCE), []
    held: Any = slots.take()
    thread = taking(slots, taken)
    assert slots.take() is None
    held.give_back()
    thread.join(PATIENCE)
    assert taken[0] is not None


def test_time_runs_out() -> None:
    slots = Slots(1, queue=1, timeout=0.01)
    held = slots.take()
    assert slots.take() is None
    assert (slots.waiting, slots.taken) == (0, 1)
    del held
    assert slots.take() is not None


def test_without_a_timeout_nobody_waits() -> None:
    slots = Slots(1, queue=5)
    held = slots.take()
    assert slots.take() is None
    del held


def stress(seed: int, limit: int, queue: int, timeout: float, threads: int = 8, rounds: int = 60) -> None:
    """Many threads at once; at no time more than the limit, and in the end all slots are free."""
    slots, most = Slots(limit, queue, timeout), []
    together = threading.Semaphore(limit)

    def work(number: int) -> None:
        random, pause = Random(seed * 100 + number), threading.Event()
        for _ in range(rounds):
            slot = slots.take()
            if slot is None:
                continue
            most.append(together.acquire(blocking=False))
            if random.random() < 0.3:
                pause.wait(0.0002)
            if most[-1]:
                together.release()
            if random.random() < 0.8:
                slot.give_back()
            slot = None  # forgotten

    running = [threading.Thread(target=work, args=[number]) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(PATIENCE)
    assert all(most)
    assert most
    assert (slots.taken, slots.waiting, len(slots._places)) == (0, 0, queue)


@pytest.mark.parametrize(
    ("limit", "queue", "timeout"), [(1, 0, 0.0), (1, 8, 5.0), (3, 2, 0.001), (2, 8, 0.0005)]
)
def test_many_threads_never_pass_the_limit_and_lose_no_slot(limit: int, queue: int, timeout: float) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        stress(7, limit, queue, timeout)
    finally:
        sys.setswitchinterval(interval)


@given(st.integers(1, 4), st.lists(st.sampled_from(["take", "give", "forget", "give twice"]), max_size=60))
def test_any_order_of_taking_and_giving_keeps_the_count(limit: int, steps: list[str]) -> None:
    slots = Slots(limit)
    held: list[Any] = []
    for step in steps:
        if step == "take":
            slot = slots.take()
            assert (slot is None) == (len(held) == limit)
            if slot is not None:
                held.append(slot)
            del slot
        elif held:
            if step != "forget":
                held[0].give_back()
            if step == "give twice":
                held[0].give_back()
            held.pop(0)
        assert slots.taken == len(held)


GREENLETS = """
from gevent import monkey; monkey.patch_all()
import gevent
from wsgikit.operations.slots import Slots

slots = Slots(2, queue=50, timeout=30.0)
most, order = [0], []

def work(name):
    slot = slots.take()
    most[0] = max(most[0], slots.taken)
    order.append(name)
    gevent.sleep(0.001)
    slot.give_back()

gevent.joinall([gevent.spawn(work, name) for name in range(50)], raise_error=True)
assert order == list(range(50)), order
assert most == [2] and (slots.taken, slots.waiting) == (0, 0)

# One that is killed while it waits, and one whose time is over, leave nothing behind.
held = slots.take(), slots.take()
killed = gevent.spawn(slots.take)
gevent.sleep(0)
killed.kill()
late = gevent.spawn(Slots.take, slots)
with gevent.Timeout(0.01, False):
    slots.take()
assert slots.waiting == 1
held[0].give_back()
assert late.get(timeout=30) is not None and slots.waiting == 0
print("right")
"""


@pytest.mark.parametrize("patched", ["first", "late"])
def test_greenlets_wait_as_threads_do(patched: str) -> None:
    code = GREENLETS
    if patched == "late":
        code = "import wsgikit.operations.slots\n" + code
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "right\n", done.stderr
