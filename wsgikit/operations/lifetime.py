"""How long a process lives: limits on its memory, its requests and its age, and what is said when one is reached."""

from __future__ import annotations

from dataclasses import dataclass
from random import SystemRandom

_chance = SystemRandom()  # the state of another is copied by a fork, and all workers would draw the same


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Limits, each None for no such limit: ``rss`` in bytes, ``requests``, ``age`` and ``min_age`` in seconds."""

    rss: float | None = None
    requests: float | None = None
    age: float | None = None
    min_age: float = 0.0

    def shortened(self, jitter: float) -> Lifetime:
        """One process's own: each limit less a share of it, drawn by chance, of up to ``jitter``."""

        def less(limit: float | None) -> float | None:
            return None if limit is None else limit * (1.0 - jitter * _chance.random())

        return Lifetime(less(self.rss), less(self.requests), less(self.age), self.min_age)

    def over(self, *, rss: float, requests: int, age: float) -> str:
        """Why a process of this memory, work and age should be replaced; ``""`` while it should not."""
        if age < self.min_age:
            return ""
        if self.requests is not None and requests >= self.requests:
            return f"it has served {requests} requests"
        if self.rss is not None and rss >= self.rss:
            return f"its memory is {rss / 2**20:.1f} MiB, its limit {self.rss / 2**20:.1f} MiB"
        if self.age is not None and age >= self.age:
            return f"it is {age:.0f} s old"
        return ""
