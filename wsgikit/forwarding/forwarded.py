"""What a backend is told about the client and the way: X-Forwarded-*, Forwarded (RFC 7239) and Via (RFC 9110).

Where TrustedProxies ran (``wsgikit.original`` is there), what is left of these fields is verified, and the chain goes
on: the true peer is added to it. Otherwise nobody has vouched for the client's copies, and the peer is sent alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from wsgikit.core.environ import DEFAULT_PORTS
from wsgikit.forwarding.target import quoted
from wsgikit.http.address import address

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

KINDS = ("x-forwarded", "forwarded", "both", None)

_VERSION = re.compile(r"[0-9](?:\.[0-9])?", re.ASCII)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+;=]+)(?::([0-9]*))?", re.ASCII)


def valid_host(host: str) -> bool:
    """Whether ``host`` can stand in a Host header: a name or address and a port (RFC 9110 section 7.2).

    Two Host headers, which servers join with a comma, are none.
    """
    return len(host) <= 512 and _is_host(host)


@lru_cache(maxsize=1024)
def _is_host(host: str) -> bool:
    return _HOST.fullmatch(host) is not None


def x_forwarded(environ: WSGIEnvironment, host: str, mount: str) -> tuple[str, ...]:
    """The lines of X-Forwarded-For, -Proto, -Host, -Port and (where the mount point was cut off) -Prefix."""
    return _told(scheme_of(environ), host, mount, chain_of(environ))


@lru_cache(maxsize=1024)
def _told(proto: str, host: str, mount: str, chain: str) -> tuple[str, ...]:
    """The lines, which are the same for all requests of a client."""
    place = _place(proto, host, mount)
    return (*place, "X-Forwarded-For: " + chain) if chain else place


def _place(proto: str, host: str, mount: str) -> tuple[str, ...]:
    """What does not change from one client to the next."""
    lines = [f"X-Forwarded-Proto: {proto}"]
    named = _HOST.fullmatch(host)
    if named is not None:
        port = named[1] or DEFAULT_PORTS[proto]
        lines += [f"X-Forwarded-Host: {host}", f"X-Forwarded-Port: {port}"]
    prefix = mount.rstrip("/")
    if prefix:
        lines.append(f"X-Forwarded-Prefix: {quoted(prefix)}")
    return tuple(lines)


def scheme_of(environ: WSGIEnvironment) -> str:
    """The scheme; uWSGI puts whatever anybody's X-Forwarded-Proto says into wsgi.url_scheme."""
    scheme: str = environ.get("wsgi.url_scheme") or "http"
    return scheme if scheme in DEFAULT_PORTS else "http"


def chain_of(environ: WSGIEnvironment) -> str:
    """The addresses the request came through, the client's first; empty where the peer has none (a unix socket)."""
    original = environ.get("wsgikit.original")
    client = address(environ.get("REMOTE_ADDR") or "") or ""
    if original is None:
        return client
    peer = address(original.get("REMOTE_ADDR") or "")
    verified: str = environ.get("HTTP_X_FORWARDED_FOR") or (client if client != peer else "")
    return ", ".join(filter(None, (verified, peer)))


def forwarded(environ: WSGIEnvironment, host: str) -> tuple[str, ...]:
    """The line of Forwarded: each address of the chain, and the host and scheme that the client asked for."""
    asked = f";host={_quoted_string(host)}" if valid_host(host) else ""
    asked += f";proto={scheme_of(environ)}"
    hops = [hop.strip() for hop in chain_of(environ).split(",")]
    return ("Forwarded: " + ", ".join(f"for={_node(hop)}{asked}" for hop in hops),)


def _node(hop: str) -> str:
    """An address as RFC 7239 section 6 writes it: IPv6 in brackets and quotes, ``unknown`` for none."""
    found = address(hop)
    if found is None:
        return "unknown"
    return f'"[{found}]"' if ":" in found else found


def _quoted_string(text: str) -> str:
    return text if text.replace(".", "").replace("-", "").isalnum() else f'"{text}"'


def via(protocol: str | None, pseudonym: str) -> str:
    """The line of Via: the protocol a message was received in, and who received it (RFC 9110 section 7.6.3)."""
    version = (protocol or "").removeprefix("HTTP/")
    return f"Via: {version if _VERSION.fullmatch(version) else '1.1'} {pseudonym}"
