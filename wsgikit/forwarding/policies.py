"""Which backend takes the next request: functions of the backends and the request, and of nothing else."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from wsgikit.core.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from wsgiref.types import WSGIEnvironment


class Weighted(Protocol):
    """What a policy sees of a backend."""

    @property
    def url(self) -> str:
        """Its URL, as it was given."""

    @property
    def weight(self) -> float:
        """Its share of the requests."""


class RoundRobin:
    """Smooth weighted round robin: 3 to 1 is ``a a b a``, never ``a a a b``.

    Each turn, every backend gains its weight, and the one that has most goes and pays the sum of all weights.
    """

    def __init__(self) -> None:
        self._state: PerProcess[_Turns] = PerProcess(_Turns)

    def __call__(self, backends: Sequence[Any], environ: WSGIEnvironment) -> Any:
        """The backend whose turn it is."""
        return self._state.get().next(backends)


class _Turns:
    """What each backend has gained, by its URL."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._gained: dict[str, float] = {}

    def next(self, backends: Sequence[Weighted]) -> Weighted:
        with self._lock:
            gained = self._gained
            for backend in backends:
                gained[backend.url] = gained.get(backend.url, 0) + backend.weight
            chosen = max(backends, key=lambda backend: gained[backend.url])
            gained[chosen.url] -= sum(backend.weight for backend in backends)
            return chosen


POLICIES: dict[str, Callable[[], Callable[[Sequence[Any], WSGIEnvironment], Any]]] = {
    "round_robin": RoundRobin,
}
