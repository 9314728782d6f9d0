"""A backend at work: an upstream as one process knows it, with its connections, its record, and one exchange over them.

A failure is no answer: refused, reset, timed out, broken. It counts against the backend, as does an answer that the
breaker or the passive check has been told to count. A kept connection that was found dead, a client that left, and a
total_timeout that others used up, do not.
"""

from __future__ import annotations

import threading  # looked up late: gevent's monkey-patching may come after this
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.forwarding import events
from wsgikit.forwarding.balancing.available import OUT, RESERVE, USABLE, Standing
from wsgikit.forwarding.balancing.latency import Latency
from wsgikit.forwarding.errors import ForwardingError, KeptConnectionDied, NoAnswer, TimedOut
from wsgikit.forwarding.exchange import Answer, Exchange
from wsgikit.forwarding.forwarded import valid_host
from wsgikit.forwarding.health.probe import probe
from wsgikit.forwarding.pool import Pool
from wsgikit.forwarding.transports.connection import Connection
from wsgikit.forwarding.transports.protocols import PROTOCOLS
from wsgikit.forwarding.transports.wire import Wire, connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.forwarding.health.checks import CheckState
    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.settings import Settings
    from wsgikit.forwarding.transports.tls import Dialer
    from wsgikit.forwarding.upstream import Upstream


