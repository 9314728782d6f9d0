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
_HOST = ":[]@!$&'()*+,;=~-._"
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_PLAIN = re.compile(r"[/:@!$&'()*+,;=~\-._0-9A-Za-z]*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[0-9A-Za-z\-._~]")
_HOSTNAME = re.compile(r"[0-9a-z.\-]*(?::[0-9]*)?")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*")
_REMEMBERED = 2048  # distinct paths
_LONGEST = 512  # characters of those: some servers take lines of 256 KiB, and such ones would stay for ever


def key(environ: WSGIEnvironment) -> str:
    """The key of a request."""
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    path: str = (environ.get("SCRIPT_NAME") or "") + (environ.get("PATH_INFO") or "")
    written = raw.partition("?")[0] if "%" in raw else ""
    authority = host(environ)
    query: str = environ.get("QUERY_STRING") or ""
    if query or raw.endswith("?"):
        query = "?" + query
    short = len(authority) + len(written) + len(path) <= _LONGEST
    resource = _resource if short else _resource.__wrapped__
    return resource(scheme(environ), authority, written, path) + query


def keys_of(url: str) -> list[str]:
    """The keys under which responses for an absolute URL may be kept; ``ValueError`` for what is no such URL.

    Two where the path escapes what need not be escaped, as not every server says how the client wrote it.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is no absolute http or https URL")
    authority = parts.netloc.rpartition("@")[2].encode().decode("latin-1")
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
def _resource(scheme: str, authority: str, written: str, path: str) -> str:
    """A key but for its query; ``written`` is the path as the client wrote it, if that is known and matters."""
    spelled = _spelled(written, path) if written else None
    if spelled is None:
        spelled = path if _PLAIN.fullmatch(path) else _quoted(path)
    if spelled[:1] != "/":
        # The space keeps "*", and what else servers let through, from going on with the host's name.
        spelled = " " + spelled if spelled else "/"
    return _origin(scheme, authority) + spelled


def canonical(path: str) -> str:
    """A path as written in a URL: escapes that none needs undone, the others in capitals (RFC 3986 section 6.2.2)."""
    return quote(_ESCAPE.sub(_unescaped, path), safe=_SAFE + "%", encoding="latin-1", errors="replace")


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def _spelled(written: str, path: str) -> str | None:
    """The path as the client wrote it, or None where that is something else than ``path``.

    It may lack the beginning: a mount point that a proxy in front has taken away.
    """
    absolute = _ABSOLUTE.match(written)
    written = written[absolute.end() :] if absolute else written
    decoded = _decoded(written)
    if not decoded or not path.endswith(decoded):
        return None
    return _quoted(path[: len(path) - len(decoded)]) + canonical(written)


def _decoded(path: str) -> str:
    return unquote_to_bytes(path.encode("latin-1", "replace")).decode("latin-1")


def _quoted(path: str) -> str:
    return quote(path, safe=_SAFE, encoding="latin-1", errors="replace")


def _origin(scheme: str, authority: str) -> str:
    """Scheme and host, in lower case and without a port that goes without saying.

    Servers let anything through as a Host, and with a slash in it the path would begin there.
    """
    if not _HOSTNAME.fullmatch(authority):
        authority = quote(authority, safe=_HOST, encoding="latin-1", errors="replace").lower()
    scheme = scheme.lower()
    return f"{scheme}://{authority.removesuffix(':' + DEFAULT_PORTS.get(scheme, '')).removesuffix(':')}"


def _has_empty_query(url: str) -> bool:
    return url.partition("#")[0].endswith("?")
