"""The keys of a mount: ``"/blog"``, ``"//admin.example.com"``, ``"//*.example.com:8080/api"``, ``"https://host/x"``.

One key has one normal form, whatever its spelling: hosts in lower case and in the letters they travel in (IDNA),
IPv6 literals in their one spelling (RFC 5952), paths without the slash at the end, as PATH_INFO shows them.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from wsgikit.core.errors import wrong_type, wrong_value

_WANTED = 'a path such as "/blog", or a host and perhaps a path, such as "//*.example.com:8080/api"'
_HOST_KEY = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?//([^/]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@\s]+)(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNFIT = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")
LONGEST_HOST = 262  # a DNS name is at most 253 characters; brackets or a port may follow


class Key(NamedTuple):
    """A key in its normal form; ``""`` stands for any scheme, host or port, and for the root of the paths."""

    scheme: str
    host: str
    port: str
    path: str

    @property
    def wildcard(self) -> bool:
        """Whether the host stands for all hosts below it."""
        return self.host.startswith("*.")


def parse_key(owner: str, value: Any) -> Key:
    """The normal form of a key; ``ValueError`` or ``TypeError``, on behalf of ``owner``, for what is none."""
    if not isinstance(value, str):
        raise wrong_type(owner, "key", value, _WANTED)
    match = _HOST_KEY.fullmatch(value)
    if match is None:
        return Key("", "", "", parse_path(owner, "key", value))
    scheme = (match[1] or "").lower()
    if scheme not in ("", "http", "https"):
        raise wrong_value(owner, "key", value, "the scheme of a key is http or https, or left out")
    host, port = _parse_authority(owner, value, match[2])
    return Key(scheme, host, port, parse_path(owner, "key", match[3]))


def parse_path(owner: str, option: str, value: Any) -> str:
    """A path that apps can live under, as PATH_INFO shows it and without the slash at its end."""
    if not isinstance(value, str):
        raise wrong_type(owner, option, value, 'a path such as "/blog"')
    problem = _path_problem(value)
    if problem:
        raise wrong_value(owner, option, value, problem)
    return value.rstrip("/").encode().decode("latin-1")  # WSGI's view of the bytes that travel


def _path_problem(path: str) -> str:
    """Why ``path`` can be no mount; ``""`` if it can."""
    if path and not path.startswith("/"):
        return f"a path begins with a slash; did you mean {'/' + path!r}?"
    if "?" in path or "#" in path:
        return "a mount has a path, but no query and no fragment"
    if _ESCAPE.search(path):
        return "paths are matched decoded: write the characters, not their percent-encoding"
    if _UNFIT.search(path):
        return "no backslash, no control character and no half of a character"
    segments = path.rstrip("/").split("/")[1:]
    if "" in segments or "." in segments or ".." in segments:
        return "no empty segment and no dot segment: it would never match"
    return ""


def _parse_authority(owner: str, key: str, text: str) -> tuple[str, str]:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise wrong_value(owner, "key", key, "after // stands a host, and perhaps a port")
    host, port = match[1].lower().removesuffix("."), (match[2] or "").lstrip("0")
    if match[2] and not 0 < int(match[2]) < 65536:
        raise wrong_value(owner, "key", key, "a port lies between 1 and 65535")
    if host.startswith("["):
        address = _ipv6(host)
        if not address:
            raise wrong_value(owner, "key", key, "in brackets stands an IPv6 address")
        return address, port
    if host == "*":
        raise wrong_value(owner, "key", key, 'for any host write the path alone; "*." stands before a name')
    star, name = ("*.", host[2:]) if host.startswith("*.") else ("", host)
    return star + _to_idna(owner, key, name), port


def _to_idna(owner: str, key: str, name: str) -> str:
    """The name in the letters in which it travels."""
    try:
        name = name.encode("idna").decode() if not name.isascii() else name
    except UnicodeError:
        name = ""
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise wrong_value(
            owner, "key", key, 'a host is a name such as "example.com"; "*." stands at its front only'
        )
    return name


def split_host(text: str) -> tuple[str, str]:
    """The host and port of a Host header, the host as keys have it; the port ``""`` where none is given.

    What is no host gives ``""``, which no key has.
    """
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return "", ""
    host, port = match[1].lower().removesuffix("."), (match[2] or "").lstrip("0")
    return (_ipv6(host) if host.startswith("[") else host), port


def _ipv6(literal: str) -> str:
    """The literal in its one spelling, ``""`` if there is no address in the brackets."""
    from ipaddress import IPv6Address  # 1 ms, and most apps have no key that needs it

    try:
        return f"[{IPv6Address(literal[1:-1])}]"
    except ValueError:
        return ""
