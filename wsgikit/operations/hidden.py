"""Whether REMOTE_ADDR is the client's own: who is let in by address must not be a stranger behind a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# Where a proxy says for whom it forwards; a TrustedProxies lets stand what it has verified, and takes out the rest.
_CLIENT = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")

# What else betrays a proxy.
_TRACES = (
    "HTTP_VIA",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_FASTLY_CLIENT_IP",
)


def hidden_by_proxy(environ: WSGIEnvironment) -> bool:
    """Whether the address is a proxy's, and nobody knows the client's.

    So it is without a TrustedProxies, and also with one that does not trust the proxy, or finds no address in its word.
    """
    original = environ.get("wsgikit.original")
    named = any(key in environ for key in _CLIENT)
    if original is None:
        return named or any(key in environ for key in _TRACES)
    if named or (environ.get("REMOTE_ADDR") or "") != original.get("REMOTE_ADDR"):
        return False  # it is verified
    return any(key in original or key in environ for key in (*_CLIENT, *_TRACES))
