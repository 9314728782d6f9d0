"""Drawing by weight, exactly."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SmoothOrder:
    """Draws numbers from 0 up by weight, interleaved: 5, 1, 1 gives 0 0 1 0 2 0 0, not 0 0 0 0 0 1 2.

    Each draw adds to every number its weight, takes the largest, and takes the sum of all weights off it again; so
    over each run of that many draws, in lowest terms, every number comes up exactly as often as its weight says.
    """

    __slots__ = ("_due", "_lock", "_sum", "_weights")

    def __init__(self, weights: Sequence[int | float | Fraction]) -> None:
        # As whole numbers, so that nothing drifts: 0.1 is one tenth here, not its nearest binary fraction.
        exact = [Fraction(str(weight)) for weight in weights]
        scale = lcm(*(weight.denominator for weight in exact))
        self._weights = [int(weight * scale) for weight in exact]
        self._sum = sum(self._weights)
        self._due = [0] * len(exact)
        self._lock = Lock()

    def draw(self) -> int:
        """The next number."""
        with self._lock:
            due = [waiting + weight for waiting, weight in zip(self._due, self._weights, strict=True)]
            drawn = max(range(len(due)), key=due.__getitem__)
            due[drawn] -= self._sum
            self._due = due
            return drawn
