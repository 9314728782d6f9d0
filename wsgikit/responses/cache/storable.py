"""Whether a response may be kept (RFC 9111 section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.responses.cache.freshen import left_out
from wsgikit.responses.cache.lifetime import explicit, guessable, lifetime
from wsgikit.responses.cache.partial import extent_of
from wsgikit.responses.cache.validate import has_validator
from wsgikit.responses.cache.vary import varies_by

if TYPE_CHECKING:
    from wsgikit.responses.cache.asked import Asked
    from wsgikit.responses.cache.head import Head

# Statuses whose meaning for caches is acted on here; must-understand asks for no less (RFC 9111 section 5.2.2.3).
UNDERSTOOD = frozenset(
    {200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 409, 410, 413, 414, 415}
    | {421, 422, 451, 500, 501, 502, 503, 504}
)

# 304 and 412 answer the conditions of one request, 416 its range. The others: RFC 6585.
_OF_ONE_REQUEST = frozenset({304, 412, 416, 428, 429, 431, 511})

# By these a response is judged when it is found again, and without them it could seem fresher than it is.
_JUDGED_BY = frozenset({"age", "cache-control", "cdn-cache-control", "date", "expires"})


def refusal(
    asked: Asked,
    head: Head,
    received: float,
    *,
    default_ttl: float | None = None,
    store_set_cookie: bool = False,
) -> str | None:
    """Why a response to this request is not kept, in a word or two; None where it may be.

    The method is judged here for GET and HEAD alone; for POST there is ``post_refusal``.
    """
    control = head.control
    if head.status < 200 or head.status in _OF_ONE_REQUEST:
        return "status"
    if control.must_understand:
        if head.status not in UNDERSTOOD:
            return "must-understand"
    elif control.no_store:
        return "no-store"
    if asked.control.no_store:
        return "request no-store"
    if control.private:
        return "private"
    if "*" in varies_by(head):
        return "vary"
    if asked.authorized and not open_to_all(head):
        return "authorization"
    if "set-cookie" in head.fields and not store_set_cookie and not _listed(head, "set-cookie"):
        return "set-cookie"
    # Beside another status than 206 Content-Range means nothing (RFC 9110 section 14.4).
    if head.length() == -1 or (head.status == 206 and extent_of(head) is None):
        return "framing"
    if (head.first("content-type") or "").lower().startswith("text/event-stream"):
        return "stream"  # it is never complete
    if hides_its_rules(head):
        return "fields"
    if explicit(head, received) is None and not guessable(head):
        return "no freshness"
    return None if _of_use(head, received, default_ttl) else "no freshness"


def post_refusal(asked: Asked, head: Head, received: float) -> str | None:
    """Why the response to a POST, which shows the URL that was asked, is not kept for a later GET (section 4)."""
    if head.status != 200 or not explicit(head, received):
        return "no freshness"
    return refusal(asked, head, received)


def open_to_all(head: Head) -> bool:
    """Whether what was asked for with credentials may be given to others (RFC 9111 section 3.5)."""
    control = head.control
    return control.public or control.must_revalidate or control.s_maxage is not None


def hides_its_rules(head: Head) -> bool:
    """Whether what it is judged by is among what must not be stored of it: ``private="cache-control"``."""
    return not _JUDGED_BY.isdisjoint(left_out(head) & head.fields.keys())


def _listed(head: Head, name: str) -> bool:
    """Whether a directive takes the field out of what is kept."""
    return name in head.control.private_fields or name in head.control.no_cache_fields


def _of_use(head: Head, received: float, default_ttl: float | None) -> bool:
    """Whether it could ever be used: while fresh, after validation, or stale by its own word."""
    control = head.control
    if has_validator(head):
        return True
    if control.no_cache:
        return False
    stale = max(control.stale_while_revalidate or 0, control.stale_if_error or 0)
    return lifetime(head, received, default_ttl) + stale > 0
