"""Which backend takes the next request: functions of the backends and the request, and of nothing else.

| policy | takes | fits |
| --- | --- | --- |
| ``round_robin`` | the next in smooth weighted order | backends alike, requests alike |
| ``least_conn`` | the one with fewest requests in flight for its weight | requests of very different length |
| ``p2c`` | the less busy of two drawn by weight | the same with many processes in front, which must not all pick one |
| ``ewma`` | of two, the one that will answer sooner: latency times requests in flight | backends of different speed |
| ``random`` | one drawn by weight | very many processes in front |
| ``first`` | the first that is usable | a main backend, the others in reserve |
| ``hash:...`` | the one that the request's key belongs to | caches and sessions in the backends |
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol, TypeVar

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.core.process import PerProcess
from wsgikit.forwarding.balancing import keys
from wsgikit.forwarding.balancing.chance import PeakEWMA, TwoChoices, WeightedRandom
from wsgikit.forwarding.balancing.hashing import Rendezvous
from wsgikit.forwarding.balancing.turns import SmoothTurns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from wsgiref.types import WSGIEnvironment

    from wsgikit.forwarding.balancing.latency import Latency


class Candidate(Protocol):
    """What a policy sees of a backend."""

    @property
    def url(self) -> str:
        """Its URL, as it was given."""

    @property
    def weight(self) -> float:
        """Its share of the requests now, above 0."""

    @property
    def in_flight(self) -> int:
        """How many requests it has."""

    @property
    def latency(self) -> Latency:
        """How long it takes."""


C = TypeVar("C", bound=Candidate)


class Policy(Protocol):
    """Chooses one of the ``backends`` that can be used now, of which there is at least one."""

    def __call__(self, backends: Sequence[C], environ: WSGIEnvironment, /) -> C:
        """The backend for this request."""


class RoundRobin(Component):
    """Takes turns in smooth weighted order: 3 to 2 is ``a b a b a``, never ``a a a b b``."""

    def __init__(self) -> None:
        self._turns = PerProcess(SmoothTurns)

    def __call__(self, backends: Sequence[C], environ: WSGIEnvironment) -> C:
        """The backend whose turn it is."""
        return self._turns.get().next(backends, backends)


class LeastConnections(Component):
    """Takes the backend with fewest requests in flight for its weight; those that have equally few take turns."""

    def __init__(self) -> None:
        self._turns = PerProcess(SmoothTurns)

    def __call__(self, backends: Sequence[C], environ: WSGIEnvironment) -> C:
        """The least busy backend."""
        least, idlest = inf, []
        for backend in backends:
            load = backend.in_flight / backend.weight
            if load < least:
                least, idlest = load, [backend]
            elif load == least:
                idlest.append(backend)
        return idlest[0] if len(idlest) == 1 else self._turns.get().next(idlest, backends)


class First(Component):
    """Takes the first backend of the list that can be used."""

    def __call__(self, backends: Sequence[C], environ: WSGIEnvironment) -> C:
        """The first."""
        return backends[0]


POLICIES: dict[str, Callable[[], Policy]] = {
    "round_robin": RoundRobin,
    "least_conn": LeastConnections,
    "p2c": TwoChoices,
    "ewma": PeakEWMA,
    "random": WeightedRandom,
    "first": First,
}


def policy(owner: str, option: str | Policy) -> Policy:
    """The policy that the option ``policy`` of ``owner`` names or is.

    Raises ``ValueError`` for a name that is none, ``TypeError`` for what cannot be called with backends and environ.
    """
    if not isinstance(option, str):
        if not callable(option) or isinstance(option, type):
            raise wrong_type(owner, "policy", option, "a name, or a callable(backends, environ)")
        return option
    if option in POLICIES:
        return POLICIES[option]()
    name, _, key = option.partition(":")
    if name != "hash":
        raise wrong_choice(owner, "policy", option, (*POLICIES, *(f"hash:{key}" for key in keys.KEYS)))
    try:
        keys.key(key)
    except ValueError as error:
        raise wrong_value(owner, "policy", option, str(error)) from None
    return Rendezvous(key)
