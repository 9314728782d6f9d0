"""A stored response with what its head says, and whether it may be used now (RFC 9111 section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from wsgikit.responses.cache.age import age_at_arrival
from wsgikit.responses.cache.head import Head
from wsgikit.responses.cache.lifetime import lifetime

if TYPE_CHECKING:
    from wsgikit.http.cachecontrol import CacheControl
    from wsgikit.responses.cache.entry import Entry

Use: TypeAlias = Literal["fresh", "stale", "behind", "validate"]


class Kept:
    """An entry, read once: the layer remembers it, as the next request asks for the same."""

    __slots__ = ("_arrived", "entry", "head", "lifetime", "may_be_stale", "sendable")

    def __init__(self, entry: Entry, default_ttl: float | None = None) -> None:
        self.entry = entry
        self.head = Head(entry.status, entry.headers)
        self.lifetime = lifetime(self.head, entry.received, default_ttl)
        self.sendable = [pair for pair in entry.headers if pair[0].lower() != "age"]
        self._arrived = age_at_arrival(self.head, entry.requested, entry.received)
        control = self.head.control
        # RFC 9111 section 4.2.4; s-maxage says what proxy-revalidate does (section 5.2.2.10).
        self.may_be_stale = not (
            control.must_revalidate
            or control.proxy_revalidate
            or control.no_cache
            or control.s_maxage is not None
        )

    def age(self, now: float) -> float:
        """Seconds since it was made."""
        return self._arrived + max(0.0, now - self.entry.received)

    def left(self, now: float) -> float:
        """Seconds for which it is still fresh, below 0 once it is stale."""
        return self.lifetime - self.age(now)

    def use(self, wanted: CacheControl, now: float) -> Use:
        """How it may serve a request with the directives ``wanted``:

        ``fresh`` as it is, ``stale`` because the client allows that, ``behind`` as it is while the app is asked in the
        background, or ``validate``, once the app has been asked.
        """
        control = self.head.control
        if control.no_cache or wanted.no_cache:
            return "validate"
        age = self.age(now)
        # max-age=0 is how browsers ask for validation, even within the second in which it was made.
        if wanted.max_age is not None and (age > wanted.max_age or not wanted.max_age):
            return "validate"
        left = self.lifetime - age
        if left > 0:
            return "fresh" if wanted.min_fresh is None or left >= wanted.min_fresh else "validate"
        if not self.may_be_stale or wanted.min_fresh is not None:
            return "validate"
        if wanted.max_stale is not None and -left <= wanted.max_stale:
            return "stale"
        window = control.stale_while_revalidate
        return "behind" if window is not None and -left <= window else "validate"

    def outlasts(self, wanted: CacheControl, now: float, *, whatever_age: bool) -> bool:
        """Whether it may serve after the app has failed: within stale-if-error (RFC 5861), or at ``whatever_age``."""
        if not self.may_be_stale or wanted.no_cache:
            return False
        if whatever_age:
            return True
        beyond = -self.left(now)
        windows = (self.head.control.stale_if_error, wanted.stale_if_error)
        return any(window is not None and beyond <= window for window in windows)
