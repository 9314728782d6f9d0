"""Which backends may be given requests now: the best tier that has any, read from where each stands.

- **usable**: up, not draining, its breaker lets requests through, not ejected.
- **reserve**: only ejected by passive health, which sees little and may be wrong.
- **out**: drained, of no weight, down by its active checks, its breaker open.

The tiers are the primaries and the backups. The first with a usable backend gives its usable ones. When no tier has
any, guesses about health are worth less than an answer: the first with backends in reserve gives those (panic).
A request that has failed at every primary, or finds them full, may still go to the backups of the same level.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgikit.forwarding.backend import Backend

OUT, RESERVE, USABLE = range(3)


class Standing(NamedTuple):
    """Where a backend stands, and until when (monotonic seconds; None: until something happens)."""

    backend: Backend
    level: int
    until: float | None


class Available(NamedTuple):
    """The backends to choose from, the backups behind them, until when that holds, and whether it is panic."""

    backends: tuple[Backend, ...]
    backups: tuple[Backend, ...]
    until: float
    panic: bool


def available(standings: Iterable[Standing]) -> Available:
    """The backends to choose from."""
    listed = list(standings)
    until = min((one.until for one in listed if one.until is not None), default=inf)
    for level in (USABLE, RESERVE):
        found = [one.backend for one in listed if one.level == level]
        primaries = tuple(one for one in found if not one.backup)
        backups = tuple(one for one in found if one.backup)
        if primaries:
            return Available(primaries, backups, until, level == RESERVE)
        if backups:
            return Available(backups, (), until, level == RESERVE)
    return Available((), (), until, False)
