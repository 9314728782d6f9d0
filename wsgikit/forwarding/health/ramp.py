"""A way back to all requests, in ten steps."""

from __future__ import annotations

from bisect import bisect_right
from math import inf


class Ramp:
    """A share that grows: a tenth of all in the first tenth of ``seconds`` after ``start``, all in the last.

    In steps, so that what is made of it (a list of backends with their weights) holds for a while.
    """

    __slots__ = ("_steps", "end", "start")

    def __init__(self, start: float = -inf, seconds: float = 0.0) -> None:
        self.start = start
        self.end = start + seconds
        self._steps = [start + seconds * n / 10 for n in range(10)]

    def share(self, now: float) -> float:
        """The share at ``now``; before the start, that of the first step."""
        return max(bisect_right(self._steps, now), 1) / 10

    def next_change(self, now: float) -> float | None:
        """When the next step comes, the start among them; None after the last."""
        step = bisect_right(self._steps, now)
        return self._steps[step] if step < 10 else None


LONG_OVER = Ramp()
"""All, for ever."""
