"""Rendezvous hashing with bounded load: the same backend for the same key, as long as it is not overrun.

Each backend waits a time that the hash of key and URL draws from an exponential distribution, its weight the rate; the
shortest wait wins. So each wins its share of the keys, the same in every process and on every machine, and when one
comes, goes or changes weight, only its own keys move (Thaler and Ravishankar 1998; weights: Schindelhauer and
Schomaker 2005). A key that everybody asks for would drown its backend, so one that has more in flight than its share
and a quarter is passed over for the next in line (Mirrokni, Thorup and Zadimoghaddam 2018).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from math import ceil, inf, log
from typing import TYPE_CHECKING, Any

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_value
from wsgikit.core.process import PerProcess
from wsgikit.forwarding.balancing import keys
from wsgikit.forwarding.balancing.turns import SmoothTurns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from wsgiref.types import WSGIEnvironment

    from wsgikit.forwarding.balancing.policies import C, Candidate

LOAD = 1.25
"""How much of its share a backend may have in flight before its keys go elsewhere."""


class Rendezvous(Component):
    """Gives requests with the same key to the same backend: ``"hash:client_ip"`` is ``Rendezvous("client_ip")``.

    - ``key``: ``"client_ip"`` (REMOTE_ADDR), ``"path"`` (PATH_INFO), ``"header:NAME"`` or ``"cookie:NAME"``. Requests
      without it take turns, as they would all land on one backend otherwise.

    Raises ``ValueError`` for another key.
    """

    def __init__(self, key: str) -> None:
        try:
            self._identify = keys.key(key)
        except ValueError as error:
            raise wrong_value("Rendezvous", "key", key, str(error)) from None
        self.key = key
        self._turns = PerProcess(SmoothTurns)

    def __call__(self, backends: Sequence[C], environ: WSGIEnvironment) -> C:
        """The backend that wins the request's key, unless it has too much to do."""
        key = self._identify(environ)
        if not key:
            return self._turns.get().next(backends, backends)
        text = key.encode("utf-8", "surrogatepass")
        winner = _winner(text, backends)
        if winner.in_flight > 1:  # nobody's bound is below one
            most = _most(backends)
            if winner.in_flight > ceil(most * winner.weight):
                within = [backend for backend in backends if backend.in_flight <= ceil(most * backend.weight)]
                winner = _winner(text, within or backends)  # none, when they have moved on while we looked
        return winner


def _winner(key: bytes, backends: Sequence[C]) -> C:
    """The one that waits the shortest time for ``key``."""
    winner, shortest = backends[0], inf
    for backend in backends:
        waiting = wait(key, backend.url) / backend.weight
        if waiting < shortest:
            winner, shortest = backend, waiting
    return winner


def _most(backends: Sequence[Candidate]) -> float:
    """How much a backend may have in flight for each unit of its weight, counting this request too."""
    in_flight, weight = 1, 0.0
    for backend in backends:
        in_flight += backend.in_flight
        weight += backend.weight
    return LOAD * in_flight / weight


def wait(key: bytes, url: str) -> float:
    """How long a backend of weight 1 waits before it takes ``key``: 0 to 44, on average 1."""
    drawn = _hasher(url).copy()
    drawn.update(key)
    return -log((int.from_bytes(drawn.digest(), "big") + 1) / 2**64)


@lru_cache(maxsize=4096)
def _hasher(url: str) -> Any:
    """A hash that has read ``url`` already; its length keeps the URL apart from the key."""
    text = url.encode()
    return blake2b(len(text).to_bytes(8, "big") + text, digest_size=8)
