"""A backend as policies see one, and what comes of asking a policy many times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wsgikit.forwarding.balancing.latency import Latency
from wsgikit.forwarding.balancing.policies import Policy


@dataclass(eq=False)
class Fake:
    url: str
    weight: float = 1
    in_flight: int = 0
    latency: Latency = field(default_factory=Latency)


def fakes(urls: str = "abc", **attributes: Any) -> list[Fake]:
    return [Fake(url, **attributes) for url in urls]


def order(policy: Policy, backends: Sequence[Fake], turns: int, **environ: Any) -> str:
    """The URLs that come up, one after the other."""
    return "".join(policy(backends, environ).url for _ in range(turns))


def shares(policy: Policy, backends: Sequence[Fake], turns: int = 6000) -> dict[str, float]:
    """Which part of many requests each backend gets."""
    counted = Counter(order(policy, backends, turns))
    return {backend.url: counted[backend.url] / turns for backend in backends}
