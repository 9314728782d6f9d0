"""Peak EWMA: how long a backend takes, believed at once when it gets worse and slowly when it gets better.

A plain moving average learns of a stall only after many requests have run into it. Here one slow answer counts in
full, quick ones pull it down exponentially, and so does time: a backend that was slow once, and is passed over for it,
looks better by and by until it is tried again. (After the load metric of Finagle.)
"""

from __future__ import annotations

from math import exp

TIME_CONSTANT = 10.0
"""Seconds after which about a third (1/e) of what was known still counts: Finagle's default."""


class Latency:
    """The latency of one backend. Times are seconds of a monotonic clock; whoever calls ``observe`` holds a lock."""

    __slots__ = ("_at", "_seconds")

    def __init__(self) -> None:
        self._seconds = 0.0
        self._at = 0.0

    def __repr__(self) -> str:
        return f"<Latency {self._seconds * 1000:.1f} ms>"

    def observe(self, sample: float, now: float) -> None:
        """Learn that an answer took ``sample`` seconds."""
        known, at = self._seconds, self._at
        if now > at:
            self._at = now
        if sample >= known:
            self._seconds = sample
        elif now > at:
            self._seconds = sample + (known - sample) * exp((at - now) / TIME_CONSTANT)

    def value(self, now: float) -> float:
        """What is to be expected, in seconds; 0.0 before the first answer, and ever nearer to it without new ones."""
        at = self._at
        return self._seconds * exp((at - now) / TIME_CONSTANT) if now > at else self._seconds
