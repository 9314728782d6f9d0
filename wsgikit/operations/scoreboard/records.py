"""What was counted: of requests by route, and of those that went to an upstream."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Self

from wsgikit.operations.scoreboard import layout
from wsgikit.operations.scoreboard.layout import BUCKETS, CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Record:
    """Requests counted: ``cells`` by status class and duration, ``sent`` bytes of bodies, ``micros`` in total."""

    cells: tuple[int, ...] = (0,) * layout.CELLS
    sent: int = 0
    micros: int = 0

    @property
    def requests(self) -> int:
        """How many."""
        return sum(self.cells)

    @property
    def classes(self) -> dict[str, int]:
        """How many of each status class."""
        return {name: sum(self.cells[n * BUCKETS : (n + 1) * BUCKETS]) for n, name in enumerate(CLASSES)}

    @property
    def buckets(self) -> list[int]:
        """How many took up to each of ``layout.BOUNDS``, and more than the last; each request is in one bucket."""
        return [sum(self.cells[n::BUCKETS]) for n in range(BUCKETS)]

    def quantile(self, share: float) -> float | None:
        """Seconds within which that share of the requests was over, as a bound of a bucket; None before the first."""
        wanted, seen = share * self.requests, 0
        for bound, count in zip((*layout.BOUNDS, inf), self.buckets, strict=True):
            seen += count
            if seen and seen >= wanted:
                return bound
        return None

    @classmethod
    def total(cls, records: Iterable[Record]) -> Self:
        """All of them together."""
        listed = list(records)
        cells = tuple(map(sum, zip(*(record.cells for record in listed), strict=True))) or cls.cells
        return cls(cells, sum(r.sent for r in listed), sum(r.micros for r in listed))


@dataclass(frozen=True)
class UpstreamRecord:
    """Requests that were sent to an upstream last, their ``retries`` there and before, time, and failures by kind."""

    requests: int = 0
    retries: int = 0
    micros: int = 0
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Requests that no upstream has answered."""
        return sum(self.failures.values())

    @property
    def average(self) -> int:
        """Microseconds that it took for one, on average."""
        return self.micros // max(1, self.requests)
