"""What ReverseProxy was told, as its backends need it: checked, in seconds, and the same in every process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from wsgikit.forwarding.balancing.policies import Policy
    from wsgikit.forwarding.balancing.retry import Retry
    from wsgikit.forwarding.balancing.sticky import Sticky
    from wsgikit.forwarding.health.breaker import CircuitBreaker
    from wsgikit.forwarding.health.checks import HealthCheck
    from wsgikit.forwarding.health.passive import PassiveHealth
    from wsgikit.forwarding.tls import TLS


@dataclass(frozen=True)
class Settings:
    """The options of ReverseProxy that outlive its constructor, by their names there."""

    policy: Policy
    host: str
    connect_timeout: float
    read_timeout: float
    total_timeout: float | None
    retry: Retry | None
    health: HealthCheck | None
    passive: PassiveHealth | None
    breaker: CircuitBreaker | None
    sticky: Sticky | None
    max_idle: int
    max_connections: int | None
    max_waiting: int
    tls: TLS | ssl.SSLContext | None
