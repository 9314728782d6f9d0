"""Slots: so many at once and no more, and a queue for those who come while all are taken.

What is free is a deque of tokens: taking and giving back are one atomic call each, so there is no lock that a request
could hold, or wait for, and giving back may happen anywhere, in the garbage collector too. Who waits has a bell, a
lock that is held until it rings. Whoever gives a slot back rings for the first in the queue, and whoever leaves the
queue rings for the next, so that a ring that came too late for one is heard by the other.

``threading`` is looked up late, so that gevent's monkey-patching may come late.
"""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic


class Slots:
    """``limit`` slots; up to ``queue`` may wait for one, each for ``timeout`` seconds, first come, first served."""

    def __init__(self, limit: int, queue: int = 0, timeout: float = 0.0) -> None:
        self._limit = limit
        self._timeout = timeout
        self._free = deque([None] * limit)
        self._places = deque([None] * queue)
        self._waiting: deque[threading.Lock] = deque()

    def __repr__(self) -> str:
        return f"<Slots: {self.taken} of {self._limit} taken, {self.waiting} waiting>"

    @property
    def taken(self) -> int:
        """How many are in use."""
        return self._limit - len(self._free)

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiting)

    def take(self) -> Slot | None:
        """A slot, as soon as there is one; None when the queue is full, or the time is over."""
        if not self._waiting and _grab(self._free):  # nobody overtakes those who wait
            return Slot(self)
        if self._timeout <= 0 or not _grab(self._places):
            return None
        try:
            return self._wait()
        finally:
            self._places.append(None)

    def give(self) -> None:
        """One slot is free again."""
        self._free.append(None)
        self._ring()

    def _wait(self) -> Slot | None:
        bell = threading.Lock()
        bell.acquire()
        until = monotonic() + self._timeout
        self._waiting.append(bell)
        try:
            while not (self._waiting[0] is bell and _grab(self._free)):
                left = until - monotonic()
                if left <= 0 or not bell.acquire(timeout=left):
                    return None
            return Slot(self)
        finally:
            self._waiting.remove(bell)
            if self._free:
                self._ring()

    def _ring(self) -> None:
        """Wake whoever came first."""
        if self._waiting:
            try:
                self._waiting[0].release()
            except (IndexError, RuntimeError):
                pass  # nobody is there any more, or the bell is ringing already


def _grab(tokens: deque[None]) -> bool:
    """Take one of the tokens, if there is any."""
    try:
        tokens.pop()
    except IndexError:
        return False
    return True


class Slot:
    """A slot that is taken; given back once, if only when it is forgotten: some servers never call ``close()``."""

    __slots__ = ("_slots",)

    def __init__(self, slots: Slots) -> None:
        self._slots: Slots | None = slots

    def give_back(self, _: object = None) -> None:
        """Free the slot, once."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.give()

    __del__ = give_back
