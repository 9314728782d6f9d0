"""A count of what happened lately."""

from __future__ import annotations

from collections import deque
from math import inf


class Window:
    """Counts the events of the last ``seconds``, in ``slots`` of time that are forgotten one by one.

    No event within the time is missed, and none counts for longer than a slot beyond it. ``last`` is the total when it
    was last asked for or added to.
    """

    __slots__ = ("_counts", "_ends", "_seconds", "_slot", "last")

    def __init__(self, seconds: float, slots: int = 10) -> None:
        self._seconds = seconds
        self._slot = seconds / slots
        self._counts = deque([0] * (slots + 1), slots + 1)  # the newest first; one is only begun
        self._ends = -inf
        self.last = 0

    def add(self, now: float, n: int = 1) -> int:
        """Count ``n`` events, and give the new total."""
        if now >= self._ends:
            self._turn(now)
        self._counts[0] += n
        self.last += n
        return self.last

    def total(self, now: float) -> int:
        """The events of the last seconds."""
        if now >= self._ends:
            self._turn(now)
        return self.last

    def __repr__(self) -> str:
        return f"<Window: {self.last} in {self._seconds:g} s>"

    def _turn(self, now: float) -> None:
        """Begin the slot that ``now`` lies in."""
        late = now - self._ends
        if late >= self._seconds:
            self._counts.extend([0] * len(self._counts))
            self.last = 0
            self._ends = now + self._slot
            return
        for _ in range(int(late / self._slot) + 1):
            self.last -= self._counts[-1]
            self._counts.appendleft(0)
            self._ends += self._slot
