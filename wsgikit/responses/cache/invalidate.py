"""What a request that changes things makes invalid (RFC 9111 section 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

from wsgikit.responses.cache.keys import same_origin

if TYPE_CHECKING:
    from collections.abc import Iterable

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "QUERY", "REPORT", "SEARCH", "TRACE"})
"""Methods that change nothing (RFC 9110 section 9.2.1 and the registry); all others are thought to."""


def invalidated(url: str, status: int, headers: Iterable[tuple[str, str]]) -> list[str]:
    """The URLs whose stored responses are no longer right after an unsafe request to ``url``; none after an error.

    Location and Content-Location count within the same origin alone: a stranger must not empty the cache of others.
    """
    if not 200 <= status < 400:
        return []
    found = [url]
    for name, value in headers:
        if name.lower() in ("location", "content-location"):
            other = joined(url, value)
            if other is not None and same_origin(url, other):
                found.append(other)
    return found


def joined(url: str, reference: str) -> str | None:
    """The absolute URL that ``reference`` names within an answer from ``url``, or None for what is none."""
    try:
        return urljoin(url, reference.strip(" \t"))
    except ValueError:  # an unclosed bracket
        return None
