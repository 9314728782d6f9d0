"""CircuitBreaker: a backend that errs too often is left alone, then tried with one request.

Three states, in the words of the pattern (M. Nygard, "Release It!"); current flows while the circuit is closed:

                  error rate reached                 cooldown over
        closed ------------------------> open ------------------------> half-open
          ^                               ^                              |     |
          |                               +--------- trial failed -------+     |
          +------------------------------------------ trial succeeded --------+

- closed: all requests go, and each verdict counts. When at least ``min_requests`` of the last ``window`` are known and
  ``error_rate`` of them or more failed, the circuit opens.
- open: no request goes. Nothing that happens shortens or lengthens ``cooldown``.
- half-open: one request goes, the trial, and no other until its verdict. If it ended without one (the client left), the
  next request is the trial.

Requests overlap these changes, so a verdict comes with the time when its request was sent, and counts only if nothing
has changed since: what was sent while the circuit was closed is not the trial when it ends in the half-open state, nor
news after the circuit has closed again.
"""

from __future__ import annotations

from math import inf

from wsgikit.core.component import Component
from wsgikit.core.units import duration, whole
from wsgikit.forwarding.health.window import Window
from wsgikit.forwarding.options import share


class CircuitBreaker(Component):
    """Leaves a backend alone that errs too often: ``CircuitBreaker(error_rate=0.3, cooldown="30s")``.

    - ``error_rate``: the share of requests with no answer or a 5xx that opens the circuit, above 0 up to 1 (default
      0.5: a backend that fails every other request does harm, one that fails few does not).
    - ``window``: how long a request counts (default 10 s, known to about a tenth of it).
    - ``min_requests``: requests within ``window`` below which no rate is a rate (default 20: less is chance).
    - ``cooldown``: how long no request goes, before one is tried (default 10 s).

    Times are seconds, or text like ``"250ms"``. Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        error_rate: float = 0.5,
        *,
        window: float | str = 10.0,
        min_requests: int = 20,
        cooldown: float | str = 10.0,
    ) -> None:
        self.error_rate = share("CircuitBreaker", "error_rate", error_rate)
        self.window = duration("CircuitBreaker", "window", window)
        self.min_requests = whole("CircuitBreaker", "min_requests", min_requests)
        self.cooldown = duration("CircuitBreaker", "cooldown", cooldown)

    def state(self) -> BreakerState:
        """The state of one backend, to begin with: closed."""
        return BreakerState(self)


class BreakerState:
    """The circuit to one backend: ``allows`` before a request, ``took`` as it goes, ``record`` or ``abandoned`` after.

    In the half-open state, the first two belong under one lock, and ``took`` and ``abandoned`` change what is allowed.
    """

    __slots__ = ("_breaker", "_failed", "_half_opens", "_requests", "_since", "_trial_ends", "closed")

    closed: bool
    """Whether every request may go; what there is to ask on the way of a request."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._half_opens = -inf
        self._close(-inf)

    def allows(self, now: float) -> bool:
        """Whether a request may go."""
        return self.closed or (now >= self._half_opens and now >= self._trial_ends)

    def took(self, now: float) -> None:
        """A request goes, which is allowed: in the half-open state it is the trial."""
        if not self.closed and now >= self._half_opens:
            self._trial_ends = now + self._breaker.cooldown

    def record(self, ok: bool, now: float, sent: float | None = None) -> str | None:
        """The verdict on a request that was ``sent`` then (default: now).

        Gives ``"open"`` or ``"closed"`` when the circuit is so from now on, else None.
        """
        if (now if sent is None else sent) < self._since:
            return None
        if not self.closed:
            return self._tried(ok, now)
        requests = self._requests.add(now)
        if ok and not self._failed.last:
            return None  # as nearly always
        failed = self._failed.add(now, not ok)
        breaker = self._breaker
        if requests < breaker.min_requests or failed / requests < breaker.error_rate:
            return None
        return self._open(now)

    def abandoned(self, now: float, sent: float | None = None) -> None:
        """A request that was ``sent`` then (default: now) has ended without a verdict."""
        if (now if sent is None else sent) >= self._since:
            self._trial_ends = -inf

    def next_change(self, now: float) -> float | None:
        """When ``allows`` will say something else, if nothing happens."""
        if self.closed:
            return None
        at = max(self._half_opens, self._trial_ends)
        return at if now < at else None

    def state(self, now: float) -> str:
        """``"closed"``, ``"open"`` or ``"half-open"``."""
        if self.closed:
            return "closed"
        return "open" if now < self._half_opens else "half-open"

    def __repr__(self) -> str:
        if self.closed:
            return f"<BreakerState: closed, {self._failed.last} of {self._requests.last} requests failed>"
        if self._trial_ends > self._half_opens:
            return "<BreakerState: half-open, a trial is on its way>"
        return f"<BreakerState: open until {self._half_opens:g}>"

    def _tried(self, ok: bool, now: float) -> str | None:
        if self._trial_ends < self._half_opens:
            return None
        return self._close(now) if ok else self._open(now)

    def _open(self, now: float) -> str:
        self.closed = False
        self._trial_ends = -inf
        self._half_opens = self._since = now + self._breaker.cooldown
        return "open"

    def _close(self, now: float) -> str:
        self.closed = True
        self._trial_ends = -inf
        self._since = now
        self._requests = Window(self._breaker.window)
        self._failed = Window(self._breaker.window)
        return "closed"
