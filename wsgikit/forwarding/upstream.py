"""Upstream: one backend by its URL, and what the URL says about how to reach it and what to ask it for."""

from __future__ import annotations

import os
import re
import socket
from math import inf
from typing import NamedTuple
from urllib.parse import urlsplit

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.units import flag

_WANTED = (
    'a URL such as "http://10.0.0.1:8080", "https://[::1]:8443/base", "unix:/run/app.sock", "uwsgi://10.0.0.1:3031", '
    '"uwsgi+unix:/run/uwsgi.sock", "scgi://10.0.0.1:4000" or "fcgi+unix:/run/php.sock"'
)

# Where a backend listens unless the URL says so; the gateway protocols have no port of their own.
_PORTS = {"http": 80, "https": 443, "uwsgi": None, "scgi": None, "fcgi": None}
_UNIX = {"unix:": "http", "uwsgi+unix:": "uwsgi", "scgi+unix:": "scgi", "fcgi+unix:": "fcgi"}

# What a URL may hold (RFC 3986): anything else would have to be quoted by whoever writes it.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9\-_]*\.?)+")


class Address(NamedTuple):
    """Where a backend listens, what it speaks, and what stands in front of every path it is asked for."""

    scheme: str
    """``http``, ``https``, ``uwsgi``, ``scgi`` or ``fcgi``."""
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
    script: str = ""
    """The file of the script that a FastCGI server is to run, as WSGI has bytes; empty for none."""


class Upstream(Component):
    """One backend that requests are forwarded to: ``Upstream("http://10.0.0.1:8080/base", weight=3)``.

    - ``url``: ``http://host[:port][/base]`` or ``https://...``; ``uwsgi://``, ``scgi://`` or ``fcgi://`` with a port;
      ``unix:/path[:/base]`` for HTTP over a unix socket; ``uwsgi+unix:``, ``scgi+unix:`` and ``fcgi+unix:`` alike.
      Paths are put after the base path. The port is 80, or 443 for https, unless given.
    - ``weight``: share of the requests against other upstreams (default 1); 0 takes no new ones.
    - ``backup``: takes requests only while no other upstream does (default False).
    - ``max_connections``: requests in flight at once in each process (default None: no limit); one more is
      answered 503.
    - ``script``: the absolute path, on the FastCGI server, of the script that answers every request, such as
      ``"/srv/site/public/index.php"`` (default None: none is named). PHP runs nothing without it; a path that came from
      the client never names a file.

    Raises ``ValueError`` or ``TypeError`` for a URL, weight, limit or script that will not do.
    """

    def __init__(
        self,
        url: str,
        *,
        weight: float = 1,
        backup: bool = False,
        max_connections: int | None = None,
        script: str | None = None,
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
        self.script = script
        if script is not None:
            self.address = self.address._replace(script=_script(self.address, script))


def _script(address: Address, script: object) -> str:
    wanted = 'an absolute path such as "/srv/site/index.php", for a backend behind fcgi: or fcgi+unix:'
    if not isinstance(script, str):
        raise wrong_type("Upstream", "script", script, wanted)
    if address.scheme != "fcgi" or not script.startswith("/") or script.endswith("/") or "\0" in script:
        raise wrong_value("Upstream", "script", script, wanted)
    return os.fsencode(script).decode("latin-1")


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
    for prefix, scheme in _UNIX.items():
        if url.startswith(prefix):
            return _unix(scheme, url.removeprefix(prefix))
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets without an address in them
        raise ValueError(_WANTED) from None
    if parts.scheme not in _PORTS:
        raise ValueError(_WANTED)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("a URL without query and fragment")
    if "@" in parts.netloc:
        raise ValueError("a URL without user and password; send an Authorization header instead")
    try:
        port = parts.port
    except ValueError:  # none of 16 bits
        port = 0
    return _tcp(parts.scheme, parts.hostname or "", port, parts.path)


def _tcp(scheme: str, host: str, given: int | None, path: str) -> Address:
    port = _PORTS[scheme] if given is None else given
    if port is None:
        raise ValueError(f'a port: {scheme} has none of its own, so "{scheme}://{host}:3031"')
    if port == 0:
        raise ValueError("a port from 1 to 65535")
    found = literal(host, port)
    if found is None and not _HOST_NAME.fullmatch(host):
        raise ValueError(_WANTED)
    authority = f"[{host}]" if ":" in host else host
    if port != _PORTS[scheme]:
        authority += f":{port}"
    return Address(scheme, host, port, "", authority, _base(path), found)


def _unix(scheme: str, rest: str) -> Address:
    path, _, base = rest.partition(":")
    if not path.startswith("/"):
        raise ValueError('an absolute path, such as "unix:/run/app.sock"')
    # A socket file has no name that HTTP could use; localhost is what clients of unix sockets send.
    return Address(scheme, "", 0, path, "localhost", _base(base), None)


def _base(path: str) -> str:
    if path and not path.startswith("/"):
        raise ValueError("a base path that starts with a slash")
    base = path.rstrip("/")
    if {".", ".."} & set(base.split("/")):
        raise ValueError("a base path without . and ..")
    return base


def literal(host: str, port: int) -> tuple[int, tuple[str, int] | tuple[str, int, int, int]] | None:
    """Socket family and address of a host that is an IP address, None for a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return (family, (host, port)) if family == socket.AF_INET else (family, (host, port, 0, 0))
    return None
