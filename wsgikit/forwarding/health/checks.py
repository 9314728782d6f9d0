"""HealthCheck: each backend is asked, in the background, whether it is well."""

from __future__ import annotations

import re
from random import SystemRandom
from typing import TYPE_CHECKING

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.units import duration, seconds, whole
from wsgikit.forwarding.forwarded import valid_host
from wsgikit.forwarding.health.ramp import LONG_OVER, Ramp
from wsgikit.forwarding.options import Statuses, status_codes

if TYPE_CHECKING:
    from random import Random

READS = 65536
"""Bytes of an answer that ``body=`` is looked for in."""

_RANDOM = SystemRandom()  # no state: forked workers would inherit it, and check in step

# Unreserved and reserved characters and percent-encoding (RFC 3986), but no fragment.
_PATH = re.compile(r"/[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*")


class HealthCheck(Component):
    """Asks each backend with a GET whether it is well: ``HealthCheck("/readyz", interval="5s", slow_start="30s")``.

    - ``path``: what is asked for, percent-encoded, below the base path of the upstream (default ``"/"``).
    - ``interval``: between two checks of a backend, give or take a tenth, so that processes do not ask in step
      (default 10 s). A backend that is down is asked twice as often, and a change of mind is confirmed ten times as
      fast: one that is back is used within an interval.
    - ``timeout``: for the whole answer (default 2 s).
    - ``passes``, ``fails``: checks in a row that bring a backend up, or down (default 2 and 3). It begins as up: a
      process that has just started serves at once.
    - ``slow_start``: the time over which a backend that came up gets its share again, in ten steps (default 0 s: all at
      once). For backends that are slow while they are cold.
    - ``statuses``: answers that pass, as codes or classes (default 200 to 399).
    - ``body``: text that must occur in the first 64 KiB of the answer (default None: any body will do).
    - ``host``: the Host that is asked for (default None: as for requests, and the upstream's own for ``"client"``).

    Times are seconds, or text like ``"250ms"``. Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        path: str = "/",
        *,
        interval: float | str = 10.0,
        timeout: float | str = 2.0,
        passes: int = 2,
        fails: int = 3,
        slow_start: float | str = 0.0,
        statuses: Statuses = range(200, 400),
        body: str | bytes | None = None,
        host: str | None = None,
    ) -> None:
        self.path = _path(path)
        self.interval = duration("HealthCheck", "interval", interval)
        self.timeout = duration("HealthCheck", "timeout", timeout)
        self.passes = whole("HealthCheck", "passes", passes)
        self.fails = whole("HealthCheck", "fails", fails)
        self.slow_start = seconds("HealthCheck", "slow_start", slow_start)
        self.statuses = statuses
        self.body = body
        self.host = _host(host)
        self._codes = status_codes("HealthCheck", statuses, least=200)
        if not self._codes:
            raise wrong_value(
                "HealthCheck", "statuses", statuses, "at least one code, or no backend is ever up"
            )
        self._text = _text(body)

    @property
    def reads(self) -> int:
        """How many bytes of the body are looked at: none without ``body``."""
        return READS if self._text else 0

    def passed(self, status: int, body: bytes) -> bool:
        """Whether an answer means that the backend is well."""
        return status in self._codes and self._text in body[:READS]

    def state(self) -> CheckState:
        """The state of one backend, to begin with: up."""
        return CheckState(self)


class CheckState:
    """What the checks of one backend have led to; ``up`` says whether it may get requests."""

    __slots__ = ("_against", "_check", "_ramp", "up")

    def __init__(self, check: HealthCheck) -> None:
        self._check = check
        self._against = 0  # checks in a row that say the opposite of `up`
        self._ramp = LONG_OVER
        self.up = True

    def result(self, ok: bool, now: float) -> bool | None:
        """A check has passed or failed. True or False when that brings the backend up or down, else None."""
        if ok == self.up:
            self._against = 0
            return None
        self._against += 1
        if self._against < (self._check.passes if ok else self._check.fails):
            return None
        self._against = 0
        self._ramp = Ramp(now, self._check.slow_start) if ok else LONG_OVER
        self.up = ok
        return ok

    def delay(self, rng: Random = _RANDOM) -> float:
        """Seconds until the next check."""
        part = 0.1 if self._against else 1.0 if self.up else 0.5
        return self._check.interval * part * rng.uniform(0.9, 1.1)

    def share(self, now: float) -> float:
        """How much of its weight counts, above 0 up to 1."""
        return self._ramp.share(now)

    def next_change(self, now: float) -> float | None:
        """When ``share`` will say something else, if nothing happens."""
        return self._ramp.next_change(now)

    def state(self, now: float) -> str:
        """``"down"``, ``"starting"`` or ``"up"``."""
        if not self.up:
            return "down"
        return "starting" if now < self._ramp.end else "up"

    def __repr__(self) -> str:
        word, other, needed = (
            ("up", "failed", self._check.fails) if self.up else ("down", "passed", self._check.passes)
        )
        return f"<CheckState: {word}, {self._against} of {needed} checks {other}>"


def _path(path: str) -> str:
    wanted = 'a path that starts with a slash, percent-encoded, such as "/readyz"'
    if not isinstance(path, str):
        raise wrong_type("HealthCheck", "path", path, wanted)
    if not _PATH.fullmatch(path):
        raise wrong_value("HealthCheck", "path", path, wanted)
    return path


def _host(host: str | None) -> str | None:
    wanted = 'a host such as "app.internal:8080", or None'
    if host is not None and not isinstance(host, str):
        raise wrong_type("HealthCheck", "host", host, wanted)
    if host is not None and not valid_host(host):
        raise wrong_value("HealthCheck", "host", host, wanted)
    return host


def _text(body: str | bytes | None) -> bytes:
    """What must occur; empty for nothing in particular."""
    if body is None:
        return b""
    wanted = "text that must occur in the answer, or None"
    if not isinstance(body, str | bytes):
        raise wrong_type("HealthCheck", "body", body, wanted)
    if not body:
        raise wrong_value("HealthCheck", "body", body, wanted)
    return body.encode() if isinstance(body, str) else body
