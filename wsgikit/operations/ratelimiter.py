"""One rate, one strategy and one store, put together out of the library ``limits``: what is asked at each request."""

from __future__ import annotations

from hashlib import blake2b
from math import ceil
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

from limits import RateLimitItem, parse
from limits.errors import ConfigurationError
from limits.storage import Storage, storage_from_string
from limits.strategies import STRATEGIES as LIBRARY

from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.operations.hoststore import MOST_TIMES, HostStore, payload_of, table
from wsgikit.operations.service import meeting_place

if TYPE_CHECKING:
    from limits.strategies import RateLimiter

    Store = str | Storage

STRATEGIES = {
    "sliding-window": LIBRARY["sliding-window-counter"],
    "fixed-window": LIBRARY["fixed-window"],
    "moving-window": LIBRARY["moving-window"],
}

_STORES = ('"host"', '"memory"', 'a URI such as "redis://localhost:6379"')
_REDIS = frozenset({"redis", "rediss", "redis+unix", "valkey", "valkeys", "valkey+unix"})
_SHORT = 0.25  # seconds for Redis to connect, and to answer: a request waits for it


class Answer(NamedTuple):
    """Whether a request is within the rate; how many more are, and in how many seconds there will be another."""

    allowed: bool
    remaining: int
    reset: int


class Limiter:
    """A rate as a strategy counts it in a store; one for each process."""

    def __init__(self, strategy: RateLimiter, item: RateLimitItem) -> None:
        self._strategy = strategy
        self._item = item

    def ask(self, identity: str) -> Answer:
        """Count a request, if it is within the rate."""
        allowed = self._strategy.hit(self._item, identity)
        reset, remaining = self._strategy.get_window_stats(self._item, identity)
        return Answer(allowed, max(0, remaining), max(0, ceil(reset - time())))


def limiter(store: Store, strategy: str, item: RateLimitItem, service: str) -> Limiter:
    """The limiter that the options describe; the rate's ``namespace`` keeps it apart from others of the service."""
    return Limiter(STRATEGIES[strategy](_storage(store, strategy, item, service)), item)


def _storage(store: Store, strategy: str, item: RateLimitItem, service: str) -> Storage:
    if isinstance(store, Storage):
        return store
    if store == "host":
        payload, period = payload_of(strategy, item.amount), item.get_expiry()
        scope = blake2b(item.key_for().encode(), digest_size=8).hexdigest()
        return HostStore(table(meeting_place(service, f"rate-{scope}"), payload, period))
    uri = "memory://" if store == "memory" else store
    return cast("Storage", storage_from_string(uri, **_options(uri)))


def _options(uri: str) -> dict[str, Any]:
    """How a Redis is asked: at once or not at all, as by itself it would wait for ever, and try again for seconds."""
    if urlsplit(uri).scheme in _REDIS:
        return {"socket_timeout": _SHORT, "socket_connect_timeout": _SHORT, "retry": None}
    return {}


def parse_rate(rate: Any) -> RateLimitItem:
    """The rate, checked."""
    wanted = 'a rate such as "10/minute", "100 per hour" or "5/10 seconds" (second, minute, hour, day, month, year)'
    if not isinstance(rate, str):
        raise wrong_type("RateLimit", "rate", rate, wanted)
    if any(separator in rate for separator in ",;|"):
        raise wrong_value("RateLimit", "rate", rate, "one rate; for another, put a RateLimit around this one")
    try:
        item = parse(rate)
    except ValueError:
        raise wrong_value("RateLimit", "rate", rate, wanted) from None
    if item.amount < 1 or item.get_expiry() < 1:
        raise wrong_value(
            "RateLimit", "rate", rate, "at least one request; Deny() or Maintenance lets none in"
        )
    return item


def check_store(store: Any, strategy: Any, item: RateLimitItem) -> None:
    """Raise for a store or a strategy that will not do, before the first request comes."""
    if strategy not in STRATEGIES:
        raise wrong_choice("RateLimit", "strategy", strategy, STRATEGIES)
    if store == "host" and strategy == "moving-window" and item.amount > MOST_TIMES:
        wanted = (
            f'"sliding-window" for more than {MOST_TIMES} requests, as "moving-window" keeps the time of each'
        )
        raise wrong_value("RateLimit", "strategy", strategy, wanted)
    if store in ("host", "memory"):
        return
    if not isinstance(store, str | Storage):
        raise wrong_type("RateLimit", "store", store, f"{', '.join(_STORES)}, or a Storage of limits")
    try:
        STRATEGIES[strategy](_storage(store, strategy, item, ""))
    except (ConfigurationError, NotImplementedError, ValueError) as error:
        raise wrong_value("RateLimit", "store", store, f"{', '.join(_STORES)} ({error})") from None
