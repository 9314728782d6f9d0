"""RedisStore: responses kept in a Redis or Valkey that several hosts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.secret import without_password
from wsgikit.core.units import seconds, size
from wsgikit.responses.cache.entry import Entry, wrong_size
from wsgikit.responses.cache.stores.gathered import Gathered
from wsgikit.responses.cache.stores.record import digest, packed, reader, sound
from wsgikit.responses.cache.stores.redisserver import RedisServer
from wsgikit.responses.cache.stores.variants import placed

if TYPE_CHECKING:
    from collections.abc import Callable


class _Page(msgspec.Struct, frozen=True, array_like=True):
    """What is under a key: its own name, so that it cannot stand for another, and the entries, newest first."""

    name: str
    entries: list[Entry]


_read = reader(_Page)


class RedisStore(Component):
    """Keeps responses in a Redis or Valkey server, which several hosts may share.

    - ``url``: ``"redis://host:6379/0"``, ``"rediss://"`` (TLS), ``"unix:///run/redis.sock"``, or the same with
      ``valkey``. A password in it is not shown.
    - ``prefix``: what the keys begin with (default ``"wsgikit:cache:"``): apps of one prefix share their responses.
    - ``ttl``: seconds, or text such as ``"1d"`` (the default), after which a response goes that was neither stored
      again nor validated. What bounds the memory is the server's ``maxmemory``; with ``maxmemory-policy
      volatile-ttl`` the index of tags goes last.
    - ``largest``: bytes, or text such as ``"16MiB"`` (the default), of the longest body kept: bodies are gathered in
      memory on their way to the server.
    - ``timeout``: seconds, or text such as ``"250ms"`` (the default), for connecting and for each answer. After a
      failure the server is left alone for a second, so that one that hangs costs a request now and then, and not all.

    Raises ``ValueError`` or ``TypeError`` for options that will not do, ``ImportError`` without redis (extra
    ``redis``).
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "wsgikit:cache:",
        ttl: float | str = "1d",
        largest: int | str = "16MiB",
        timeout: float | str = "250ms",
    ) -> None:
        if not isinstance(prefix, str):
            raise wrong_type("RedisStore", "prefix", prefix, "text")
        self.url = url
        self.prefix = prefix
        self.ttl = ttl
        self.timeout = timeout
        self.largest = size("RedisStore", "largest", largest)
        self._ttl = int(_positive("ttl", ttl, 1.0))
        self._server = RedisServer(url, _positive("timeout", timeout, 0.001))

    def options(self) -> dict[str, Any]:
        """What was passed to the constructor, but for the password."""
        passed = super().options()
        return {**passed, "url": without_password(passed["url"])}

    def find(self, key: str) -> list[Entry]:
        """The variants under ``key``, newest first."""
        name = digest(key)
        with self._server.asked() as client:
            data = self._server.get(client, self._meta(name))
            if data is None:
                return []
            entries = _entries(data, name)
            if entries is None:
                client.delete(self._meta(name))
            return entries or []

    def body(self, entry: Entry) -> bytes | None:
        """The body; None when it has expired or was evicted."""
        key = self._body(entry)
        with self._server.asked() as client:
            data = self._server.get(client, key)
            if data is None or len(data) == entry.size:
                return data
            client.delete(key)
            return None

    def write(self, key: str) -> RedisWriter:
        """Begin to store a response under ``key``; the server hears of it at ``commit``."""
        return RedisWriter(self.largest, lambda entry, body: self._keep(digest(key), entry, body))

    def freshen(self, key: str, entry: Entry) -> None:
        """Give the entry with the same id new headers and times, and its body as long to live."""

        def freshened(entries: list[Entry]) -> list[Entry]:
            return placed(entry, entries) if any(known.id == entry.id for known in entries) else entries

        with self._server.asked() as client:
            client.expire(self._body(entry), self._ttl)
            self._change(client, digest(key), freshened)

    def forget(self, key: str, id: str | None = None) -> int:  # noqa: A002 - the attribute's own name
        """Remove every variant under ``key``, or the one with that id."""
        with self._server.asked() as client:
            return self._change(
                client, digest(key), lambda entries: [e for e in entries if id not in (None, e.id)]
            )

    def forget_tag(self, tag: str) -> int:
        """Remove every entry that bears ``tag``."""
        forgotten = 0
        with self._server.asked() as client:
            for member in client.smembers(self._tag(tag)):
                forgotten += self._change(
                    client,
                    member.decode("ascii", "replace"),
                    lambda entries: [entry for entry in entries if tag not in entry.tags],
                    untagged=tag,
                )
        return forgotten

    def close(self) -> None:
        """Close this process's connections."""
        self._server.close()

    def _keep(self, name: str, entry: Entry, body: bytes) -> bool:
        with self._server.asked() as client:
            # First the body: whoever finds the entry finds it.
            client.set(self._body(entry), body, ex=self._ttl)
            self._change(client, name, lambda entries: placed(entry, entries))
        return True

    def _change(
        self,
        client: Any,
        name: str,
        to: Callable[[list[Entry]], list[Entry]],
        *,
        untagged: str | None = None,
    ) -> int:
        """Put ``to(entries)`` in the place of a key's entries; says how many fewer they are."""
        key = self._meta(name)
        fewer = 0

        def change(pipe: Any) -> None:
            nonlocal fewer
            data = self._server.get(pipe, key)
            found = None if data is None else _entries(data, name)
            before = found or []
            after = to(before)
            fewer = len(before) - len(after)
            pipe.multi()
            if after != before:
                self._write(pipe, name, before, after)
            elif data is not None and found is None:
                pipe.delete(key)
            if untagged is not None:
                pipe.srem(self._tag(untagged), name)

        client.transaction(change, key)  # once more for each time that others change the key meanwhile
        return fewer

    def _write(self, pipe: Any, name: str, before: list[Entry], after: list[Entry]) -> None:
        if after:
            pipe.set(self._meta(name), packed(_Page(name, after)), ex=self._ttl)
        else:
            pipe.delete(self._meta(name))
        for tag in {tag for entry in after for tag in entry.tags}:
            pipe.sadd(self._tag(tag), name)
            pipe.expire(self._tag(tag), self._ttl + 60)  # the index outlives what it leads to
        kept = {entry.id for entry in after}
        for entry in before:
            if entry.id not in kept:
                pipe.delete(self._body(entry))

    def _meta(self, name: str) -> str:
        return f"{self.prefix}meta:{name}"

    def _body(self, entry: Entry) -> str:
        return f"{self.prefix}body:{digest(entry.id)}"

    def _tag(self, tag: str) -> str:
        return f"{self.prefix}tag:{digest(tag)}"


