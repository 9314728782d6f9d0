"""Under which key a response is kept: the URL, each resource spelled in one way (RFC 9111 section 2).

PATH_INFO is decoded, so ``/a%2Fb`` and ``/a/b`` look alike there; but apps that read RAW_URI or REQUEST_URI, and
ReverseProxy is one, tell the two apart. What the client wrote is therefore part of the key wherever the server gives
it and it says the same as PATH_INFO; otherwise PATH_INFO is quoted.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes, urlsplit

from wsgikit.core.environ import DEFAULT_PORTS, host, scheme

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_SAFE = "/:@!$&'()*+,;=~-._"
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_PLAIN = re.compile(r"[/:@!$&'()*+,;=~\-._0-9A-Za-z]*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[0-9A-Za-z\-._~]")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*")
_REMEMBERED = 2048  # distinct paths


def key(environ: WSGIEnvironment) -> str:
    """The key of a request."""
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    path: str = (environ.get("SCRIPT_NAME") or "") + (environ.get("PATH_INFO") or "")
    spelled = _spelled(raw, path) if "%" in raw else None
    if spelled is None:
        spelled = path if _PLAIN.fullmatch(path) else _quoted(path)
    query: str = environ.get("QUERY_STRING") or ""
    if query or raw.endswith("?"):
        query = "?" + query
    return f"{_origin(scheme(environ), host(environ))}{spelled or '/'}{query}"


def keys_of(url: str) -> list[str]:
    """The keys under which responses for an absolute URL may be kept; ``ValueError`` for what is no such URL.

    Two where the path escapes what need not be escaped, as not every server says how the client wrote it.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is no absolute http or https URL")
    authority = parts.netloc.rpartition("@")[2]
    query = "?" + quote(parts.query, safe=_VISIBLE) if parts.query or _has_empty_query(url) else ""
    origin = _origin(parts.scheme, authority)
    written = parts.path.encode().decode("latin-1")  # WSGI's view of it
    paths = [canonical(written) or "/", _quoted(_decoded(written)) or "/"]
    return [f"{origin}{path}{query}" for path in dict.fromkeys(paths)]


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have scheme, host and port in common (RFC 9110 section 4.3.1)."""
    try:
        first, second = urlsplit(one), urlsplit(other)
        return _origin(first.scheme, first.netloc) == _origin(second.scheme, second.netloc)
    except ValueError:
        return False


@lru_cache(maxsize=_REMEMBERED)
def canonical(path: str) -> str:
    """A path as written in a URL: escapes that none needs undone, the others in capitals (RFC 3986 section 6.2.2)."""
    return quote(_ESCAPE.sub(_unescaped, path), safe=_SAFE + "%", encoding="latin-1", errors="replace")


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


@lru_cache(maxsize=_REMEMBERED)
def _spelled(raw: str, path: str) -> str | None:
    """The path as the client wrote it, or None where ``raw`` says something else than ``path``.

    ``raw`` may lack the beginning of it: a mount point that a proxy in front has taken away.
    """
    absolute = _ABSOLUTE.match(raw)
    written = (raw[absolute.end() :] if absolute else raw).partition("?")[0]
    decoded = _decoded(written)
    if not decoded or not path.endswith(decoded):
        return None
    return _quoted(path[: len(path) - len(decoded)]) + canonical(written)


def _decoded(path: str) -> str:
    return unquote_to_bytes(path.encode("latin-1", "replace")).decode("latin-1")


@lru_cache(maxsize=_REMEMBERED)
def _quoted(path: str) -> str:
    return quote(path, safe=_SAFE, encoding="latin-1", errors="replace")


@lru_cache(maxsize=_REMEMBERED)
def _origin(scheme: str, authority: str) -> str:
    """Scheme and host, in lower case and without a port that goes without saying."""
    scheme, authority = scheme.lower(), authority.lower()
    return f"{scheme}://{authority.removesuffix(':' + DEFAULT_PORTS.get(scheme, '')).removesuffix(':')}"


def _has_empty_query(url: str) -> bool:
    return url.partition("#")[0].endswith("?")
