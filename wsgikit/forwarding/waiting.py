"""A place to wait until a backend is free: bounded in number and in time, as everything that waits has to be."""

from __future__ import annotations

from threading import Condition, RLock
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class WaitingRoom:
    """Room for ``places`` requests; ``waiting`` is how many there are."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.waiting = 0
        # Over an RLock: the garbage collector may end a forgotten exchange, and so call, in the middle of this.
        self._word = Condition(RLock())

    def wait(self, ask: Callable[[], T | None], until: float) -> T | None:
        """Ask now and whenever something was freed; None when all places are taken, or ``until`` has come."""
        with self._word:
            if self.waiting >= self.places:
                return None
            self.waiting += 1
            try:
                while (found := ask()) is None:
                    left = until - monotonic()
                    if left <= 0:
                        return None
                    self._word.wait(left)
                return found
            finally:
                self.waiting -= 1

    def call(self) -> None:
        """Something was freed: the one who has waited longest may ask again."""
        if self.waiting:
            with self._word:
                self._word.notify()
