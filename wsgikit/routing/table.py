"""Everything a router has compiled, as it is at one moment: made anew when routes are added, never changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import quote

from wsgikit.core.environ import scheme as scheme_of
from wsgikit.routing.answers import SLASH, Spelling
from wsgikit.routing.entry import PATH_SAFE, Entry
from wsgikit.routing.errors import MethodNotAllowed, NotFound, Redirected
from wsgikit.routing.hosted import Hosts
from wsgikit.routing.hosts import split
from wsgikit.routing.route import Match
from wsgikit.routing.urls import Urls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import WSGIEnvironment

    from werkzeug.routing import Map

    from wsgikit.routing.route import Route
    from wsgikit.routing.source import Walk

    Missed: TypeAlias = list[tuple[Entry, tuple[str, ...]]]

_SLASHES = re.compile("/{2,}")
_QUERY_SAFE = "!$%&'()*+,/:;=?@[]{}|~^`"


class Exact(NamedTuple):
    """A route whose rule is plain text: found by the path alone."""

    route: Route
    methods: frozenset[str] | None
    defaults: dict[str, Any]


class Asked(NamedTuple):
    """What a request asks for."""

    path: str
    method: str
    host: str
    environ: WSGIEnvironment | None

    @property
    def scheme(self) -> str:
        """The scheme of the request; http where there is none to be seen."""
        return "http" if self.environ is None else scheme_of(self.environ)

    @property
    def query(self) -> str:
        """The query with its question mark: what is there stays, what may not stand there is encoded."""
        text = "" if self.environ is None else self.environ.get("QUERY_STRING", "")
        return "?" + quote(text.encode("latin-1", "replace"), safe=_QUERY_SAFE) if text else ""

    def allows(self, entry: Entry) -> bool:
        """Whether the condition of a route holds."""
        when = entry.route.when
        return when is None or (self.environ is not None and when(self.environ))


class Table:
    """The compiled routes.

    ``exact``, ``first`` and ``walk`` are short ways for ``Router.match``, there where hosts make no difference: the
    rules of plain text by path, the walks by the first segment, and the whole walk.
    """

    def __init__(self, routes: Iterable[Route], converters: Map, *, strict: bool, merge: bool) -> None:
        self._merge = merge
        self.entries = [Entry(route, converters, merge_slashes=merge) for route in routes]
        self.urls = Urls(self.entries)
        self.hosts = Hosts(self.entries, strict_slashes=strict, rivals=set(self.urls.rivals))
        self.exact: dict[str, Exact] = {}
        self.first: dict[str, Walk] = {}
        self.walk: Walk | None = None
        if self.hosts.alike and self.hosts.every is not None:
            self.exact = dict(self._exact())
            self.first, self.walk = self.hosts.every.first, self.hosts.every.walk

    def _exact(self) -> Iterator[tuple[str, Exact]]:
        """Rules of plain text come first in every walk, so the first of each text may be found without one."""
        seen: set[str] = set()
        for entry in self.entries:
            path = "/".join(part.content for part in entry.parts)
            if not all(part.static for part in entry.parts) or path in seen:
                continue
            seen.add(path)
            route = entry.route
            if route.when is None and entry not in self.urls.rivals:
                yield path, Exact(route, route.methods, dict(entry.defaults))

    def find(self, path: str, method: str, host: str, environ: WSGIEnvironment | None) -> Match:
        """The match, by every rule there is; raises what ``Router.match`` raises."""
        if path:
            path = "/" + path.lstrip("/")
        asked = Asked(path, method, host, environ)
        missed: Missed = []
        found = self._walked(asked, missed)
        if found is not None:
            return self._settled(found, asked)
        if self._merge and "//" in path:
            merged = asked._replace(path=_SLASHES.sub("/", path))
            found = self._walked(merged, missed)
            if found is not None:
                raise Redirected(_location(merged, slash=found is SLASH))
        allow = {
            name
            for entry, raw in missed
            if entry.accepts(raw) and asked.allows(entry)
            for name in entry.route.methods or ()
        }
        if allow:
            raise MethodNotAllowed(allow)
        raise NotFound(path)

    def _walked(self, asked: Asked, missed: Missed) -> object | None:
        parts = asked.path.split("/")
        for walk, values in self.hosts.walks(asked.host, asked.scheme):
            found = walk(parts, len(parts), asked.method, asked.environ, missed, values)
            if found is not None:
                return found
        return None

    def _settled(self, found: object, asked: Asked) -> Match:
        """The match that a walk has found, or the redirect that it comes to."""
        if isinstance(found, Match):
            return found
        if not isinstance(found, Spelling):
            raise Redirected(_location(asked, slash=True))
        for other in self.urls.rivals[found.entry]:
            if other.takes(asked.method) and other.suits(found.args) and asked.allows(other):
                try:
                    location = _elsewhere(other, found.args, asked)
                except (ValueError, TypeError):  # its converters cannot write these values
                    continue
                raise Redirected(location)
        return Match(found.entry.route, found.args)

    def in_order(self) -> list[Entry]:
        """Every route, in the order in which requests try them."""
        return [entry for below in self.hosts.in_order() for entry in below.source.root.walk()]

    def explain(self) -> str:
        """What was compiled, as text."""
        lines = [f"# {len(self.entries)} routes, in the order in which a request tries them"]
        lines += [f"#   {entry!r}" for entry in self.in_order()]
        if self.exact:
            lines += ["", "# by the whole path, before anything else"]
            lines += [f"exact[{path!r}] = {exact.route.app!r}" for path, exact in self.exact.items()]
        for below in self.hosts.in_order():
            lines += ["", f"# {below}", below.source.text]
        return "\n".join(lines) + "\n"


def _location(asked: Asked, *, slash: bool) -> str:
    """The path, percent-encoded, and the query of the request. Two slashes in front would name a host."""
    path = asked.path + ("/" if slash else "")
    return "/" + quote(path.lstrip("/"), safe=PATH_SAFE, errors="replace") + asked.query


def _elsewhere(entry: Entry, args: dict[str, Any], asked: Asked) -> str:
    """The URL of ``entry``: a path, or absolute where its host is not the one that was asked for."""
    host, path, _ = entry.url({**args, **entry.defaults})
    name, port = split(asked.host, asked.scheme)
    if not host or host in (name, f"{name}:{port}"):
        return path + asked.query
    _, colon, written = asked.host.rpartition(":")
    if not entry.names_port and colon and written.isdigit():
        host = f"{host}:{written}"
    return f"{asked.scheme}://{host}{path}{asked.query}"
