"""A stored response after the app has confirmed it (RFC 9111 sections 3.2 and 4.3.4), and what is stored at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.headers import exact
from wsgikit.http import dates
from wsgikit.http.hop import HOP_BY_HOP, nominated

if TYPE_CHECKING:
    from wsgikit.core.headers import Headers
    from wsgikit.responses.cache.head import Head

# They describe the bytes that are kept, and a 304 brings none: many servers put wrong values there.
_OF_THE_BYTES = frozenset(
    {"content-encoding", "content-length", "content-range", "content-type"}
    | {"content-digest", "content-md5", "digest", "repr-digest"}
)

_COOKIE = frozenset({"set-cookie"})

# Made for one answer: what proxies and this cache say of it, and how long the app took.
_OF_ONE_ANSWER = HOP_BY_HOP | {"cache-status", "server-timing"}


def kept_headers(head: Head, received: float) -> Headers:
    """What is stored of a response's headers (RFC 9111 section 3.1); a Date is added where there is none."""
    dropped = left_out(head)
    kept = exact(pair for pair in head.headers if pair[0].lower() not in dropped)
    if head.date is None:
        kept = [pair for pair in kept if pair[0].lower() != "date"]
        kept.append(("Date", dates.format(received)))
    return kept


def freshened(stored: Head, answer: Head, received: float, *, cookies: bool) -> Headers:
    """The stored headers with those of a 304, or of a HEAD, in their place; its Age and Date are new in any case.

    ``cookies``: whether Set-Cookie is stored; otherwise it is for the one client alone, as ``own_headers`` are.
    """
    own = frozenset() if cookies else _COOKIE
    new = [
        pair
        for pair in kept_headers(answer, received)
        if pair[0].lower() not in _OF_THE_BYTES and pair[0].lower() not in own
    ]
    replaced = {name.lower() for name, _ in new} | left_out(answer) | {"age"}
    return [pair for pair in stored.headers if pair[0].lower() not in replaced] + new


def own_headers(answer: Head, *, cookies: bool) -> Headers:
    """What of a 304's headers goes to the client that asked and to nobody else."""
    own = _listed(answer) if cookies else _listed(answer) | _COOKIE
    return [pair for pair in answer.headers if pair[0].lower() in own] if own else []


def left_out(head: Head) -> frozenset[str]:
    """The fields that are not stored, in lower case."""
    own = _listed(head)
    if "connection" in head.fields:
        own |= nominated(head.fields["connection"])
    return _OF_ONE_ANSWER | own if own else _OF_ONE_ANSWER


def _listed(head: Head) -> frozenset[str]:
    """The fields that directives name (RFC 9111 sections 5.2.2.4 and 5.2.2.7)."""
    return head.control.no_cache_fields | head.control.private_fields
