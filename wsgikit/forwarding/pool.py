"""The connections of one process to one backend: kept between requests, counted while in use.

What to do is decided under the lock, by looking at the list; what is decided (closing) is done after it.
The newest connection is taken first, so that those a quiet hour does not need grow old and are closed.
"""

from __future__ import annotations

from collections import deque
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from wsgikit.forwarding.errors import Full

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE_AGE = 30.0
"""Seconds after which a connection nobody used is closed: sooner than most servers do (nginx 75, waitress 120)."""

QUARANTINE = 1.0
"""Seconds that a suspect connection is left alone. Many servers send a body with HEAD, 204 or 304 where an app gives
one (cheroot, gevent, waitress, eventlet), right after the head: it would pass for the answer to the next request."""


class Kept(Protocol):
    """What a pool needs to know of a connection."""

    idle_since: float
    suspect: bool

    def stale(self) -> bool:
        """Whether it is of no more use: closed by the other side, or holding bytes that nobody asked for."""

    def close(self) -> None:
        """Close it."""


C = TypeVar("C", bound=Kept)


class Pool(Generic[C]):
    """Kept connections, at most ``max_idle``, and a count of those in use, at most ``max_connections``.

    ``busy`` are in use now, ``taken`` have been since the beginning; ``released`` is called when one comes back.
    """

    def __init__(
        self,
        max_idle: int,
        max_connections: int | None = None,
        *,
        idle_age: float = IDLE_AGE,
        clock: Callable[[], float] = monotonic,
        released: Callable[[], object] | None = None,
    ) -> None:
        self.max_idle = max_idle
        self.max_connections = max_connections
        self.idle_age = idle_age
        self.released = released
        self.busy = 0
        self.taken = 0
        self._clock = clock
        self._idle: deque[C] = deque()  # oldest first
        # Not a Lock: the garbage collector may drop a forgotten exchange in the middle of a decision.
        self._lock = RLock()

    def __repr__(self) -> str:
        return f"<Pool {self.busy} in use, {self.idle} idle>"

    @property
    def idle(self) -> int:
        """How many connections are kept for later."""
        return len(self._idle)

    @property
    def full(self) -> bool:
        """Whether as many are in use as may be."""
        return self.max_connections is not None and self.busy >= self.max_connections

    def take(self) -> C | None:
        """A kept connection that is still good, or None: open a new one.

        Either way one more is in use from here on, until ``give`` or ``drop``. Raises ``Full`` at the limit.
        """
        with self._lock:
            if self.max_connections is not None and self.busy >= self.max_connections:
                raise Full(f"{self.busy} requests are in flight, as many as max_connections allows")
            self.busy += 1
            self.taken += 1
            connection = self._newest()
        while connection is not None:
            if self._clock() - connection.idle_since < self.idle_age and not connection.stale():
                break
            connection.close()
            with self._lock:
                connection = self._newest()
        return connection

    def give(self, connection: C) -> None:
        """Take back a connection that can be used again; a suspect one not where it would be one beyond the limit."""
        if connection.suspect and self.max_connections is not None:
            self.drop(connection)  # the next request cannot use it yet, and opens another
            return
        now = connection.idle_since = self._clock()
        with self._lock:
            self.busy -= 1
            if connection.suspect:
                self._idle.appendleft(connection)
            else:
                self._idle.append(connection)
            idle = self._idle
            crowded = len(idle) > self.max_idle or now - idle[0].idle_since >= self.idle_age
            unwanted = self._unwanted(now) if crowded else ()
        for old in unwanted:
            old.close()
        if self.released is not None:
            self.released()

    def drop(self, connection: C | None) -> None:
        """Take back one that cannot be used again, or that was never opened."""
        with self._lock:
            self.busy -= 1
        if connection is not None:
            connection.close()
        if self.released is not None:
            self.released()

    def close(self) -> None:
        """Close what is idle, and keep nothing from now on; what is in use ends with its request."""
        with self._lock:
            self.max_idle = 0
            idle, self._idle = self._idle, deque()
        for connection in idle:
            connection.close()

    def _newest(self) -> C | None:
        """The connection to try next, no longer in the list."""
        if not self._idle:
            return None
        connection = self._idle.pop()
        if connection.suspect and self._clock() - connection.idle_since < QUARANTINE:
            self._idle.appendleft(connection)  # the suspect ones stand there, so nobody else is left
            return None
        return connection

    def _unwanted(self, now: float) -> list[C]:
        """The oldest connections, beyond the limit or the age."""
        idle, found = self._idle, []
        while idle and (len(idle) > self.max_idle or now - idle[0].idle_since >= self.idle_age):
            found.append(idle.popleft())
        return found
