"""A place to wait until a backend is free: bounded in number and in time, first come, first served.

``threading`` is looked up when a room is made, so gevent's monkey-patching may come late.
"""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

ASK_ANEW = 0.5
"""Seconds after which the first in the queue asks without having been called: some backends come back by time alone."""


class Patience:
    """How long one request waits, all in all (``until``, monotonic seconds), and whether it was let in (``seated``)."""

    __slots__ = ("seated", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.seated = False


class WaitingRoom:
    """Room for ``places`` requests; ``waiting`` has a bell for each that is here, in the order in which they came.

    A bell is a lock that is held until it rings. It can be rung from anywhere, also by the garbage collector that ends
    a forgotten exchange in the middle of this; it rings on until it is heard, and rings once however often it is rung.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.waiting: deque[threading.Lock] = deque()
        self._door = threading.RLock()

    def wait(self, ask: Callable[[], T | None], patience: Patience) -> T | None:
        """Ask whenever something was freed; None when all places are taken, or the time is over.

        Whoever was let in before, and found in the end that another had been quicker, is the first again.
        """
        bell = threading.Lock()
        bell.acquire()
        with self._door:
            if patience.seated:
                self.waiting.appendleft(bell)
            elif len(self.waiting) < self.places:
                self.waiting.append(bell)
            else:
                return None
        patience.seated = True
        try:
            return self._until_found(ask, bell, patience.until)
        finally:
            self.waiting.remove(bell)
            self.call()  # there may be room for the next one too

    def call(self) -> None:
        """Something was freed: whoever came first may ask again."""
        if self.waiting:
            try:
                self.waiting[0].release()
            except (IndexError, RuntimeError):
                pass  # nobody is here any more, or the bell is ringing already

    def _until_found(self, ask: Callable[[], T | None], bell: threading.Lock, until: float) -> T | None:
        while True:
            if self.waiting[0] is bell and (found := ask()) is not None:
                return found
            left = until - monotonic()
            if left <= 0:
                return None
            bell.acquire(timeout=min(left, ASK_ANEW))
