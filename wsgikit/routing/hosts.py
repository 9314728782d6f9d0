"""Hosts and patterns of hosts: ``example.com``, ``*.example.com:8080``, ``[::1]``, ``*`` for any.

Compared without regard to case, to a last dot and to how an IPv6 address is abbreviated. A pattern without a
port matches any port; one with a port is compared with the port that was asked for, the scheme's own if none was named.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import TYPE_CHECKING

from wsgikit.core.environ import DEFAULT_PORTS, host, scheme
from wsgikit.core.errors import wrong_type, wrong_value

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_HOST = re.compile(r"(?P<name>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]*))?")
_NAME = re.compile(r"[a-z0-9._-]+")
_WANTED = 'a host such as "example.com", "*.example.com" (one or more labels), "example.com:8080" or "[::1]"'


def asked_host(environ: WSGIEnvironment) -> tuple[str, str]:
    """Name and port that the request was for; an empty name where the Host header is no host at all."""
    return split(host(environ), scheme(environ))


@lru_cache(maxsize=1024)
def split(text: str, scheme: str) -> tuple[str, str]:
    """``Example.COM.:443`` as ``("example.com", "443")``; the port is the scheme's own if there is none."""
    match = _HOST.fullmatch(text)
    if match is None:
        return "", ""
    return _normal(match["name"]), match["port"] or DEFAULT_PORTS.get(scheme, "")


def _normal(name: str) -> str:
    if name.startswith("["):
        try:
            return f"[{IPv6Address(name[1:-1])}]"
        except AddressValueError:
            return ""
    name = name.lower().removesuffix(".")
    return name if _NAME.fullmatch(name) else ""  # "evil.org/.example.com" ends like a host of ours


class HostPattern:
    """One pattern, ready to be compared."""

    __slots__ = ("_name", "_port", "_suffix")

    def __init__(self, text: str, *, layer: str, option: str) -> None:
        if not isinstance(text, str):
            raise wrong_type(layer, option, text, _WANTED)
        if text.count(":") > 1 and not text.startswith("["):
            text = f"[{text}]"  # an IPv6 address as people write it
        match = _HOST.fullmatch(text)
        if match is None:
            raise wrong_value(layer, option, text, _WANTED)
        wild = match["name"].startswith("*.")
        name = _normal(_to_ascii(match["name"][2:] if wild else match["name"]))
        if not name and match["name"] != "*":
            raise wrong_value(layer, option, text, _WANTED)
        self._name = name
        self._port = match["port"] or None
        self._suffix = f".{name}" if wild else None

    def matches(self, name: str, port: str) -> bool:
        """Whether the pattern means this host, as ``split`` gives it."""
        if self._port is not None and self._port != port:
            return False
        if self._suffix is not None:
            return name.endswith(self._suffix) and not name.startswith(".")
        return not self._name or self._name == name


def _to_ascii(name: str) -> str:
    """The name as it goes over the wire (RFC 5891): browsers send ``bücher.example`` as ``xn--bcher-kva.example``."""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
