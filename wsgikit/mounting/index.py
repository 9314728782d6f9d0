"""Which mount a request is for: read-only tables, built anew whenever a mount changes.

A path is walked from its front, one dict look-up for each segment, and no further than some mount reaches. So a
request costs the same with one mount and with ten thousand, and the rest of a long path is never looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from wsgikit.core.environ import DEFAULT_PORTS, host, scheme
from wsgikit.mounting.keys import LONGEST_HOST, split_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from wsgikit.mounting.keys import Key

    Find = Callable[[WSGIEnvironment, str], "Mounted | None"]


@dataclass(frozen=True, slots=True)
class Mounted:
    """One app in its place: the key as it was written, the path that goes over to SCRIPT_NAME, the app."""

    key: str
    path: str
    app: WSGIApplication


class ByPath:
    """Apps by path: the longest that a request lies under, on segment boundaries."""

    __slots__ = ("_nodes", "_root")

    def __init__(self, mounted: Iterable[Mounted]) -> None:
        by_path = {one.path: one for one in mounted}
        deeper = {above for path in by_path for above in _above(path)}
        # Each path on the way to a mount: the longest mount up to there, and whether another lies deeper.
        nodes: dict[str, tuple[Mounted | None, bool]] = {}
        for path in sorted(by_path.keys() | deeper | {""}, key=len):
            inherited, _ = nodes[path.rpartition("/")[0]] if path else (None, False)
            nodes[path] = (by_path.get(path, inherited), path in deeper)
        self._root = nodes.pop("")
        self._nodes = nodes

    def find(self, environ: WSGIEnvironment, path: str) -> Mounted | None:
        """What is mounted on the longest part of ``path``; the environ is for those who ask for the host."""
        found, deeper = self._root
        end = 0
        while deeper:
            end = path.find("/", end + 1)
            node = self._nodes.get(path if end < 0 else path[:end])
            if node is None:
                break
            found, deeper = node
            if end < 0:
                break
        return found


def _above(path: str) -> Iterator[str]:
    """The paths above ``path``, up to the root."""
    while path:
        path = path.rpartition("/")[0]
        yield path


class ByHost:
    """Apps by host, and then by path.

    An exact host goes before a wildcard, and both before the keys without a host, which also take what finds no path
    under its host. Of several keys for one host (with and without port or scheme, or wildcards of different length)
    the longer path wins, then the more exact key.
    """

    __slots__ = ("_anywhere", "_hosts", "_tables")

    def __init__(self, mounted: Mapping[Key, Mounted]) -> None:
        groups: dict[str, dict[tuple[str, str], list[Mounted]]] = {}
        for key, one in mounted.items():
            groups.setdefault(key.host, {}).setdefault((key.scheme, key.port), []).append(one)
        self._anywhere = ByPath(groups.pop("", {}).get(("", ""), ()))
        self._hosts = {
            name: {door: ByPath(group) for door, group in doors.items()} for name, doors in groups.items()
        }
        self._tables = lru_cache(maxsize=1024)(self._look_up)  # there are few distinct hosts

    def find(self, environ: WSGIEnvironment, path: str) -> Mounted | None:
        """What is mounted where the request goes."""
        text = host(environ)
        if len(text) <= LONGEST_HOST:
            for tables in self._tables(text, scheme(environ)):
                best: Mounted | None = None
                for table in tables:
                    found = table.find(environ, path)
                    if found is not None and (best is None or len(found.path) > len(best.path)):
                        best = found
                if best is not None:
                    return best
        return self._anywhere.find(environ, path)

    def _look_up(self, text: str, scheme: str) -> tuple[tuple[ByPath, ...], ...]:
        """The tables that the host's own keys give, and those of its wildcards; in each the more exact first."""
        name, port = split_host(text)
        port = port or DEFAULT_PORTS.get(scheme, "")
        doors = ((scheme, port), ("", port), (scheme, ""), ("", ""))
        wildcards = [f"*{name[dot:]}" for dot in range(1, len(name)) if name[dot] == "."]
        return self._behind([name], doors), self._behind(wildcards, doors)

    def _behind(self, names: list[str], doors: tuple[tuple[str, str], ...]) -> tuple[ByPath, ...]:
        groups = [self._hosts[name] for name in names if name in self._hosts]
        return tuple(group[door] for group in groups for door in doors if door in group)


def index(mounted: Mapping[Key, Mounted]) -> Find:
    """How to find what a request is for, from its environ and PATH_INFO; None where there is nothing."""
    if any(key.host for key in mounted):
        return ByHost(mounted).find
    return ByPath(mounted.values()).find
