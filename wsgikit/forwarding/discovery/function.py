"""A function that gives the upstreams: the way to any registry there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from wsgikit.core.component import Component
from wsgikit.forwarding.discovery.lookup import LookupFailed, distinct
from wsgikit.forwarding.upstream import Upstream

Finder: TypeAlias = Callable[[], str | Upstream | Iterable[str | Upstream]]

INTERVAL = 10.0
"""Seconds between two calls: as long as a backend that fails is left alone (``PassiveHealth``), so that one which is
gone is struck off the list before it would be tried again, and a registry is asked six times a minute per process."""


class Function(Component):
    """Calls ``function()`` for URLs or Upstreams every 10 seconds; one that raises or finds none changes nothing.

    A registry that has lost its data says that there are no upstreams, so that is not believed; upstreams which are
    there and must take no requests are given with a weight of 0.
    """

    replaces = False

    def __init__(self, function: Finder) -> None:
        self.function = function

    def __str__(self) -> str:
        return f"resolve={self.function!a}"

    def look_up(self) -> tuple[list[Upstream], float]:
        """What the function gives now."""
        try:
            given = self.function()
            listed = [given] if isinstance(given, str | Upstream) else given
            found = distinct(one if isinstance(one, Upstream) else Upstream(one) for one in listed)
        except Exception as error:  # the user's own code: whatever goes wrong there must not end the looking
            raise LookupFailed(f"{type(error).__name__}: {error}") from error
        if not found:
            raise LookupFailed("it gave no upstream")
        return found, INTERVAL
