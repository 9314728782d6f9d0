"""Smooth weighted round robin among whoever is there: 5, 1, 1 is ``a a b a c a a``, never ``a a a a a b c``.

Each turn is one request. Every candidate becomes due its share of it, by weight; the one that is due most takes it,
and is due one request less. That is nginx's order, counted in requests instead of weights, so that what a backend is
due means the same after others have come or gone, or weights have changed in the middle of a slow start.
"""

from __future__ import annotations

from math import inf
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wsgikit.forwarding.balancing.policies import Candidate

C = TypeVar("C", bound="Candidate")

# Less than any two shares differ by, and more than adding them up can be wrong: equals go in the order of the list.
_EQUAL = 1e-7

_GONE = 16  # how many of those that are gone may be remembered, besides as many as are there


class SmoothTurns:
    """What each backend is due, by its URL, and whose turn it is."""

    __slots__ = ("_due", "_lock")

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._lock = Lock()

    def next(self, candidates: Sequence[C], backends: Sequence[Candidate]) -> C:
        """The one of ``candidates`` whose turn it is; ``backends`` are all there are, the others just do not take part.

        Who sits out keeps what it is due, so that a backend which is full every other time still gets its share.
        """
        with self._lock:
            due = self._due
            whole = 0.0
            for candidate in candidates:
                whole += candidate.weight
            chosen, most = candidates[0], -inf
            for candidate in candidates:
                url = candidate.url
                due[url] = waiting = due.get(url, 0.0) + candidate.weight / whole
                if waiting > most:
                    chosen, most = candidate, waiting + _EQUAL
            due[chosen.url] -= 1
            if len(due) > 2 * len(backends) + _GONE:
                self._forget(backends)
        return chosen

    def _forget(self, backends: Sequence[Candidate]) -> None:
        """Drop those that are gone; should one come back, it begins anew, due nothing."""
        for gone in self._due.keys() - {backend.url for backend in backends}:
            del self._due[gone]
