"""References of a backend to itself, put where the client finds them: below the mount point."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wsgikit.core.environ import DEFAULT_PORTS

if TYPE_CHECKING:
    from wsgikit.core.headers import Headers

_REFERENCE = re.compile(r"(?:(?:(https?):)?//([^/?#]*))?(/[^?#]*)?(.*)", re.IGNORECASE | re.DOTALL)

# A path that would be read as an authority without one before it; browsers skip tabs, and take a backslash for a slash.
_LIKE_AUTHORITY = re.compile(r"/\t*[/\\]")


class Place(NamedTuple):
    """Where a backend is, in its own eyes and in the client's."""

    authority: str
    """Host and port of its URL."""
    base: str
    """Its base path, without a slash at its end."""
    host: str
    """The Host it was asked for."""
    mount: str
    """The mount point it does not see, quoted, without a slash at its end."""

    def path(self, path: str) -> str | None:
        """A path of the backend's as the client has to ask for it; None for one that lies outside the base path."""
        if self.base:
            if not _under(path, self.base):
                return None
            path = path[len(self.base) :] or "/"
        # An app that heeds X-Forwarded-Prefix has put the mount point there already.
        return path if _under(path, self.mount) else self.mount + path

    def location(self, value: str) -> str:
        """A Location: one that is only a path, or that names the backend, gets the mount point; others stay."""
        match = _REFERENCE.fullmatch(value)
        if match is None:  # for the type checker: the expression takes every text
            return value
        scheme, authority, path, rest = match.groups()
        if authority is None and path is None:
            return value
        if authority is not None and not self._is_named(scheme or "http", authority):
            return value
        moved = self.path(path or "/")
        if moved is None or moved + rest == value:
            return value
        # "/." is no step (RFC 3986 section 4.2): "http://backend//evil.example" must not lead to evil.example.
        return f"/.{moved}{rest}" if _LIKE_AUTHORITY.match(moved) else moved + rest

    def cookie(self, value: str) -> str:
        """A Set-Cookie: its Path goes below the mount point, a Domain that names the backend goes.

        Cookies whose name begins with ``__Host-`` are left alone: browsers take them with ``Path=/`` only.
        """
        if value[:7].lower() == "__host-":  # in whichever case (RFC 6265bis section 5.7)
            return value
        pair, *attributes = value.split(";")
        kept = [pair]
        for attribute in attributes:
            name, _, text = attribute.partition("=")
            word, text = name.strip().lower(), text.strip()
            if word == "domain" and text.lstrip(".").lower() == _host_name(self.authority):
                continue
            moved = self.path(text) if word == "path" and text.startswith("/") else None
            if moved == self.mount + "/" and self.mount:
                moved = self.mount  # or it would be kept from the mount point itself (RFC 6265 section 5.1.4)
            kept.append(attribute if moved is None else f"{name}={moved}")
        return ";".join(kept)

    def _is_named(self, scheme: str, authority: str) -> bool:
        """Whether an authority is the backend's: that of its URL, or the one it was made to believe."""
        named = _without_default_port(scheme, authority)
        return named in (
            _without_default_port("http", self.authority),
            _without_default_port(scheme, self.host),
        )


def rewritten(headers: Headers, place: Place, *, locations: bool, cookies: bool) -> Headers:
    """The headers with every reference to the backend put right."""
    out: Headers = []
    for name, value in headers:
        lower = name.lower()
        if locations and lower in ("location", "content-location"):
            value = place.location(value)
        elif cookies and lower == "set-cookie":
            value = place.cookie(value)
        out.append((name, value))
    return out


def _under(path: str, prefix: str) -> bool:
    """Whether ``path`` is ``prefix`` or lies below it."""
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")


def _without_default_port(scheme: str, authority: str) -> str:
    return authority.lower().removesuffix(":" + DEFAULT_PORTS[scheme.lower()])


def _host_name(authority: str) -> str:
    return re.sub(r":[0-9]*$", "", authority).lower()
