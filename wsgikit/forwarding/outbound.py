"""From environ to the request that a backend gets: pure, no I/O but the reading of a small body.

All that does not depend on the request is made ready by the constructor or remembered by name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from wsgikit.core.environ import host as host_of
from wsgikit.forwarding.errors import NotForwardable
from wsgikit.forwarding.forwarded import forwarded, valid_host, x_forwarded
from wsgikit.forwarding.target import target
from wsgikit.forwarding.upload import upload
from wsgikit.http.hop import HOP_BY_HOP, nominated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIEnvironment

    from wsgikit.forwarding.upstream import Address

# RFC 9110 section 9.2.2.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ORDINARY = IDEMPOTENT | {"POST", "PATCH"}

# Every byte a head may hold beside its line breaks (RFC 9110 section 5.5): what is left without them must be ours.
_LEGAL = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])

# Fields of the client's that are left out of the iteration: said anew, or not meant for the backend.
_LEFT_OUT = HOP_BY_HOP | {
    "host",
    "content-length",
    "content-type",
    "expect",
    "forwarded",
    "proxy",  # a CGI script would take it for its own HTTP_PROXY ("httpoxy")
}
_REMEMBERED = 2048  # distinct names; strangers may invent as many as they like


class Request(NamedTuple):
    """A request as it goes out, and what has to be known when its answer comes in."""

    head: bytes
    """Request line, fields, and a body that is small enough to go with them."""
    more: Iterator[bytes] | None
    """The body that follows, framed; None when there is no more."""
    method: str
    host: str
    """The Host that the backend was asked for."""
    mount: str
    """The mount point that the backend does not see, as it stands in environ."""
    expects: bool
    """The client waits for 100 Continue before it sends its body."""

    @property
    def replayable(self) -> bool:
        """Whether it may and can be sent again where it is not known what became of it."""
        return self.more is None and self.method in IDEMPOTENT


class Outbound:
    """Makes requests to one backend: ``Outbound(address)(environ)``; the options are those of ReverseProxy."""

    def __init__(
        self,
        address: Address,
        *,
        host: str = "upstream",
        keep_prefix: bool = False,
        forwarded: str | None = "x-forwarded",
    ) -> None:
        self._base = address.base
        self._authority = address.authority
        self._host = None if host == "client" else address.authority if host == "upstream" else host
        self._keep_prefix = keep_prefix
        self._tell = _teller(forwarded)

    def __call__(self, environ: WSGIEnvironment) -> Request:
        """The request; ``NotForwardable`` where HTTP forbids something in it."""
        method: str = environ["REQUEST_METHOD"]
        if method not in _ORDINARY:
            _check_method(method)
        asked = _asked_host(environ)
        host = self._host or (asked if valid_host(asked) else self._authority)
        mount = "" if self._keep_prefix else environ.get("SCRIPT_NAME") or ""
        lines = [
            f"{method} {target(environ, self._base, keep_prefix=self._keep_prefix)} HTTP/1.1",
            f"Host: {host}",
        ]
        lines += self._tell(environ, asked, mount)
        body = upload(environ, method)
        try:
            _add_fields(lines, environ)
            expects = body.more is not None and _expects(environ)
            if expects:
                lines.append("Expect: 100-continue")
            if body.framing is not None:
                lines.append(body.framing)
            head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        except (TypeError, UnicodeEncodeError):
            raise NotForwardable("a header of the request is not a string of bytes") from None
        if head.translate(None, _LEGAL) != b"\r\n" * (len(lines) + 1):
            raise NotForwardable("a header of the request holds control characters")
        return Request(head + body.first, body.more, method, host, mount, expects)


def _add_fields(lines: list[str], environ: WSGIEnvironment) -> None:
    """The client's own fields, but for those left out and those that Connection names."""
    names = _field_names
    nominees = _nominees(environ["HTTP_CONNECTION"]) if "HTTP_CONNECTION" in environ else _NONE
    for key, value in environ.items():
        name = names[key]
        if name and key not in nominees:
            lines.append(name + value)
    kind = environ.get("CONTENT_TYPE")
    if kind and "HTTP_CONTENT_TYPE" not in nominees:
        lines.append("Content-Type: " + kind)


class _FieldNames(dict[str, str]):
    """For each key of environ, the field it stands for with its colon; empty for what is no field to send."""

    def __missing__(self, key: str) -> str:
        name = _field_name(key)
        if len(self) < _REMEMBERED:
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
    if not _TOKEN.fullmatch(name):
        raise NotForwardable("the name of a header is none")
    return name.title() + ": "


_NONE: frozenset[str] = frozenset()


@lru_cache(maxsize=256)
def _nominees(connection: str) -> frozenset[str]:
    """The keys of environ for the fields that Connection names."""
    return frozenset("HTTP_" + name.upper().replace("-", "_") for name in nominated([connection]))


def _asked_host(environ: WSGIEnvironment) -> str:
    """The host that the client asked for."""
    named = environ.get("HTTP_HOST")
    if not named:
        return host_of(environ)
    if not valid_host(named):
        raise NotForwardable("Host is not one name or address with a port")
    return str(named)


def _check_method(method: str) -> None:
    if not isinstance(method, str) or not _TOKEN.fullmatch(method):
        raise NotForwardable("the method of the request is none")
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
