"""A route with its rule read: the parts to match, and the URL to build."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from werkzeug.routing import BaseConverter, ValidationError

from wsgikit.routing.pattern import Part, Placeholder, parts, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from werkzeug.routing import Map

    from wsgikit.routing.pattern import Variable
    from wsgikit.routing.route import Route

PATH_SAFE = "!$&'()*+,/:;=@"
"""What stands unquoted in a path (URL standard, path percent-encode set), beside letters, digits and ``-._~``."""

_QUERY_SAFE = "!$'()*,/:;?@"
_UNQUOTED = re.compile(r"[A-Za-z0-9._~-]*").fullmatch
_PORT = re.compile(r":[0-9]+\Z")


class Entry:
    """One route of a router: what the compiled walk leads to.

    ``arguments`` makes the values of the raw texts that the walk found: those of the host first, then those of
    the path. ``url`` goes the other way.
    """

    def __init__(self, route: Route, converters: Map, *, merge_slashes: bool) -> None:
        rule = re.sub("/{2,}", "/", route.rule) if merge_slashes else route.rule
        path, host = tokens(rule), _lower(tokens(route.host or ""))
        if rule.startswith("//"):
            raise ValueError(
                f"Router: the rule {route.rule!r} will not do: slashes in front of a path count as one"
            )
        self.route = route
        try:
            self.host: Part | None = next(parts(host, converters)) if host else None
            self.parts: tuple[Part, ...] = tuple(parts(path, converters))
        except ValueError as error:
            raise ValueError(f"Router: the rule {route.rule!r} will not do: {error}") from error
        self.names_port = bool(host) and isinstance(host[-1], str) and _PORT.search(host[-1]) is not None
        self.variables = _variables([self.host, *self.parts], route)
        self.defaults: Mapping[str, Any] = route.defaults or {}
        self.names = {variable.name for variable in self.variables} | set(self.defaults)
        self.wanted = self.names - set(self.defaults)
        self._trace = [[_trace(token) for token in text] for text in (host, path)]
        self._host_text, self._path_text = (_Text(trace, self) for trace in self._trace)

    def arguments(self, raw: Sequence[str]) -> dict[str, Any]:
        """The values of the raw texts; ``ValidationError`` where a converter rejects one."""
        found = {
            variable.name: variable.converter.to_python(text)
            for variable, text in zip(self.variables, raw, strict=True)
        }
        return {**found, **self.defaults}

    def accepts(self, raw: Sequence[str]) -> bool:
        """Whether no converter rejects its text."""
        try:
            self.arguments(raw)
        except ValidationError:
            return False
        return True

    def takes(self, method: str | None) -> bool:
        """Whether the route answers ``method``; None is any."""
        return method is None or self.route.methods is None or method in self.route.methods

    def suits(self, values: Mapping[str, Any]) -> bool:
        """Whether ``values`` give this route's URL: every variable has one, and none contradicts a default."""
        if not self.wanted <= values.keys():
            return False
        if not self.defaults:
            return True
        return all(values.get(name, default) == default for name, default in self.defaults.items())

    def is_canonical_for(self, other: Entry) -> bool:
        """Whether this route's defaults may make it the one proper spelling of what ``other`` matched."""
        return (
            bool(self.defaults)
            and self is not other
            and self._trace != other._trace
            and self.names == other.names
        )

    def url(self, values: Mapping[str, Any]) -> tuple[str, str, str]:
        """Host (empty for a route of every host), path and query of the URL that ``values`` give."""
        host = self._host_text.written(values) if self.host is not None else ""
        path = self._path_text.written(values)
        query = "" if values.keys() <= self.names else _query(values, self.names)
        # Two slashes in front would make the next word a host.
        return host, path if path[1:2] != "/" else "/" + path.lstrip("/"), query

    def __repr__(self) -> str:
        route = self.route
        methods = ",".join(sorted(route.methods)) if route.methods else "*"
        host = f"//{route.host}" if route.host else ""
        when = f" when {route.when!r}" if route.when is not None else ""
        shown = f"{methods} {host}{route.rule}{when}"
        return shown if shown.isprintable() else repr(shown)[1:-1]  # on one line, whatever is in it


def build_order(entry: Entry) -> tuple[int, int]:
    """Which of the routes of one name is asked first for a URL: more variables first, then more defaults."""
    return -len(entry.names), -len(entry.defaults)


class _Text:
    """The host or the path of a URL, to be written with values."""

    def __init__(self, trace: list[tuple[bool, str]], entry: Entry) -> None:
        to_url = {variable.name: _writer(variable.converter) for variable in entry.variables}
        self._values: list[tuple[str, Callable[[Any], str]]] = []
        self._template = ""
        for is_variable, text in trace:
            if not is_variable:
                self._template += _escaped(quote(text, safe=PATH_SAFE))
            elif text in entry.defaults:
                self._template += _escaped(to_url[text](entry.defaults[text]))
            else:
                self._template += "%s"
                self._values.append((text, to_url[text]))

    def written(self, values: Mapping[str, Any]) -> str:
        return self._template % tuple([to_url(values[name]) for name, to_url in self._values])


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _writer(converter: BaseConverter) -> Callable[[Any], str]:
    return _quoted if type(converter).to_url is BaseConverter.to_url else converter.to_url


def _quoted(value: Any) -> str:
    """What ``BaseConverter.to_url`` gives, sooner for what needs no quoting."""
    text = str(value)
    return text if _UNQUOTED(text) else quote(text, safe=PATH_SAFE)


def _lower(host: list[str | Placeholder]) -> list[str | Placeholder]:
    """Hosts do not differ by case (RFC 9110 section 4.2.3); the names of variables do."""
    return [token.lower() if isinstance(token, str) else token for token in host]


def _trace(token: str | Placeholder) -> tuple[bool, str]:
    return (True, token.name) if isinstance(token, Placeholder) else (False, token)


def _variables(of: list[Part | None], route: Route) -> tuple[Variable, ...]:
    found = tuple(variable for part in of if part is not None for variable in part.variables)
    if len({variable.name for variable in found}) < len(found):
        raise ValueError(f"Router: {route.rule!r} and its host {route.host!r} use one name for two variables")
    return found


def _query(values: Mapping[str, Any], but: set[str]) -> str:
    """The values that no variable takes, as a query; a list or tuple gives its name several times."""
    pairs: list[tuple[str, Any]] = []
    for name, value in values.items():
        if name not in but:
            several = value if isinstance(value, list | tuple | set) else (value,)
            pairs += [(name, one) for one in several if one is not None]
    return urlencode(pairs, safe=_QUERY_SAFE)
