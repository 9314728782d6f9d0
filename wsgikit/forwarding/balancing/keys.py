"""What a hash policy tells requests apart by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.environ import header_key
from wsgikit.core.errors import suggestion
from wsgikit.core.headers import valid_name
from wsgikit.http.cookies import value_of
from wsgikit.http.networks import UNIX_PEERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

    Key = Callable[[WSGIEnvironment], str]

KEYS = ("client_ip", "path", "header:NAME", "cookie:NAME")


def key(text: str) -> Key:
    """What reads the key that ``text`` names from environ, ``""`` from a request that has none.

    Raises ``ValueError`` saying what would do.
    """
    kind, colon, name = text.partition(":")
    if not colon and kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _NAMED and valid_name(name):
        return _NAMED[kind](name)
    if kind in _NAMED:
        raise ValueError(f"{kind}: is followed by the name of a {kind}, such as {kind}:{_EXAMPLES[kind]}")
    raise ValueError(f"one of {', '.join(KEYS)}{suggestion(text, ('client_ip', 'path', 'header', 'cookie'))}")


def _client_ip(environ: WSGIEnvironment) -> str:
    """REMOTE_ADDR, which `TrustedProxies` further out makes the true client's."""
    address = environ.get("REMOTE_ADDR")
    return "" if address is None or address in UNIX_PEERS else address


def _path(environ: WSGIEnvironment) -> str:
    return environ.get("PATH_INFO") or "/"


def _header(name: str) -> Key:
    variable = header_key(name)
    return lambda environ: environ.get(variable) or ""


def _cookie(name: str) -> Key:
    return lambda environ: value_of(environ.get("HTTP_COOKIE") or "", name)


_PLAIN = {"client_ip": _client_ip, "path": _path}
_NAMED = {"header": _header, "cookie": _cookie}
_EXAMPLES = {"header": "X-User", "cookie": "session"}
