"""The rules of each host, and which of them a request is for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from wsgikit.routing.hosts import split
from wsgikit.routing.pattern import Part
from wsgikit.routing.reader import reader
from wsgikit.routing.source import Source
from wsgikit.routing.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wsgikit.routing.entry import Entry
    from wsgikit.routing.source import Walk


class Below:
    """The rules below one host, one pattern of hosts, or (``host`` None) every host: a walk, and its source."""

    def __init__(
        self, host: str | Part | None, entries: list[Entry], *, strict_slashes: bool, rivals: set[Entry]
    ) -> None:
        self.host = host
        self.names_port = entries[0].names_port
        self.read = reader(host) if isinstance(host, Part) else None
        self.source = Source(tree(entries), strict_slashes=strict_slashes, rivals=rivals)
        self.walk, self.first = self.source.functions()

    def __str__(self) -> str:
        if self.host is None:
            return "every host"
        return (
            f"hosts like {self.host.content!r}" if isinstance(self.host, Part) else f"the host {self.host!r}"
        )


class Hosts:
    """All rules, by host: ``named`` hosts are tried first, then ``patterns`` by weight, then ``every`` host's."""

    def __init__(self, entries: Iterable[Entry], *, strict_slashes: bool, rivals: set[Entry]) -> None:
        grouped: dict[str | Part | None, list[Entry]] = defaultdict(list)
        for entry in entries:
            host = entry.host
            grouped[_normal(host.content) if host is not None and host.static else host].append(entry)
        self.named: dict[str, Below] = {}
        self.every: Below | None = None
        patterns: list[tuple[Part, Below]] = []
        for key, group in grouped.items():
            below = Below(key, group, strict_slashes=strict_slashes, rivals=rivals)
            if key is None:
                self.every = below
            elif isinstance(key, Part):
                patterns.append((key, below))
            else:
                self.named[key] = below
        self.patterns = [below for part, below in sorted(patterns, key=lambda pattern: pattern[0].weight)]

    @property
    def alike(self) -> bool:
        """Whether the host makes no difference."""
        return not self.named and not self.patterns

    def in_order(self) -> Iterator[Below]:
        """The rules of each host, in the order in which they are tried."""
        yield from self.named.values()
        yield from self.patterns
        if self.every is not None:
            yield self.every

    def walks(self, host: str, scheme: str) -> Iterator[tuple[Walk, tuple[str, ...]]]:
        """The walks that a request for ``host`` takes, in order, and what its pattern found in the host."""
        if host and not self.alike:
            name, port = split(host, scheme)
            for spelling in (f"{name}:{port}", name):
                if spelling in self.named:
                    yield self.named[spelling].walk, ()
            for below in self.patterns:
                values = below.read(f"{name}:{port}" if below.names_port else name) if below.read else None
                if values is not None:
                    yield below.walk, values
        if self.every is not None:
            yield self.every.walk, ()


def _normal(host: str) -> str:
    """A host as requests are compared with it: one without a port is meant for any port."""
    name, port = split(host, "")
    if not name:
        raise ValueError(
            f"Router: no request is for the host {host!r}: give one like 'example.com' or '[::1]:8080'"
        )
    return f"{name}:{port}" if port else name
