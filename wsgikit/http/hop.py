"""Fields that belong to one connection and go no further (RFC 9110 section 7.6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.environ import header_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import WSGIEnvironment

# RFC 9110's list, and what is still met: Keep-Alive and Proxy-Connection of HTTP/1.0, the h2c upgrade
# (HTTP2-Settings), the proxy's own credentials.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

# What Connection may name and must not strip: the message would lose its target, its framing or its origin.
_KEPT = frozenset(
    {"host", "content-length", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"}
)


def nominated(connection: Iterable[str]) -> frozenset[str]:
    """The fields that the values of Connection name, in lower case, but for those that it may not strip."""
    names = {name.strip(" \t").lower() for value in connection for name in value.split(",")}
    return frozenset(names - _KEPT - {""})


def claim(environ: WSGIEnvironment, key: str) -> None:
    """Take the field at ``key`` out of those that the client's Connection names: it is ours from here on.

    Otherwise a client could have it stripped by the proxy further in, and with it whom we say that it is.
    """
    sent = environ.get("HTTP_CONNECTION")
    if sent is None:
        return
    names = [name.strip(" \t") for name in sent.split(",")]
    kept = [name for name in names if header_key(name) != key]
    if kept == names:
        return
    if kept:
        environ["HTTP_CONNECTION"] = ", ".join(kept)
    else:
        del environ["HTTP_CONNECTION"]
