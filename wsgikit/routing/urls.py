"""Routes by name: the URL that a name and values give, and which of several routes of one name is canonical."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from werkzeug.routing import ValidationError

from wsgikit.core.errors import suggestion
from wsgikit.routing.entry import build_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgikit.routing.entry import Entry


class Urls:
    """The named routes. ``rivals`` are those that may give way to another spelling, each with the routes it may be."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._named: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.route.name is not None:
                self._named[entry.route.name].append(entry)
        self.rivals: dict[Entry, list[Entry]] = {}
        for named in self._named.values():
            named.sort(key=build_order)
            for place, entry in enumerate(named):
                better = [other for other in named[:place] if other.is_canonical_for(entry)]
                if better:
                    self.rivals[entry] = better

    def url(self, name: str, values: dict[str, Any]) -> str:
        """The URL of the route called ``name``; a route that answers GET goes before others."""
        named = self._named.get(name)
        if not named:
            raise LookupError(f"Router: no route is named {name!r}{suggestion(str(name), self._named)}")
        given = {key: value for key, value in values.items() if value is not None}
        for method in ("GET", None):
            url = _url(named, given, method)
            if url is not None:
                return url
        raise LookupError(f"Router: url_for({name!r}): {_lacking(named, given)}")


def _url(named: list[Entry], values: dict[str, Any], method: str | None) -> str | None:
    """The URL of the first route that ``values`` suit; one of every host goes before one with a host."""
    hosted: str | None = None
    for entry in named:
        if not entry.takes(method) or not entry.suits(values):
            continue
        try:
            host, path, query = entry.url(values)
        except ValidationError:
            continue
        url = path + (f"?{query}" if query else "")
        if not host:
            return url
        hosted = hosted or f"//{host}{url}"
    return hosted


def _lacking(named: list[Entry], values: dict[str, Any]) -> str:
    wanted = [sorted(entry.wanted - set(values)) for entry in named]
    if all(wanted):
        return f"a value for {' or '.join(', '.join(names) for names in wanted)} is wanted"
    return f"the values {values!r} contradict the route's defaults, or a converter rejects them"
