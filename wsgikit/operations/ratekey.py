"""Whose requests are counted together: the client, the value of a header or a cookie, or what a function says."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from wsgikit.core.environ import header_key
from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.core.headers import valid_name
from wsgikit.http.address import parse
from wsgikit.http.cookies import value_of
from wsgikit.http.networks import UNIX_PEERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

    Identify = Callable[[WSGIEnvironment], str | None]

_KINDS = ("client_ip", "header:", "cookie:")
_WANTED = '"client_ip", "header:NAME", "cookie:NAME", or a function of environ that gives text, or None'
_REMEMBERED = 4096  # distinct addresses
_HOST = 64  # bits of an IPv6 address that a customer may choose at will: every provider gives out that much at least


def identify_by(layer: str, key: Any) -> Identify:
    """The function that ``key`` stands for: who a request counts for, None for nobody."""
    if callable(key):
        return lambda environ: _text(key(environ))
    if not isinstance(key, str):
        raise wrong_type(layer, "key", key, _WANTED)
    kind, colon, name = key.partition(":")
    if key == "client_ip":
        return client
    if kind + colon not in _KINDS or not valid_name(name):
        raise wrong_value(layer, "key", key, _WANTED + suggestion(key, _KINDS))
    return _by_header(name) if kind == "header" else _by_cookie(name)


def client(environ: WSGIEnvironment) -> str:
    """The client's address: REMOTE_ADDR, which TrustedProxies verifies. Of IPv6 the first 64 bits."""
    return _network(environ.get("REMOTE_ADDR") or "")


@lru_cache(maxsize=_REMEMBERED)
def _network(text: str) -> str:
    if text in UNIX_PEERS:
        return "unix"
    address = parse(text)
    if address is None:
        return _hidden(text)
    if address.version == 4:
        return str(address)
    return f"{type(address)(int(address) >> _HOST << _HOST)}/{128 - _HOST}"


def _by_header(name: str) -> Identify:
    key = header_key(name)

    def by_header(environ: WSGIEnvironment) -> str:
        value = environ.get(key)
        return _hidden(value) if value else client(environ)

    return by_header


def _by_cookie(name: str) -> Identify:
    def by_cookie(environ: WSGIEnvironment) -> str:
        value = value_of(environ.get("HTTP_COOKIE", ""), name)
        return _hidden(value) if value else client(environ)

    return by_cookie


def _text(found: object) -> str | None:
    return None if found is None else _hidden(str(found))


def _hidden(value: str) -> str:
    """A hash of the value: of one length, and no secret of the client's goes into a store."""
    return blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
