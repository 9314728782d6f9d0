"""Policies that draw: chance keeps many processes, none of which knows what the others do, from all choosing alike."""

from __future__ import annotations

from random import Random
from time import monotonic
from typing import TYPE_CHECKING

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_type
from wsgikit.core.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from wsgiref.types import WSGIEnvironment

    from wsgikit.forwarding.balancing.policies import C, Candidate

_UNKNOWN = 1e6  # seconds: longer than any latency


class TwoChoices(Component):
    """Draws two backends by weight and takes the less busy: nearly as even as ``least_conn``, without its stampedes.

    - ``rng``: where chance comes from (default None: a generator of each process's own; forked ones would draw alike).
    """

    def __init__(self, *, rng: Random | None = None) -> None:
        self.rng = rng
        self._rng = _own_generator("TwoChoices", rng)

    def __call__(self, backends: Sequence[C], environ: WSGIEnvironment) -> C:
        """The one of two that has fewer requests for its weight, this one included."""
        rng = self._rng.get()
        first = _drawn(backends, rng)
        if not first.in_flight or len(backends) == 1:
            return first  # none is better than idle, and what is drawn by weight comes out by weight
        second = _drawn([backend for backend in backends if backend is not first], rng)
        return first if _load(first) <= _load(second) else second


class PeakEWMA(Component):
    """Of two backends drawn at random, takes the one that will answer sooner: latency, times what it has to do.

    - ``rng``: where chance comes from (default None: a generator of each process's own; forked ones would draw alike).
    - ``clock``: the monotonic clock that latencies are measured by, in seconds.
    """

    def __init__(self, *, rng: Random | None = None, clock: Callable[[], float] = monotonic) -> None:
        self.rng = rng
        self.clock = clock
        self._rng = _own_generator("PeakEWMA", rng)

    def __call__(self, backends: Sequence[C], environ: WSGIEnvironment) -> C:
        """The one of two that costs less."""
        if len(backends) == 1:
            return backends[0]
        first, second = _pair(backends, self._rng.get())
        now = self.clock()
        return first if _cost(first, now) <= _cost(second, now) else second


class WeightedRandom(Component):
    """Draws a backend by weight.

    - ``rng``: where chance comes from (default None: a generator of each process's own; forked ones would draw alike).
    """

    def __init__(self, *, rng: Random | None = None) -> None:
        self.rng = rng
        self._rng = _own_generator("WeightedRandom", rng)

    def __call__(self, backends: Sequence[C], environ: WSGIEnvironment) -> C:
        """The backend drawn."""
        return _drawn(backends, self._rng.get())


def _load(backend: Candidate) -> float:
    """How busy it will be with one more request."""
    return (backend.in_flight + 1) / backend.weight


def _cost(backend: Candidate, now: float) -> float:
    """When it will answer one more request, more or less.

    One that never answered costs nothing, so that it gets tried: by one request, and not by all until that is answered.
    """
    seconds = backend.latency.value(now)
    if not seconds and backend.in_flight:
        seconds = _UNKNOWN
    return seconds * _load(backend)


def _drawn(backends: Sequence[C], rng: Random) -> C:
    """One of ``backends`` by weight."""
    whole = 0.0
    for backend in backends:
        whole += backend.weight
    mark = rng.random() * whole
    for backend in backends:
        mark -= backend.weight
        if mark < 0:
            return backend
    return backends[-1]  # sums of floats may be rounded up


def _pair(backends: Sequence[C], rng: Random) -> tuple[C, C]:
    """Two of ``backends``, which are two at least, each pair as likely as another."""
    first = int(rng.random() * len(backends))
    second = int(rng.random() * (len(backends) - 1))
    return backends[first], backends[second + (second >= first)]


def _own_generator(owner: str, rng: Random | None) -> PerProcess[Random]:
    """What gives ``rng``, or each process a generator of its own."""
    if rng is None:
        return PerProcess(Random)
    if not isinstance(rng, Random):
        raise wrong_type(owner, "rng", rng, "a random.Random, or None")
    return PerProcess(lambda: rng)
