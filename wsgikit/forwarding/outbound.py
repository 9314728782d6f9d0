"""From environ to the request that backends get: pure, no I/O but the reading of a small body.

All that does not depend on the request is made ready by the constructor or remembered by name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from wsgikit.core.environ import host as host_of
from wsgikit.core.headers import valid_name
from wsgikit.forwarding.errors import NotForwardable
from wsgikit.forwarding.forwarded import forwarded, valid_host, via, x_forwarded
from wsgikit.forwarding.request import Request
from wsgikit.forwarding.target import target
from wsgikit.forwarding.upload import upload
from wsgikit.http.hop import HOP_BY_HOP, nominated
from wsgikit.http.methods import IDEMPOTENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

_ORDINARY = IDEMPOTENT | {"POST", "PATCH"}

# Every byte a head may hold beside its line breaks (RFC 9110 section 5.5): what is left without them must be ours.
_LEGAL = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
_LINE_END = b"\r\n"

# Fields of the client's that are left out of the iteration: said anew, or not meant for the backend.
_LEFT_OUT = HOP_BY_HOP | {
    "host",
    "content-length",
    "content-type",
    "expect",
    "forwarded",
    "proxy",  # a CGI script would take it for its own HTTP_PROXY ("httpoxy")
}
_REMEMBERED, _LONGEST = 2048, 128  # distinct names, and their length; strangers may invent what they like


class Outbound:
    """Makes requests of environs: ``Outbound()(environ)``; the options are those of ReverseProxy."""

    def __init__(
        self, *, keep_prefix: bool = False, forwarded: str | None = "x-forwarded", via: str | None = None
    ) -> None:
        self._keep_prefix = keep_prefix
        self._tell = _teller(forwarded)
        self._via = via

    def __call__(self, environ: WSGIEnvironment) -> Request:
        """The request; ``NotForwardable`` where HTTP forbids something in it."""
        method: str = environ["REQUEST_METHOD"]
        if method not in _ORDINARY:
            _check_method(method)
        asked = _asked_host(environ)
        mount: str = "" if self._keep_prefix else environ.get("SCRIPT_NAME") or ""
        wanted = target(environ, keep_prefix=self._keep_prefix)
        body = upload(environ, method)
        expects = body.more is not None and _expects(environ)
        fields = self._fields(environ, asked, mount, expects=expects)
        return Request(
            environ,
            method,
            wanted,
            asked=asked,
            mount=mount,
            fields=fields,
            upload=body,
            expects=expects,
        )

    def _fields(self, environ: WSGIEnvironment, asked: str, mount: str, *, expects: bool) -> bytes:
        lines = [*self._tell(environ, asked, mount)]
        try:
            _add_fields(lines, environ)
            if self._via is not None:
                lines.append(via(environ.get("SERVER_PROTOCOL"), self._via))
            if expects:
                lines.append("Expect: 100-continue")
            lines.append("")
            fields = "\r\n".join(lines).encode("latin-1")
        except (TypeError, UnicodeEncodeError):
            raise NotForwardable("a header of the request is not a string of bytes") from None
        if fields.translate(None, _LEGAL) != _LINE_END * (len(lines) - 1):
            raise NotForwardable("a header of the request holds control characters")
        return fields


def _add_fields(lines: list[str], environ: WSGIEnvironment) -> None:
    """The client's own fields, but for those left out and those that Connection names."""
    keys = tuple(environ)
    sent = _sent.get(keys)
    if sent is None:
        sent = _remember(keys)
    nominees = _nominees(environ["HTTP_CONNECTION"]) if "HTTP_CONNECTION" in environ else _NONE
    if nominees:
        sent = tuple(pair for pair in sent if pair[0] not in nominees)
    lines += [name + environ[key] for key, name in sent]
    kind = environ.get("CONTENT_TYPE")
    if kind and "HTTP_CONTENT_TYPE" not in nominees:
        lines.append("Content-Type: " + kind)


# Which keys of environ are sent, and as what, by all of its keys: a client repeats itself, and so does a server.
_sent: dict[tuple[str, ...], tuple[tuple[str, str], ...]] = {}
_REMEMBERED_SETS, _LARGEST_SET = 256, 16384  # bytes in memory, more or less


def _remember(keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The pairs of key and name with its colon."""
    names = _field_names
    sent = tuple((key, names[key]) for key in keys if names[key])
    if sum(len(key) + 64 for key in keys) <= _LARGEST_SET:
        if len(_sent) >= _REMEMBERED_SETS:
            _sent.clear()  # somebody makes them up: those that are real are soon back
        _sent[keys] = sent
    return sent


class _FieldNames(dict[str, str]):
    """For each key of environ, the field it stands for with its colon; empty for what is no field to send."""

    def __missing__(self, key: str) -> str:
        name = _field_name(key)
        if len(self) < _REMEMBERED and len(key) <= _LONGEST:
            self[key] = name
        return name


_field_names = _FieldNames()


def _field_name(key: str) -> str:
    """Underscores are written as dashes: servers that let ``X_Name`` in have made it one with ``X-Name`` already."""
    if not key.startswith("HTTP_"):
        return ""
    name = key[5:].replace("_", "-")
    lower = name.lower()
    if lower in _LEFT_OUT or lower.startswith(("proxy-", "x-forwarded-")):
        return ""
    if not valid_name(name):
        raise NotForwardable("the name of a header is not a token")
    return name.title() + ": "


_NONE: frozenset[str] = frozenset()


@lru_cache(maxsize=256)
def _nominees(connection: str) -> frozenset[str]:
    """The keys of environ for the fields that Connection names, beside those that are never sent."""
    names = nominated([connection]) - HOP_BY_HOP
    return frozenset("HTTP_" + name.upper().replace("-", "_") for name in names)


def _asked_host(environ: WSGIEnvironment) -> str:
    """The host that the client asked for."""
    named = environ.get("HTTP_HOST")
    if not named:
        return host_of(environ)
    if not valid_host(named):
        raise NotForwardable("Host is not one name or address with a port")
    return str(named)


def _check_method(method: str) -> None:
    if not isinstance(method, str) or not valid_name(method):
        raise NotForwardable("the method of the request is not a token")
    if method == "CONNECT":
        raise NotForwardable("CONNECT asks for a tunnel, and this is none")


def _expects(environ: WSGIEnvironment) -> bool:
    return str(environ.get("HTTP_EXPECT", "")).strip(" \t").lower() == "100-continue"


def _teller(kind: str | None) -> Callable[[WSGIEnvironment, str, str], tuple[str, ...]]:
    """What writes the lines about the client, for a value of ``forwarded=``."""
    if kind == "x-forwarded":
        return x_forwarded
    if kind == "forwarded":
        return lambda environ, host, mount: forwarded(environ, host)
    if kind == "both":
        return lambda environ, host, mount: x_forwarded(environ, host, mount) + forwarded(environ, host)
    return lambda environ, host, mount: ()