class RedisWriter:
    """A response on its way into a ``RedisStore``; until it is committed it is in this process alone."""

    __slots__ = ("_body", "_keep", "_largest")

    def __init__(self, largest: int, keep: Callable[[Entry, bytes], bool]) -> None:
        self._largest = largest
        self._keep = keep
        self._body: Gathered | None = Gathered()  # None once it has ended

    def write(self, chunk: bytes) -> bool:
        """Add to the body. False: it will not be kept."""
        body = self._body
        if body is None:
            return False
        if body.size + len(chunk) > self._largest:
            self._body = None
            return False
        body.add(chunk)
        return True

    def commit(self, entry: Entry) -> bool:
        """Make the response visible; False if it was not kept."""
        body, self._body = self._body, None
        if body is None:
            return False
        if entry.size != body.size:
            raise wrong_size(entry, body.size)
        return self._keep(entry, body.whole())

    def discard(self) -> None:
        """Leave nothing behind."""
        self._body = None


def _entries(data: bytes, name: str) -> list[Entry] | None:
    page = _read(data)
    if page is None or page.name != name or not all(map(sound, page.entries)):
        return None
    return page.entries


def _positive(option: str, value: float | str, least: float) -> float:
    amount = seconds("RedisStore", option, value)
    if amount < least:
        raise wrong_value("RedisStore", option, value, f"{least:g} s or more")
    return amount