class Backend:
    """Carries requests to one upstream, and remembers how it went.

    ``changed`` is called when it begins or ceases to be of use. What a policy looks at: ``url``, ``weight`` (as it is
    now: slow start and gradual return are in it), ``in_flight``, ``latency``.
    """

    def __init__(
        self,
        upstream: Upstream,
        settings: Settings,
        *,
        changed: Callable[[], object],
        released: Callable[[], object] | None = None,
        dialer: Dialer | None = None,
    ) -> None:
        self.upstream = upstream
        self.url = upstream.url
        self.backup = upstream.backup
        self.weight = upstream.weight
        self.latency = Latency()
        self.failures: Counter[str] = Counter()
        self.retries = 0
        self.draining = False
        self.retired = False
        self.passive = None if settings.passive is None else settings.passive.state()
        self.breaker = None if settings.breaker is None else settings.breaker.state()
        self.check = None if settings.health is None else settings.health.state()
        limit = settings.max_connections if upstream.max_connections is None else upstream.max_connections
        self.pool: Pool[Connection] = Pool(settings.max_idle, limit, released=released)
        self._settings = settings
        self._protocol = PROTOCOLS[upstream.address.scheme]
        self.host = None if settings.host == "client" else settings.host
        if settings.host == "upstream":
            self.host = upstream.address.authority
        self._dialer = dialer
        self._counts_answers = settings.passive is not None and bool(settings.passive.statuses)
        self._changed = changed
        # Not a Lock: the garbage collector may end a forgotten exchange at any moment.
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<Backend {self.url} {self.state(monotonic())}, {self.in_flight} in flight>"

    @property
    def in_flight(self) -> int:
        """Requests that it has been given and that are not over."""
        return self.pool.busy

    # ---- an exchange

    def exchange(self, request: Request, deadline: float | None) -> Answer:
        """Send ``request``, and give its answer once the head is in, and the body if it came along.

        A kept connection may be closed by the backend at the very moment it is used. Then nobody has answered,
        and a request that can be repeated is sent again, once, on a new connection. Raises ``ForwardingError``.
        """
        host = self.host or self._asked(request)
        begun = monotonic()
        try:
            self._protocol.prepare(request)
            connection = self.pool.take()
        except ForwardingError:
            self._without_verdict(begun)
            raise
        try:
            if connection is not None:
                try:
                    head = connection.exchange(request, host, deadline)
                except NoAnswer as error:
                    connection.close()
                    connection = None
                    if not request.replayable:
                        raise KeptConnectionDied(str(error)) from error
            if connection is None:
                connection = self.open(deadline)
                head = connection.exchange(request, host, deadline)
            self._answered(head.status, begun)
            body = connection.whole()
        except BaseException as error:
            self.pool.drop(connection)
            self.failed(error, begun, blame=not self._rushed(error, request, begun, deadline))
            raise
        if body is None:
            return Exchange(self, head, connection, begun, deadline)
        self.release(connection)
        return Answer(self, head, body)

    def release(self, connection: Connection) -> None:
        """Keep a connection if it can be used again, drop it otherwise."""
        if connection.settle():
            self.pool.give(connection)
        else:
            self.pool.drop(connection)

    def _asked(self, request: Request) -> str:
        """The host that the client asked for; the backend's own where that cannot stand in a Host header."""
        return request.asked if valid_host(request.asked) else self.upstream.address.authority

    def open(self, deadline: float | None) -> Connection:
        """A new connection."""
        timeout = self._settings.connect_timeout
        if deadline is not None:
            timeout = min(timeout, max(deadline - monotonic(), 0.0))
        address = self.upstream.address
        patience = self._settings.read_timeout
        if self._dialer is not None:
            return Connection(self._dialer(address, timeout, patience), self._protocol, address)
        return Connection(Wire(connect(address, timeout), patience), self._protocol, address)

    def admits(self) -> bool:
        """Whether the breaker lets one more request through; through a half-open one, that request is the trial."""
        breaker = self.breaker
        if breaker is None or breaker.closed:
            return True
        now = monotonic()
        with self._lock:
            allowed = breaker.allows(now)
            if allowed:
                breaker.took(now)
        self._changed()
        return allowed

    def _answered(self, status: str, begun: float) -> None:
        now = monotonic()
        became = None
        with self._lock:
            self.latency.observe(now - begun, now)
            if self.breaker is not None:
                became = self.breaker.record(status < "5", now, begun)
        if became is not None:
            self._tell_breaker(became)
        if (
            self._counts_answers
            and self._settings.passive
            and self._settings.passive.is_failure(int(status[:3]))
        ):
            with self._lock:
                self.failures[status[:3]] += 1
            self._count_against(f"answered {status[:3]}", now, begun)

    def failed(self, error: BaseException, begun: float, *, blame: bool = True) -> None:
        """Take note of an exchange, ``begun`` then, that did not come to its end."""
        if not isinstance(error, ForwardingError) or not error.blames_upstream:
            self._without_verdict(begun)
            return
        with self._lock:
            self.failures[error.kind] += 1
        if not blame:
            self._without_verdict(begun)
            return
        now = monotonic()
        with self._lock:
            if isinstance(error, TimedOut):
                self.latency.observe(now - begun, now)
            became = None if self.breaker is None else self.breaker.record(False, now, begun)
        if became is not None:
            self._tell_breaker(became)
        self._count_against(str(error), now, begun)

    def _rushed(self, error: BaseException, request: Request, begun: float, deadline: float | None) -> bool:
        """Whether total_timeout has passed, and others had most of it: a client that uploads, or earlier tries."""
        total = self._settings.total_timeout
        if total is None or deadline is None or not isinstance(error, TimedOut) or monotonic() < deadline:
            return False
        return request.more is not None or deadline - begun < total / 2

    def retried(self) -> None:
        """Take note that what came of a request here was not enough, and another try follows."""
        with self._lock:
            self.retries += 1

    def _tell_breaker(self, became: str) -> None:
        self._changed()
        events.breaker(self.url, became)

    def _count_against(self, reason: str, now: float, begun: float) -> None:
        if self.passive is None:
            return
        with self._lock:
            ejected = self.passive.failed(now, begun)
        if ejected:
            self._changed()
            events.ejected(self.url, reason, self._settings.passive)

    def _without_verdict(self, begun: float) -> None:
        if self.breaker is not None and not self.breaker.closed:
            with self._lock:
                self.breaker.abandoned(monotonic(), begun)
            self._changed()

    # ---- its standing

    def stand(self, now: float) -> Standing:
        """What it can be used for now, and until when that holds; ``weight`` is brought up to date."""
        with self._lock:
            parts = [part for part in (self.passive, self.check) if part is not None]
            share = 1.0
            for part in parts:
                share *= part.share(now)
            self.weight = self.upstream.weight * share
            changes = [part.next_change(now) for part in (*parts, self.breaker) if part is not None]
            until = min((at for at in changes if at is not None), default=None)
            return Standing(self, self._level(now), until)

    def _level(self, now: float) -> int:
        if self.draining or not self.upstream.weight or (self.check is not None and not self.check.up):
            return OUT
        if self.breaker is not None and not self.breaker.allows(now):
            return OUT
        if self.passive is not None and self.passive.ejected(now):
            return RESERVE
        return USABLE

    def state(self, now: float) -> str:
        """One word for people: up, returning, ejected, down, open, half-open, draining or unused."""
        with self._lock:
            if self.draining:
                return "draining"
            if not self.upstream.weight:
                return "unused"
            check = "up" if self.check is None else self.check.state(now)
            passive = "in turn" if self.passive is None else self.passive.state(now)
            breaker = "closed" if self.breaker is None else self.breaker.state(now)
        if check == "down":
            return check
        if breaker != "closed":
            return breaker
        if passive == "ejected":
            return passive
        return "returning" if passive == "returning" or check == "starting" else "up"

    def look(self) -> float | None:
        """Check it on a connection of its own; seconds until the next time, None when there is none."""
        settings, state = self._settings, self.check
        if self.retired or settings.health is None or state is None:
            return None
        self._checked(state, probe(self, settings.health))
        return state.delay()

    def _checked(self, state: CheckState, failure: str | None) -> None:
        """Take note of a check. One that passes shows that an ejected backend is there again."""
        if self.retired:
            return  # while it was being asked
        now = monotonic()
        with self._lock:
            became = state.result(failure is None, now)
            well = failure is None and state.up
            if well and self.passive is not None and self.passive.passed_check(now):
                became = True
        if became is not None:
            self._changed()
            events.checked(self.url, failure)

    # ---- for people, and the end

    def snapshot(self, now: float) -> dict[str, Any]:
        """Its record, as plain values."""
        pool = self.pool
        with self._lock:
            failures = dict(self.failures)
        return {
            "state": self.state(now),
            "backup": self.backup,
            "weight": self.upstream.weight,
            "in_flight": pool.busy,
            "requests": pool.taken,
            "failures": failures,
            "retries": self.retries,
            "latency": round(self.latency.value(now), 6),
            "pool": {
                "idle": pool.idle,
                "busy": pool.busy,
                "max_idle": pool.max_idle,
                "max_connections": pool.max_connections,
            },
        }

    def close(self) -> None:
        """Close the idle connections, keep no others, and check it no more."""
        self.retired = True
        self.pool.close()
