"""Upstream: one backend by its URL, and what the URL says about how to reach it and what to ask it for."""

from __future__ import annotations

import re
import socket
from math import inf
from typing import NamedTuple
from urllib.parse import urlsplit

from wsgikit.core.component import Component
from wsgikit.core.environ import DEFAULT_PORTS
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.units import flag

_WANTED = 'a URL such as "http://10.0.0.1:8080", "http://[::1]:8080/base" or "unix:/run/app.sock"'

# What a URL may hold (RFC 3986): anything else would have to be quoted by whoever writes it.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9\-_]*\.?)+")


class Address(NamedTuple):
    """Where a backend listens, and what stands in front of every path it is asked for."""

    host: str
    """A name or an IP address without brackets; empty for a unix socket."""
    port: int
    path: str
    """The file of a unix socket; empty otherwise."""
    authority: str
    """Host and port as they stand in a URL and in the Host header."""
    base: str
    """The base path, percent-encoded, without a slash at its end; empty for none."""
    literal: tuple[int, tuple[str, int] | tuple[str, int, int, int]] | None
    """Socket family and address where the host is an IP address, so that no name is looked up."""


class Upstream(Component):
    """One backend that requests are forwarded to: ``Upstream("http://10.0.0.1:8080/base", weight=3)``.

    - ``url``: ``http://host[:port][/base]``, or ``unix:/path[:/base]`` for HTTP over a unix socket. Paths are put
      after the base path. The port is 80 unless given.
    - ``weight``: share of the requests against other upstreams (default 1); 0 takes no new ones.
    - ``backup``: takes requests only while no other upstream does (default False).
    - ``max_connections``: requests in flight at once in each process (default None: no limit); one more is
      answered 503.

    Raises ``ValueError`` or ``TypeError`` for a URL, weight or limit that will not do.
    """

    def __init__(
        self, url: str, *, weight: float = 1, backup: bool = False, max_connections: int | None = None
    ) -> None:
        if not isinstance(url, str):
            raise wrong_type("Upstream", "url", url, _WANTED)
        try:
            self.address = parse(url)
        except ValueError as error:
            raise wrong_value("Upstream", "url", url, str(error)) from None
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise wrong_type("Upstream", "weight", weight, "a number, 0 or more")
        if not 0 <= weight < inf:
            raise wrong_value("Upstream", "weight", weight, "a number, 0 or more")
        self.url = url
        self.weight = weight
        self.backup = flag("Upstream", "backup", backup)
        self.max_connections = connection_limit("Upstream", max_connections)


def connection_limit(owner: str, value: int | None) -> int | None:
    """``max_connections`` as it was given, if it will do."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(owner, "max_connections", value, "a whole number, 1 or more, or None")
    if value < 1:
        raise wrong_value(owner, "max_connections", value, "a whole number, 1 or more, or None")
    return value


def parse(url: str) -> Address:
    """The address that ``url`` names; ``ValueError`` says what is wrong with it."""
    if not _URL.fullmatch(url):
        raise ValueError(f"{_WANTED}, without spaces and with everything beyond ASCII percent-encoded")
    if url.startswith("unix:"):
        return _unix(url.removeprefix("unix:"))
    parts = urlsplit(url)
    if parts.scheme != "http":
        raise ValueError(_WANTED)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("a URL without query and fragment")
    if "@" in parts.netloc:
        raise ValueError("a URL without user and password; send an Authorization header instead")
    host, port = parts.hostname or "", parts.port
    literal = _literal(host, port or 80)
    if literal is None and not _HOST_NAME.fullmatch(host):
        raise ValueError(_WANTED)
    if port == 0:
        raise ValueError("a port from 1 to 65535")
    authority = f"[{host}]" if ":" in host else host
    if port is not None and str(port) != DEFAULT_PORTS["http"]:
        authority += f":{port}"
    return Address(host, port or 80, "", authority, _base(parts.path), literal)


def _unix(rest: str) -> Address:
    path, _, base = rest.partition(":")
    if not path.startswith("/"):
        raise ValueError('an absolute path, such as "unix:/run/app.sock"')
    # A socket file has no name that HTTP could use; localhost is what clients of unix sockets send.
    return Address("", 0, path, "localhost", _base(base), None)


def _base(path: str) -> str:
    if path and not path.startswith("/"):
        raise ValueError("a base path that starts with a slash")
    base = path.rstrip("/")
    if {".", ".."} & set(base.split("/")):
        raise ValueError("a base path without . and ..")
    return base


def _literal(host: str, port: int) -> tuple[int, tuple[str, int] | tuple[str, int, int, int]] | None:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return (family, (host, port)) if family == socket.AF_INET else (family, (host, port, 0, 0))
    return None
