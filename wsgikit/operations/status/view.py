"""What the status page shows, before it is HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsgikit.core.component import Component
from wsgikit.core.tree import children, describe, walk
from wsgikit.operations.scoreboard import layout
from wsgikit.operations.scoreboard.records import UpstreamRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIApplication

    from wsgikit.operations.scoreboard.snapshot import Snapshot

_MOST = 500  # things shown of a tree


@dataclass(frozen=True)
class View:
    """The service at one moment, the app that it is, and connections that wait."""

    snapshot: Snapshot
    app: WSGIApplication
    waiting: int

    def upstreams(self) -> Iterator[tuple[str, UpstreamRecord, dict[str, Any]]]:
        """URL, what all workers have counted, and what this one knows, of each upstream, gone or not."""
        counted, seen = self.snapshot.upstreams, set()
        for url, known in self._known():
            name = layout.name(url)
            seen.add(name)
            yield url, counted.get(name, UpstreamRecord()), known
        for name, record in counted.items():
            if name not in seen:
                yield name, record, {}

    def _known(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """URL and record of each upstream of each proxy inside, as this process sees it."""
        for _, _, app in walk(self.app):
            told = getattr(app, "snapshot", None)
            if isinstance(app, Component) and callable(told):
                yield from told().get("upstreams", {}).items()

    def tree(self) -> Iterator[tuple[int, str, str]]:
        """Depth, label, and the layers down to an app, for each app inside.

        Names alone: options are for those who read the configuration, as there are secrets among them.
        """
        for number, line in enumerate(_tree(self.app, "", 0, ())):
            if number == _MOST:
                return
            yield line


def _tree(app: Any, label: str, depth: int, above: tuple[int, ...]) -> Iterator[tuple[int, str, str]]:
    names = [_name(app)]
    above += (id(app),)
    inner = children(app)
    while len(inner) == 1 and inner[0][0] == "app" and id(inner[0][1]) not in above:
        app = inner[0][1]
        names.append(_name(app))
        above += (id(app),)
        inner = children(app)
    yield depth, label, " › ".join(names)
    for name, child in inner:
        if id(child) not in above:
            yield from _tree(child, name, depth + 1, above)


def _name(app: Any) -> str:
    return type(app).__name__ if isinstance(app, Component) else describe(app)
