"""The server behind a RedisStore: how it is reached, and how little it may cost when it fails."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.process import PerProcess
from wsgikit.core.secret import without_password
from wsgikit.responses.cache.entry import StoreError, StoreResting

if TYPE_CHECKING:
    from collections.abc import Iterator

_REST = 1.0  # seconds for which a server that failed is not asked again
_SCHEMES = {"redis": "redis", "rediss": "rediss", "unix": "unix", "valkey": "redis", "valkeys": "rediss"}
_WANTED = "a URL such as redis://host:6379/0, rediss://host or unix:///run/redis.sock"


class RedisServer:
    """A server by its URL, with connections per process, made when they are needed.

    After a failure nobody asks it for a second; then one does, and finds out for all.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._redis = _redis()
        self._url = _understood(url)
        self._timeout = timeout
        self._live: PerProcess[_Live] = PerProcess(lambda: _Live(self._client()))
        try:
            self._client()
        except ValueError as error:  # a port that is no number
            raise wrong_value("RedisStore", "url", without_password(url), f"{_WANTED} ({error})") from None

    @contextmanager
    def asked(self) -> Iterator[Any]:
        """The client, to be asked something. What it raises comes as a ``StoreError``."""
        live = self._live.get()
        if live.failed:
            now = monotonic()
            if now < live.again:
                raise StoreResting("redis failed a moment ago and is not asked again yet")
            live.again = now + _REST
        try:
            yield live.client
        except (self._redis.ConnectionError, self._redis.TimeoutError, OSError) as error:
            live.again = monotonic() + _REST
            live.failed = True
            raise StoreError(f"redis: {error}") from error
        except self._redis.RedisError as error:
            # It answers, though not as wished: it may be full, and still be read.
            live.failed = False
            raise StoreError(f"redis: {error}") from error
        live.failed = False

    def get(self, client: Any, key: str) -> bytes | None:
        """The bytes under a key; what is of another type is nothing we have stored, and removed."""
        try:
            data: bytes | None = client.get(key)
        except self._redis.ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            client.delete(key)
            return None
        return data

    def close(self) -> None:
        """Close this process's connections."""
        live = self._live.drop()
        if live is not None:
            live.client.close()

    def _client(self) -> Any:
        # No second attempt: while a cache waits, its client waits.
        retry = import_module("redis.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
        return self._redis.Redis.from_url(
            self._url, socket_connect_timeout=self._timeout, socket_timeout=self._timeout, retry=retry
        )


class _Live:
    """One process's connections, and how the server does."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.failed = False
        self.again = 0.0


def _understood(url: str) -> str:
    """The URL as the library knows it, which has no names for Valkey."""
    if not isinstance(url, str):
        raise wrong_type("RedisStore", "url", url, _WANTED)
    scheme, colon, rest = url.partition("://")
    if scheme not in _SCHEMES or not colon:
        raise wrong_value("RedisStore", "url", without_password(url), _WANTED)
    return f"{_SCHEMES[scheme]}://{rest}"


def _redis() -> Any:
    try:
        return import_module("redis")
    except ImportError as error:
        raise ImportError("RedisStore: redis is not installed; wsgikit[redis] brings it") from error
