"""How old a stored response is (RFC 9111 section 4.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.http.cachecontrol import seconds

if TYPE_CHECKING:
    from wsgikit.responses.cache.head import Head


def age_at_arrival(head: Head, requested: float, received: float) -> float:
    """Seconds since the response was made, when it came: by its Date, or by its Age and the time it was under way."""
    # Dates have whole seconds: what was made and came within one has no age by them.
    apparent = 0.0 if head.date is None else max(0.0, received // 1 - head.date)
    return max(apparent, stated_age(head) + max(0.0, received - requested))


def age(head: Head, requested: float, received: float, now: float) -> float:
    """Seconds since the response was made; a clock that was set back makes nothing younger than it came."""
    return age_at_arrival(head, requested, received) + max(0.0, now - received)


def stated_age(head: Head) -> int:
    """The Age that caches before this one counted: the first one given, 0 for what is no number (section 5.1)."""
    text = head.first("age")
    return 0 if text is None else seconds(text.partition(",")[0].strip(" \t")) or 0
