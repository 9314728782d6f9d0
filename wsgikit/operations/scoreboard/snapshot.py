"""What a reader sees of a scoreboard: the workers that live, and the totals of all that ever did."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from time import perf_counter, time
from typing import TYPE_CHECKING

from wsgikit.operations.scoreboard import layout
from wsgikit.operations.scoreboard.layout import CORE, CORE_ENTRY, EVENT, EVENT_HEAD, WORD
from wsgikit.operations.scoreboard.records import Record, UpstreamRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

_TRIES = 3  # to read a text that is being written meanwhile


@dataclass(frozen=True)
class InFlight:
    """A request that is being answered, for ``seconds`` so far."""

    method: str
    path: str
    seconds: float


@dataclass(frozen=True)
class Core:
    """A place for one request at a time, and how many have had it."""

    number: int
    requests: int
    request: InFlight | None


@dataclass(frozen=True)
class Event:
    """One of the slowest requests, or of the last that failed, and when it ended in seconds since the epoch."""

    when: float
    seconds: float
    status: int
    method: str
    path: str


@dataclass(frozen=True)
class Worker:
    """A process that serves. Its counters go on from those before it that had its number."""

    number: int
    pid: int
    started: float
    lives: int
    requests_before: int
    micros_before: int
    record: Record
    exceptions: int
    lost: int
    in_flight: int
    cores: list[Core]
    rss: int
    vsz: int

    @property
    def requests(self) -> int:
        """How many this process has answered."""
        return self.record.requests - self.requests_before

    @property
    def average(self) -> int:
        """Microseconds that it took for one, on average."""
        return (self.record.micros - self.micros_before) // max(1, self.requests)

    @property
    def busy(self) -> bool:
        """Whether it has a request in flight."""
        return self.in_flight > 0


@dataclass(frozen=True)
class Snapshot:
    """The service at one moment.

    ``routes`` are the records by the name of a route, "" for requests without one; ``upstreams`` those by URL, "" for
    requests that found none; ``cache`` counts requests by what a cache has done. None of them is without a request.
    """

    service: str
    made: float
    taken: float
    workers: list[Worker] = field(default_factory=list)
    routes: dict[str, Record] = field(default_factory=dict)
    exceptions: int = 0
    lost: int = 0
    lives: int = 0
    slowest: list[Event] = field(default_factory=list)
    failed: list[Event] = field(default_factory=list)
    upstreams: dict[str, UpstreamRecord] = field(default_factory=dict)
    cache: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> Record:
        """All requests."""
        return Record.total(self.routes.values())

    @property
    def in_flight(self) -> int:
        """Requests that are being answered."""
        return sum(worker.in_flight for worker in self.workers)


class Reader:
    """Reads the memory of a scoreboard, whoever writes to it meanwhile."""

    def __init__(self, memory: mmap) -> None:
        self._memory = memory
        self._words = memoryview(memory).cast("Q")
        self._doubles = memoryview(memory).cast("d")

    def names(self, table: layout.Names) -> list[str]:
        """The names of a table that were given."""
        used = min(self._words[table.used], table.other)
        starts = range(table.start, table.start + used * layout.NAME, layout.NAME)
        return [
            bytes(self._memory[at : at + layout.NAME]).rstrip(b"\0").decode("utf-8", "replace")
            for at in starts
        ]

    def pid(self, number: int) -> int:
        """The process that has the slot, 0 if none has."""
        return self._words[layout.slot_start(number) // WORD + layout.PID]

    def spent(self, number: int) -> tuple[int, int]:
        """Requests and microseconds of all workers of a number; all others wait meanwhile who come to claim one."""
        spent = Record.total(self.record(number, route) for route in range(layout.ROUTES.room))
        return spent.requests, spent.micros

    def snapshot(self, service: str) -> Snapshot:
        """Everything."""
        slots = range(min(self._words[layout.SLOTS_USED], layout.SLOTS))
        names = self._numbered(layout.ROUTES)
        by_slot = [{n: self.record(slot, n) for n in names} for slot in slots]
        routes = {name: Record.total(records[n] for records in by_slot) for n, name in names.items()}
        workers = [
            self._worker(slot, Record.total(by_slot[slot].values())) for slot in slots if self.pid(slot)
        ]
        return Snapshot(
            service,
            self._doubles[layout.MADE_AT],
            time(),
            workers,
            {name: record for name, record in routes.items() if record.requests},
            sum(self._word(slot, layout.EXCEPTIONS) for slot in slots),
            sum(self._word(slot, layout.LOST) for slot in slots),
            sum(self._word(slot, layout.LIVES) for slot in slots),
            sorted(self._events(slots, 0, layout.SLOWEST), key=lambda event: -event.seconds),
            sorted(self._events(slots, layout.SLOWEST, layout.FAILED), key=lambda event: -event.when),
            self._upstreams(slots),
            self._cache(slots),
        )

    def _numbered(self, table: layout.Names) -> dict[int, str]:
        return {**dict(enumerate(self.names(table))), table.other: layout.OTHER}

    def _upstreams(self, slots: range) -> dict[str, UpstreamRecord]:
        found = {}
        for number, url in self._numbered(layout.UPSTREAMS).items():
            first = layout.UPSTREAM_RECORDS + number * layout.UPSTREAM
            requests, retries, micros, *failures = self._sums(slots, first, layout.UPSTREAM)
            if requests:
                kinds = {kind: n for kind, n in zip(layout.KINDS, failures, strict=True) if n}
                found[url] = UpstreamRecord(requests, retries, micros, kinds)
        return found

    def _cache(self, slots: range) -> dict[str, int]:
        counts = self._sums(slots, layout.CACHE_COUNTS, len(layout.CACHE))
        return {word: count for word, count in zip(layout.CACHE, counts, strict=True) if count}

    def _sums(self, slots: range, first: int, count: int) -> list[int]:
        """The sums over all slots of each of ``count`` words."""
        starts = [layout.slot_start(slot) // WORD + first for slot in slots]
        return [sum(self._words[start + n] for start in starts) for n in range(count)]

    def _word(self, slot: int, word: int) -> int:
        return self._words[layout.slot_start(slot) // WORD + word]

    def record(self, slot: int, route: int) -> Record:
        """What all workers of a number have done for a route."""
        start = layout.slot_start(slot) // WORD + layout.RECORDS + route * layout.RECORD
        return Record(tuple(self._words[start : start + layout.RECORD]))

    def _worker(self, slot: int, record: Record) -> Worker:
        pid = self.pid(slot)
        rss, vsz = memory_of(pid)
        cores = list(self._cores(slot))
        return Worker(
            slot + 1,
            pid,
            self._doubles[layout.slot_start(slot) // WORD + layout.STARTED],
            self._word(slot, layout.LIVES),
            self._word(slot, layout.REQUESTS_BEFORE),
            self._word(slot, layout.TIME_BEFORE),
            record,
            self._word(slot, layout.EXCEPTIONS),
            self._word(slot, layout.LOST),
            sum(core.request is not None for core in cores) + self._word(slot, layout.UNLISTED),
            cores,
            rss,
            vsz,
        )

    def _cores(self, slot: int) -> Iterator[Core]:
        """The cores that were ever used."""
        first = layout.slot_start(slot) + layout.CORES_START
        now = perf_counter()
        for number in range(layout.CORES):
            since, requests, *texts = CORE_ENTRY.unpack(self._whole(first + number * CORE, CORE))
            if requests:
                method, path = map(layout.text, texts)
                busy = InFlight(method, path, max(0.0, now - since)) if since else None
                yield Core(number, requests, busy)

    def _events(self, slots: range, first: int, count: int) -> Iterator[Event]:
        for slot in slots:
            start = layout.slot_start(slot) + layout.EVENTS + first * EVENT
            for at in range(start, start + count * EVENT, EVENT):
                when, micros, status, method, path = EVENT_HEAD.unpack(self._whole(at, EVENT_HEAD.size))
                if when:
                    yield Event(when, micros / 1e6, status, layout.text(method), layout.text(path))

    def _whole(self, start: int, size: int) -> bytes:
        """Some bytes, as they were at one moment."""
        raw = self._memory[start : start + size]
        for _ in range(_TRIES):
            before, raw = raw, self._memory[start : start + size]
            if raw == before:
                break
        return raw


def memory_of(pid: int) -> tuple[int, int]:
    """Resident set and address space of a process, in bytes; zeros where /proc does not say (no Linux)."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            size, resident = statm.read().split(b" ", 2)[:2]
    except OSError:
        return 0, 0
    page = os.sysconf("SC_PAGE_SIZE")
    return int(resident) * page, int(size) * page
