"""Which requests a stored response is for: Vary and what counts beside it (RFC 9111 section 4.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from wsgikit.core.environ import header_key
from wsgikit.http.accept import qualities
from wsgikit.responses.cache.stores.record import digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

    from wsgikit.responses.cache.head import Head

# A client can send these to anybody, and many an app builds its URLs out of them, though it says so in no Vary: the way
# to have one's own host name served to others. So a response is for those who sent the same ones. Behind a proxy that
# sets them they are the same for all, and TrustedProxies takes them from clients.
_STEERING = tuple(
    header_key(name)
    for name in (
        "Front-End-Https",
        "X-Forwarded-Host",
        "X-Forwarded-Path",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Proto",
        "X-Forwarded-Protocol",
        "X-Forwarded-Scheme",
        "X-Forwarded-Server",
        "X-Forwarded-Ssl",
        "X-Forwarded-Uri",
        "X-Host",
        "X-Http-Host-Override",
        "X-Http-Method",
        "X-Http-Method-Override",
        "X-Method-Override",
        "X-Original-Host",
        "X-Original-Uri",
        "X-Original-Url",
        "X-Rewrite-Url",
        "X-Scheme",
        "X-Script-Name",
        "X-Url-Scheme",
    )
)
STEERING = ":steering"  # no header has a colon in its name
COOKIES = ":cookies"

_LONGEST = 256  # characters of a value that is kept as it is: what no browser sends must not fill the memory
_SECRET = frozenset({COOKIES, "cookie", "authorization", "proxy-authorization"})

# A quoted value that never ends is all that follows, as some app will read it so.
_STEERING_PAIRS = re.compile(
    r'(?:^|[;, \t])(?:host|proto|by)[ \t]*=[ \t]*("(?>(?:[^"\\]|\\.)*)["\\]?|[^;, \t]*)', re.IGNORECASE
)
_CODING = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:;[qQ]=(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
_CODINGS = re.compile(rf"{_CODING}(?>(?:,{_CODING})*)")
# A run of spaces is looked at once, from its beginning: a client can send thousands.
_SPACE = re.compile(r"(?:(?<![ \t])[ \t]++)?([,;])[ \t]*")


def varies_by(head: Head) -> tuple[str, ...]:
    """The names in Vary, in lower case and in order; with ``*`` among them it is for nobody else."""
    lines = head.fields.get("vary")
    return _names(", ".join(lines)) if lines else ()


@lru_cache(maxsize=512)
def _names(text: str) -> tuple[str, ...]:
    return tuple(sorted({name.strip(" \t").lower() for name in text.split(",")} - {""}))


def selecting(
    head: Head, value: Callable[[str], str | None], *, cookies: bool
) -> tuple[tuple[str, str | None], ...]:
    """What of the request, whose values ``value`` gives, chose this response: to be kept with it."""
    names = (STEERING, *((COOKIES,) if cookies else ()), *varies_by(head))
    return tuple((name, value(name)) for name in names)


def matches(vary: tuple[tuple[str, str | None], ...], value: Callable[[str], str | None]) -> bool:
    """Whether a request, whose values ``value`` gives, would have had the response kept with ``vary``."""
    for name, kept in vary:  # noqa: SIM110 - all() and its generator cost twice as much
        if value(name) != kept:
            return False
    return True


def value_of(name: str, environ: WSGIEnvironment) -> str | None:
    """The request's value of a header, normalised; None without the header, or with an empty one.

    Of credentials and of long values a digest: the former must not lie about on disks.
    """
    value = _steering(environ) if name == STEERING else environ.get(_key(name))
    if not value:
        return None
    if name in _SECRET or len(value) > _LONGEST:
        return "\n" + digest(value.strip(" \t"))  # no header has a line feed in its value
    return value if name == STEERING else normalised(name, value)


@lru_cache(maxsize=512)
def _key(name: str) -> str:
    if name == COOKIES:
        return "HTTP_COOKIE"
    return header_key(name)


@lru_cache(maxsize=2048)
def normalised(name: str, value: str) -> str:
    """A value without what counts for nobody: space around commas and semicolons, and the order of Accept-Encoding.

    What one app could tell apart stays apart, as a text that it does not know would fill the place of one that it
    knows: case, but for language tags, and a malformed Accept-Encoding, which each app reads in its own way.
    """
    if '"' in value:
        return value.strip(" \t")
    value = _SPACE.sub(r"\1", value.strip(" \t"))
    if name == "accept-language":
        return value.lower()
    if name == "accept-encoding" and _CODINGS.fullmatch(value):
        weights = qualities(value)
        if len(weights) == value.count(",") + 1:
            return ",".join(f"{coding};q={weights[coding]:g}" for coding in sorted(weights))
    return value


def _steering(environ: WSGIEnvironment) -> str | None:
    found = [f"{key}={environ[key]}" for key in _STEERING if key in environ]
    forwarded = environ.get("HTTP_FORWARDED")
    if forwarded:
        found += [pair[0].strip(" \t,;") for pair in _STEERING_PAIRS.finditer(forwarded)]
    return "\n".join(found) or None
