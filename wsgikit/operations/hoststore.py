"""The host-wide store of RateLimit: what the strategies of the library ``limits`` keep, in a table all workers share.

Each strategy decides on one record, while it is held: two workers never see the same count.

    fixed-window     count                              expires with its window
    sliding-window   window, previous, current count    windows are numbered from the epoch on
    moving-window    place, a time for each request     a ring, whose oldest time stands at the place
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b
from math import floor
from struct import Struct
from time import time
from typing import TYPE_CHECKING

from limits.storage.base import MovingWindowSupport, SlidingWindowCounterSupport, Storage

from wsgikit.operations.hosttable import DIGEST, WAYS, HostTable

if TYPE_CHECKING:
    from collections.abc import Callable

_COUNT = Struct("<Q")
_WINDOWS = Struct("<QQQ")

_MOST_RECORDS = 65536
_MOST_BYTES = 32 * 2**20  # of which only what was written takes memory
MOST_TIMES = 4000
"""The largest amount of a moving window: 32 KB for each key, and room for a thousand keys."""


def payload_of(strategy: str, amount: int) -> int:
    """Bytes that a strategy keeps for each key."""
    return {
        "fixed-window": _COUNT.size,
        "sliding-window": _WINDOWS.size,
        "moving-window": _COUNT.size + 8 * amount,
    }[strategy]


def table(path: str, payload: int, period: int) -> HostTable:
    """A table for records of ``payload`` bytes, which count for ``period`` seconds: of 65,536 keys, or 32 MiB."""
    buckets = _MOST_RECORDS // WAYS
    while buckets * WAYS * payload > _MOST_BYTES:
        buckets //= 2
    return HostTable(path, payload=payload, buckets=buckets, longest=2 * period)


class HostStore(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """A storage for one rate and one strategy of ``limits``, on the table that is made for them.

    ``clock`` gives seconds since the epoch, the same for all processes.
    """

    def __init__(self, table: HostTable, clock: Callable[[], float] = time) -> None:
        super().__init__()
        self._table = table
        self._clock = clock

    @property
    def base_exceptions(self) -> type[Exception]:
        """What goes wrong here."""
        return OSError

    def check(self) -> bool:
        """Whether the file can be used."""
        self._table.peek(bytes(DIGEST), self._clock())
        return True

    def reset(self) -> int | None:
        """Forget all keys."""
        self._table.clear()
        return None

    def clear(self, key: str) -> None:
        """Forget a key."""
        with self._table.hold(_digest(key), self._clock()) as record:
            record.put(0.0, b"")

    # fixed-window

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count ``amount``, and give the count; the window begins with the first."""
        now = self._clock()
        with self._table.hold(_digest(key), now) as record:
            count = _count(record.payload) + amount
            record.put(record.expiry or now + expiry, _COUNT.pack(count))
        return count

    def get(self, key: str) -> int:
        """The count."""
        return _count(self._table.peek(_digest(key), self._clock())[1])

    def get_expiry(self, key: str) -> float:
        """When the window ends."""
        now = self._clock()
        return self._table.peek(_digest(key), now)[0] or now

    # sliding-window

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count ``amount`` if that is within the limit; the previous window counts by the part still in sight."""
        now = self._clock()
        window = int(now // expiry)
        with self._table.hold(_digest(key), now) as record:
            previous, current = _counts(record.payload, window)
            if floor(previous * _left(now, expiry) / expiry + current) + amount > limit:
                return False
            record.put((window + 2) * expiry, _WINDOWS.pack(window, previous, current + amount))
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Count and seconds left of the previous window, and of the current one."""
        now = self._clock()
        previous, current = _counts(self._table.peek(_digest(key), now)[1], int(now // expiry))
        left = _left(now, expiry)
        return previous, left if previous else 0.0, current, left + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget a key."""
        self.clear(key)

    # moving-window

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Note ``amount`` requests, now, if that many of the limit are not taken by those of the last ``expiry`` s."""
        if amount > limit:
            return False
        now = self._clock()
        with self._table.hold(_digest(key), now) as record:
            place, times = _ring(record.payload, limit)
            if times[(place + amount - 1) % limit] >= now - expiry:
                return False
            for number in range(place, place + amount):
                times[number % limit] = now
            payload = _COUNT.pack((place + amount) % limit) + times.tobytes()
            record.put(now + expiry, payload)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest request that still counts came, and how many count."""
        now = self._clock()
        place, times = _ring(self._table.peek(_digest(key), now)[1], limit)
        in_order = times[place:] + times[:place]
        first = bisect_left(in_order, now - expiry)
        return (in_order[first], limit - first) if first < limit else (now, 0)


def _digest(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()


def _count(payload: bytes) -> int:
    count: int = _COUNT.unpack(payload)[0] if payload else 0
    return count


def _counts(payload: bytes, window: int) -> tuple[int, int]:
    """The counts of the window before ``window``, and of ``window``."""
    then, previous, current = _WINDOWS.unpack(payload) if payload else (window, 0, 0)
    if then == window:
        return previous, current
    return (current, 0) if then == window - 1 else (0, 0)


def _left(now: float, expiry: int) -> float:
    """Seconds until the next window begins."""
    return expiry - now % expiry


def _ring(payload: bytes, limit: int) -> tuple[int, array[float]]:
    """Where the oldest time stands, and all of them; 0.0 is long ago."""
    if not payload:
        return 0, array("d", bytes(8 * limit))
    return _count(payload[: _COUNT.size]), array("d", payload[_COUNT.size :])
