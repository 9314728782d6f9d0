"""What was counted: of requests by route, and of those that went to an upstream."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Self

from wsgikit.operations.scoreboard import layout
from wsgikit.operations.scoreboard.layout import BUCKETS, CLASSES, ROW, SENT, TIME

if TYPE_CHECKING:
    from collections.abc import Iterable


class Row(NamedTuple):
    """Requests of one status class: how many of each duration, bytes ``sent`` in bodies, ``micros`` in total."""

    buckets: tuple[int, ...]
    sent: int
    micros: int

    @property
    def requests(self) -> int:
        """How many."""
        return sum(self.buckets)


@dataclass(frozen=True)
class Record:
    """Requests counted: ``words`` as they stand in a slot, a row for each status class."""

    words: tuple[int, ...] = (0,) * layout.RECORD

    @property
    def rows(self) -> dict[str, Row]:
        """By status class."""
        starts = range(0, layout.RECORD, ROW)
        rows = (
            Row(self.words[at : at + BUCKETS], self.words[at + SENT], self.words[at + TIME]) for at in starts
        )
        return dict(zip(CLASSES, rows, strict=True))

    @property
    def classes(self) -> dict[str, int]:
        """How many of each status class."""
        return {name: row.requests for name, row in self.rows.items()}

    @property
    def buckets(self) -> list[int]:
        """How many took up to each of ``layout.BOUNDS``, and more than the last; each request is in one bucket."""
        return [sum(self.words[n::ROW]) for n in range(BUCKETS)]

    @property
    def requests(self) -> int:
        """How many."""
        return sum(self.buckets)

    @property
    def sent(self) -> int:
        """Bytes of bodies."""
        return sum(self.words[SENT::ROW])

    @property
    def micros(self) -> int:
        """Microseconds in total."""
        return sum(self.words[TIME::ROW])

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
        return cls(tuple(map(sum, zip(*(record.words for record in records), strict=True))) or cls.words)


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
