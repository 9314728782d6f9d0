"""What a request says to a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.http import cachecontrol
from wsgikit.http.cachecontrol import CacheControl
from wsgikit.responses.cache.vary import value_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_PRAGMA = CacheControl(no_cache=True)


class Asked:
    """One request: its directives (``control``, empty unless they are obeyed), and whether it has credentials."""

    __slots__ = ("_values", "authorized", "control", "environ")

    def __init__(self, environ: WSGIEnvironment, *, obey: bool = True) -> None:
        self.environ = environ
        self.control = directives(environ) if obey else cachecontrol.NONE
        # REMOTE_USER is the server's word that it has asked for credentials itself, often without that header.
        self.authorized = "HTTP_AUTHORIZATION" in environ or bool(environ.get("REMOTE_USER"))
        self._values: dict[str, str | None] = {}

    def value(self, name: str) -> str | None:
        """The normalised value of a header."""
        values = self._values
        if name not in values:
            values[name] = value_of(name, self.environ)
        return values[name]


def directives(environ: WSGIEnvironment) -> CacheControl:
    """The request's Cache-Control; where it has none, ``Pragma: no-cache`` counts (RFC 9111 section 5.4)."""
    text = environ.get("HTTP_CACHE_CONTROL")
    if text is not None:
        return cachecontrol.parse(text)
    pragma = environ.get("HTTP_PRAGMA")
    return _PRAGMA if pragma is not None and cachecontrol.parse(pragma).no_cache else cachecontrol.NONE


def cacheable(environ: WSGIEnvironment) -> bool:
    """Whether a GET or HEAD is one that a cache can judge: without content, which is part of no key.

    If-Match and If-Unmodified-Since ask about the app's own state (RFC 9111 section 4.3.2).
    """
    return not (
        (environ.get("CONTENT_LENGTH") or "0") != "0"
        or "HTTP_TRANSFER_ENCODING" in environ
        or "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
    )
