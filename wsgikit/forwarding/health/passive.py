"""PassiveHealth: a backend that fails the requests it is given gets no more for a while."""

from __future__ import annotations

from collections import deque

from wsgikit.core.component import Component
from wsgikit.core.units import duration, whole
from wsgikit.forwarding.health.ramp import LONG_OVER, Ramp
from wsgikit.forwarding.options import Statuses, status_codes


class PassiveHealth(Component):
    """Takes a backend that fails out of turn: ``PassiveHealth(max_fails=3, window="10s", cooldown="30s")``.

    - ``max_fails``: failures within ``window`` that eject a backend (default 3: one may be chance, and each costs a
      retry or an error).
    - ``window``: how long a failure counts (default 10 s).
    - ``cooldown``: how long an ejected backend gets no requests (default 10 s). Over as long again it comes back step
      by step, from a tenth of its share to all of it, and one failure on the way ejects it at once.
    - ``statuses``: answers that are failures too, as codes or classes: ``(502, 503)``, ``"5xx"`` (default none: an
      answer shows that the backend is there).

    A failure is a request without an answer: refused, reset, timed out, broken. Times are seconds, or text like
    ``"250ms"``. Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        max_fails: int = 3,
        window: float | str = 10.0,
        cooldown: float | str = 10.0,
        *,
        statuses: Statuses = (),
    ) -> None:
        self.max_fails = whole("PassiveHealth", "max_fails", max_fails)
        self.window = duration("PassiveHealth", "window", window)
        self.cooldown = duration("PassiveHealth", "cooldown", cooldown)
        self.statuses = statuses
        self._codes = status_codes("PassiveHealth", statuses)

    def is_failure(self, status: int) -> bool:
        """Whether an answer with this status counts as a failure."""
        return status in self._codes

    def state(self) -> PassiveState:
        """The state of one backend, to begin with."""
        return PassiveState(self)


class PassiveState:
    """What a backend's failures have led to. Requests that succeed leave no trace, and cost nothing."""

    __slots__ = ("_failures", "_health", "_return")

    def __init__(self, health: PassiveHealth) -> None:
        self._health = health
        self._failures: deque[float] = deque(maxlen=health.max_fails)
        self._return = LONG_OVER

    def failed(self, now: float, sent: float | None = None) -> bool:
        """A request has failed, which was ``sent`` then (default: now). True when that ejects the backend.

        What was sent before the backend came back says nothing about it as it is now: requests that hang in one may
        time out a minute after it was ejected.
        """
        if (now if sent is None else sent) < self._return.start:
            return False
        if now >= self._return.end:
            failures = self._failures
            failures.append(now)
            if len(failures) < self._health.max_fails or now - failures[0] >= self._health.window:
                return False
        self._failures.clear()
        self._return = Ramp(now + self._health.cooldown, self._health.cooldown)
        return True

    def passed_check(self, now: float) -> bool:
        """An active check has passed: an ejected backend comes back from now on. True when it was ejected."""
        if not self.ejected(now):
            return False
        self._return = Ramp(now, self._health.cooldown)
        return True

    def ejected(self, now: float) -> bool:
        """Whether it gets no requests."""
        return now < self._return.start

    def share(self, now: float) -> float:
        """How much of its weight counts, above 0 up to 1; for an ejected one the least, should all be ejected."""
        return self._return.share(now)

    def next_change(self, now: float) -> float | None:
        """When ``ejected`` or ``share`` will say something else, if nothing happens."""
        return self._return.next_change(now)

    def state(self, now: float) -> str:
        """``"ejected"``, ``"returning"`` or ``"in turn"``."""
        if now < self._return.start:
            return "ejected"
        return "returning" if now < self._return.end else "in turn"

    def __repr__(self) -> str:
        text = f"{len(self._failures)} of {self._health.max_fails} failures"
        if self._return is not LONG_OVER:
            text += f", ejected until {self._return.start:g}, returning until {self._return.end:g}"
        return f"<PassiveState: {text}>"
