"""What a worker writes: the requests it has in flight, and what became of them.

Nobody waits for anybody. A request in flight has a core to itself, taken from a deque, which is atomic. What it has
been is booked by one thread at a time, the one that has the turn: who comes meanwhile leaves the request in a queue and
goes, and whoever gives the turn back looks at the queue again. So counters are exact with threads, greenlets and a
garbage collector that ends a request in the middle of another, and there is no lock to be held over a fork.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from time import time
from typing import TYPE_CHECKING, Protocol

from wsgikit.operations.scoreboard import layout
from wsgikit.operations.scoreboard.layout import (
    CORE,
    EVENT,
    EVENT_HEAD,
    FAILURES,
    RETRIES,
    SENT,
    TIME,
    UPSTREAM_TIME,
    WORD,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap

    from wsgikit.operations.scoreboard.inside import Inside

_PAUSE = 1.0  # seconds between two looks around
_SPAN = 600.0  # seconds after which a slow request makes room for any that is of today
_REMEMBERED = 4096  # names in a table, most of them without a record of their own
_LONGEST = (
    10_000  # requests that wait to be booked: some none or one, unless an exception hit whoever had the turn
)
_BOUNDS = tuple(int(bound * 1e6) for bound in layout.BOUNDS)
_QUICK = _BOUNDS[0]
_LAST = len(layout.CLASSES) - 1
# Where the row of a status begins in a record.
_ROW = {str(n): min(n // 100 - 1, _LAST) * layout.ROW for n in range(100, 1000)}
_OTHER = _LAST * layout.ROW
_FAILURE = _ROW["500"]
_KIND = {kind: FAILURES + n for n, kind in enumerate(layout.KINDS)}
_CACHED = {word: layout.CACHE_COUNTS + n for n, word in enumerate(layout.CACHE)}

_enter = layout.CORE_ENTRY.pack_into


class Finished(Protocol):
    """A request that is over, as it is booked."""

    core: Core | None
    method: str
    path: str
    status: str  # three digits
    failed: bool  # whether something was raised
    route: str | None
    micros: int
    sent: int
    inside: Inside | None  # for those that a proxy or a cache had a part in


class Core:
    """A place for one request in flight, ``start`` bytes into the memory, and how many have had it."""

    __slots__ = ("requests", "since", "start")

    def __init__(self, start: int, requests: int) -> None:
        self.start = start
        self.since = start // WORD
        self.requests = requests


class Slot:
    """The slot of worker ``number``.

    ``index`` gives the number of a name in a table, and ``look`` is called about once a second.
    """

    def __init__(
        self,
        memory: mmap,
        number: int,
        index: Callable[[layout.Names, str], int],
        look: Callable[[], object],
    ) -> None:
        start = layout.slot_start(number)
        self.number = number
        self._memory = memory
        self._start = start
        self._words = memoryview(memory)[start : start + layout.SLOT].cast("Q")
        self._doubles = memoryview(memory).cast("d")
        self._index = index
        self._look = look
        self._next_look = 0.0
        starts = (start + layout.CORES_START + n * CORE for n in range(layout.CORES))
        cores = [Core(at, layout.CORE_ENTRY.unpack_from(memory, at)[1]) for at in starts]
        self._free = deque(reversed(cores))  # used like a stack: the first core is the busiest
        self._beyond: set[int] = set()
        self._queue: deque[Finished] = deque(maxlen=_LONGEST)
        self._turn: deque[None] = deque([None])
        self._records: dict[str | None, int] = {None: layout.RECORDS}
        self._upstreams: dict[str, int] = {}
        kept = [EVENT_HEAD.unpack_from(memory, self._event(n)) for n in range(layout.SLOWEST + layout.FAILED)]
        self._slow: list[tuple[float, int]] = [(when, micros) for when, micros, *_ in kept[: layout.SLOWEST]]
        self._slow_floor = 0
        failed = [when for when, *_ in kept[layout.SLOWEST :]]
        self._failures = failed.index(min(failed))  # the oldest, whose place is next

    def enter(self, request: object, since: float, method: str, path: str) -> Core | None:
        """A request has come; gives its core, or None when all are taken: then it is counted, and not listed.

        ``since`` is a moment of the monotonic clock, which the processes of a host share.
        """
        method_bytes, path_bytes = method.encode("latin-1", "replace"), path.encode("latin-1", "replace")
        try:
            core = self._free.pop()
        except IndexError:
            self._beyond.add(id(request))
            self._words[layout.UNLISTED] = len(self._beyond)
            return None
        core.requests = count = core.requests + 1
        _enter(self._memory, core.start, since, count, method_bytes, path_bytes)
        return core

    def leave(self, core: Core | None, request: object) -> None:
        """The request is over, and not to be counted."""
        if core is None:
            self._beyond.discard(id(request))
            self._words[layout.UNLISTED] = len(self._beyond)
        else:
            self._doubles[core.since] = 0.0
            self._free.append(core)

    def book(self, request: Finished, now: float) -> None:
        """The request is over, now by the monotonic clock: it leaves, and is counted."""
        core = request.core
        if core is None:
            self.leave(core, request)
        else:  # as leave() does it; every request comes here, and a call would show
            self._doubles[core.since] = 0.0
            self._free.append(core)
        queue, turn, words = self._queue, self._turn, self._words
        waiting: Finished | None = request
        while True:
            try:
                turn.pop()
            except IndexError:
                if waiting is None:
                    return  # whoever has the turn looks at the queue again after giving it back
                queue.append(waiting)
                waiting = None
                continue  # it may have been given back before
            try:
                if waiting is not None or queue:
                    # Here and not in a method of its own, for the same reason.
                    request, waiting = queue.popleft() if waiting is None else waiting, None
                    micros, kind = request.micros, _ROW.get(request.status, _OTHER)
                    row = (self._records.get(request.route) or self._record(request.route)) + kind
                    words[row + (bisect_left(_BOUNDS, micros) if micros > _QUICK else 0)] += 1
                    words[row + SENT] += request.sent
                    words[row + TIME] += micros
                    if request.inside is not None:
                        self._count_inside(request.inside)
                    if micros > self._slow_floor:
                        self._keep_slow(request)
                    if kind == _FAILURE or request.failed:
                        self._keep_failed(request)
            finally:
                turn.append(None)
            if not queue:
                break
        if now > self._next_look:
            self._next_look = now + _PAUSE
            self._set_floor()
            self._look()

    def _record(self, route: str | None) -> int:
        """Where the record of a route begins that was not seen here before."""
        record = layout.RECORDS + self._index(layout.ROUTES, route or "") * layout.RECORD
        if len(self._records) < _REMEMBERED:
            self._records[route] = record
        return record

    def _count_inside(self, inside: Inside) -> None:
        """Count what a proxy and a cache have done."""
        words = self._words
        if inside.upstream is not None:
            record = self._upstreams.get(inside.upstream) or self._upstream(inside.upstream)
            words[record] += 1
            words[record + RETRIES] += inside.retries
            words[record + UPSTREAM_TIME] += inside.micros
            if inside.error is not None:
                words[record + _KIND.get(inside.error, _KIND["other"])] += 1
        if inside.cache is not None:
            words[_CACHED.get(inside.cache, _CACHED["other"])] += 1

    def _upstream(self, url: str) -> int:
        """Where the record of an upstream begins that was not seen here before."""
        record = layout.UPSTREAM_RECORDS + self._index(layout.UPSTREAMS, url) * layout.UPSTREAM
        if len(self._upstreams) < _REMEMBERED:
            self._upstreams[url] = record
        return record

    def _keep_slow(self, request: Finished) -> None:
        """Among the slowest: in the place of one that is old, or else of the quickest."""
        now = time()
        weights = self._weights(now)
        place = weights.index(min(weights))
        self._slow[place] = (now, request.micros)
        self._write_event(place, now, request)
        self._set_floor()

    def _set_floor(self) -> None:
        """How long a request has to take from now on to be among the slowest."""
        self._slow_floor = min(self._weights(time()))

    def _weights(self, now: float) -> list[int]:
        # Also what is from a time to come, before the clock was set back.
        return [micros if abs(now - when) < _SPAN else 0 for when, micros in self._slow]

    def _keep_failed(self, request: Finished) -> None:
        """Among the last that failed: in the place of the oldest."""
        self._words[layout.EXCEPTIONS] += 1
        self._write_event(layout.SLOWEST + self._failures % layout.FAILED, time(), request)
        self._failures += 1

    def _write_event(self, place: int, now: float, request: Finished) -> None:
        status = int(request.status) if request.status.isdecimal() else 0
        method = request.method.encode("latin-1", "replace")
        path = request.path.encode("latin-1", "replace")
        EVENT_HEAD.pack_into(self._memory, self._event(place), now, request.micros, status, method, path)

    def _event(self, place: int) -> int:
        """Where an event is."""
        return self._start + layout.EVENTS + place * EVENT
