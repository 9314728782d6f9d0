"""Where a redirect goes: a template for a URL, taken apart once into origin, path, query and fragment.

Scheme and host are the developer's. A capture in the path, however it looks (``//evil.org``, ``\\evil.org``,
``javascript:x``, ``.evil.org``, ``x@evil.org``), stays in the path. A capture may name a host only where the template
puts it into the host, and then has to be made of the characters of a host name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from wsgikit.core.errors import wrong_value
from wsgikit.routing.templates import (
    Name,
    Template,
    UnfitCapture,
    in_path,
    in_query,
    parse,
    quoted_query,
    refuse_controls,
)
from wsgikit.routing.text import decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIEnvironment

    from wsgikit.routing.templates import Part

# What may stand in a path as it is (RFC 3986); the plain text of a template may be percent-encoded already.
_PATH = "/:@!$&'()*+,;=~%"

_ORIGIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
_HOST = re.compile(r"[A-Za-z0-9.-]*")
_AUTHORITY = re.compile(r"[A-Za-z0-9._:\[\]-]*")
_NO_HOST = re.compile(r"//(?::|\Z)")
_CLIMB = re.compile(r"(?:\A|[/\\])\.\.?(?:[/\\]|\Z)")
_WANTED = 'a path that begins with "/", or a URL such as "https://example.com/{rest}"'


class Location:
    """The URL of a redirect, to be rendered for each request."""

    def __init__(self, text: str, *, layer: str, option: str) -> None:
        refuse_controls(str(text), layer=layer, option=option)
        parts, _, fragment = _cut(parse(text, layer=layer, option=option), "#")
        parts, _, query = _cut(parts, "?")
        origin, path = _split_origin(parts)
        wrong = _unsafe(origin, path)
        if wrong:
            raise wrong_value(layer, option, text, wrong)
        self._origin = Template(origin, in_host)
        self._path = Template(path, in_path, plain=_quoted_path)
        self._query = Template(query, in_query, plain=quoted_query)
        self._fragment = Template(fragment, in_query, plain=quoted_query)
        self._absolute = bool(origin)

    def render(self, environ: WSGIEnvironment, values: Mapping[str, str], *, keep_query: bool) -> str:
        """The URL, percent-encoded; a path is taken from the mount point, and the request's query added on demand."""
        origin = self._origin.render(values)
        if _NO_HOST.search(
            origin
        ):  # browsers skip slashes, and take the path of https:///evil.org for its host
            raise UnfitCapture("a host name was expected in the request")
        path = self._path.render(values)
        refuse_climbing(unquote(path))
        if path and not path.startswith("/"):
            path = "/" + path
        if not self._absolute:
            path = _below(environ.get("SCRIPT_NAME", ""), path or "/")
        kept = quoted_query(decoded(environ.get("QUERY_STRING", ""))) if keep_query else ""
        query = "&".join(filter(None, (self._query.render(values), kept)))
        fragment = self._fragment.render(values)
        return origin + path + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")


def in_host(value: str) -> str:
    """Part of a host name; raises ``UnfitCapture`` for what would end the host, name a port or a user."""
    if not _HOST.fullmatch(value):
        raise UnfitCapture("a host name was expected in the request")
    return value


def refuse_climbing(path: str) -> None:
    """Raise ``UnfitCapture`` for a path with dot segments: browsers and apps resolve them however they are encoded."""
    if _CLIMB.search(path):
        raise UnfitCapture("the path has dot segments")


def _cut(parts: list[Part], mark: str) -> tuple[list[Part], str, list[Part]]:
    """The parts before and after the first ``mark`` in plain text."""
    for place, part in enumerate(parts):
        if isinstance(part, str) and mark in part:
            before, _, after = part.partition(mark)
            head = parts[:place] + ([before] if before else [])
            return head, mark, ([after] if after else []) + parts[place + 1 :]
    return parts, "", []


def _split_origin(parts: list[Part]) -> tuple[list[Part], list[Part]]:
    """Scheme and authority (nothing for a mere path), and the path."""
    scheme = _ORIGIN.match(parts[0]) if parts and isinstance(parts[0], str) else None
    if scheme is None:
        return [], parts
    rest = str(parts[0])[scheme.end() :]
    authority, slash, path = _cut([rest, *parts[1:]] if rest else parts[1:], "/")
    if not slash and _glued(authority):
        path = [authority.pop()]  # https://example.com{path}
    elif slash:
        path = ["/" + str(path[0]), *path[1:]] if path and isinstance(path[0], str) else ["/", *path]
    return [scheme[0], *authority], path


def _glued(authority: list[Part]) -> bool:
    """Whether a capture stands right behind the host, where it would go on with it: ``example.com{x}``."""
    if len(authority) < 2 or not isinstance(authority[-1], Name):
        return False
    before = authority[-2]
    return isinstance(before, Name) or before[-1].isalnum() or before[-1] == "]"


def _unsafe(origin: list[Part], path: list[Part]) -> str | None:
    """What is wrong with the template, if anything is."""
    if not origin:
        if path and isinstance(path[0], str) and not path[0].startswith("/"):
            return _WANTED
        if len(path) > 1 and isinstance(path[0], Name) and str(path[1]).startswith(":"):
            return "the scheme in plain text, for no request may choose it"
    elif len(origin) == 1 or not all(
        isinstance(part, Name) or _AUTHORITY.fullmatch(part) for part in origin[1:]
    ):
        return f"{_WANTED}, its host in ASCII and without a user"
    elif _glued(origin[1:]):
        return "a host that ends in plain text: a capture right behind it would go on with it"
    if not any(isinstance(part, Name) for part in path) and _CLIMB.search(unquote("".join(map(str, path)))):
        return "a path without dot segments"
    return None


def _quoted_path(plain: str) -> str:
    return quote(encoded(plain), safe=_PATH)


def _below(mount: str, path: str) -> str:
    """The path under the mount point, which never begins with two slashes: browsers would read a host there."""
    whole = quote(encoded(decoded(mount.rstrip("/"))), safe=_PATH.replace("%", "")) + path
    return "/%2F" + whole[2:] if whole.startswith("//") else whole
