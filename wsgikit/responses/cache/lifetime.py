"""How long a response stays fresh (RFC 9111 section 4.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.http import dates

if TYPE_CHECKING:
    from wsgikit.responses.cache.head import Head

# RFC 9110 section 15.1: fit to be kept although they do not say for how long.
HEURISTIC = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})

_PART = 0.1  # of the time since the last change: RFC 9111 section 4.2.2 calls it typical
_LONGEST_GUESS = 7 * 86400.0  # what was left alone for ten years may still change within the next


def lifetime(head: Head, received: float, default: float | None = None) -> float:
    """Seconds from its birth for which a response is fresh, 0 for never.

    What it says itself counts, then ``default``, then a tenth of the time since its last change, a week at most.
    """
    said = explicit(head, received)
    if said is not None:
        return said
    if not guessable(head):
        return 0.0
    if default is not None:
        return default
    changed = head.last_modified
    if changed is None:
        return 0.0
    born = received if head.date is None else head.date
    return min(max(0.0, (born - changed) * _PART), _LONGEST_GUESS)


def explicit(head: Head, received: float) -> float | None:
    """The lifetime that the response states; None where it is silent."""
    control = head.control
    if control.s_maxage is not None:
        return float(control.s_maxage)
    if control.max_age is not None:
        return float(control.max_age)
    if head.targeted:
        return None  # CDN-Cache-Control takes the place of Expires too (RFC 9213 section 2.2)
    expires = head.fields.get("expires")
    if expires is None:
        return None
    moment = dates.parse(expires[0]) if len(expires) == 1 else None
    if moment is None:
        return 0.0  # "0" and "-1" above all, and two that may differ (RFC 9111 sections 5.3 and 4.2.1)
    return max(0.0, moment - (received if head.date is None else head.date))


def guessable(head: Head) -> bool:
    """Whether a cache may choose the lifetime where the response is silent."""
    return head.status in HEURISTIC or head.control.public
