"""Request collapsing: of the requests that come at once for what is not stored, one asks the app.

A `Fill` is one such request, from when it goes to the app until its answer is stored or is known not to be. The first
for a key leads, and later ones of the same ``variant`` (what of the request selects a response, as far as that is known
by then) may wait for it. They wait for a limited time, never for themselves (an app that asks
its own cache in the same thread), and not at all where the last answer was of no use to others.

Fills that do not lead are counted too: what is purged while they are under way must not be stored by them after it.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Variant: TypeAlias = frozenset[tuple[str, str]]
"""The values of the request's headers that select a response, without those that it does not have."""

ANY: Variant = frozenset()

PATIENCE = 10.0
"""Seconds that a request waits for another one's answer before it asks the app itself."""

# Seconds after which a leader is waited for no more: some never end, as a background job that is not run.
_ABANDONED = 60.0

_MOST_VAIN = 4096  # keys remembered as not worth waiting for
_VAIN_FOR = 60.0  # seconds for which they are


class Fill:
    """One request that asks the app and may store the answer.

    ``variant``: what of it selects a response. ``outdated``: what it brings was purged, or made invalid, before it
    came. ``tags`` are those of its answer, None while that has not come.
    """

    __slots__ = ("began", "done", "key", "leads", "outdated", "tags", "thread", "variant")

    def __init__(self, key: str, variant: Variant, began: float, *, leads: bool) -> None:
        self.key = key
        self.variant = variant
        self.began = began
        self.leads = leads
        self.outdated = False
        self.tags: tuple[str, ...] | None = None
        self.thread = threading.get_ident()
        # Only where somebody waits for it: it would be most of what a fill costs.
        self.done: threading.Event | None = None

    def wait(self, seconds: float) -> bool:
        """Whether it has finished within ``seconds``."""
        return self.done is None or self.done.wait(seconds)


class Fills:
    """The fills under way in this process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: dict[str, list[Fill]] = {}
        # By the hash of the key, as those of strangers may be long; two with one hash just do not wait.
        self._vain: dict[int, float] = {}

    def begin(self, key: str, variant: Variant = ANY, *, shares: bool) -> tuple[Fill, Fill | None]:
        """A fill for ``key``, and the one that leads if another does, and is worth waiting for.

        ``shares``: whether another request's answer could do, and its own for another; else it neither leads nor waits.
        """
        with self._lock:
            leader = self._leader(key, variant) if shares else None
            mine = self._added(key, variant, leads=shares and leader is None)
            if leader is None or leader.thread == mine.thread or self._is_vain(key):
                return mine, None
            if leader.done is None:
                leader.done = threading.Event()
            return mine, leader

    def lead(self, key: str, variant: Variant = ANY) -> Fill | None:
        """A fill that leads, or None where another does."""
        with self._lock:
            led = self._leader(key, variant) is not None
            return None if led else self._added(key, variant, leads=True)

    def _leader(self, key: str, variant: Variant) -> Fill | None:
        since = self._clock() - _ABANDONED
        for fill in self._under_way.get(key, ()):
            if fill.leads and fill.variant == variant and not fill.outdated and fill.began > since:
                return fill
        return None

    def _added(self, key: str, variant: Variant, *, leads: bool) -> Fill:
        fill = Fill(key, variant, self._clock(), leads=leads)
        self._under_way.setdefault(key, []).append(fill)
        return fill

    def end(self, fill: Fill) -> None:
        """The fill is over, whatever came of it: who waits may look into the store. Once more, this does nothing."""
        with self._lock:
            others = self._under_way.get(fill.key)
            if others is None or fill not in others:
                return
            others.remove(fill)
            if not others:
                del self._under_way[fill.key]
        if fill.done is not None:
            fill.done.set()

    def release(self, fill: Fill) -> None:
        """Its answer is for nobody else: whoever waits for it need not, and it leads no more."""
        with self._lock:
            fill.leads = False
        if fill.done is not None:
            fill.done.set()

    def judge(self, key: str, *, vain: bool) -> None:
        """Remember whether an answer under ``key`` was of use to others."""
        place = hash(key)
        if not vain:
            if place in self._vain:
                with self._lock:
                    self._vain.pop(place, None)
            return
        with self._lock:
            if len(self._vain) >= _MOST_VAIN:
                self._vain.clear()
            self._vain[place] = self._clock() + _VAIN_FOR

    def outdate(self, keys: Iterable[str]) -> None:
        """What is under way for ``keys`` was asked for too early: it must not be stored."""
        with self._lock:
            for key in keys:
                for fill in self._under_way.get(key, ()):
                    fill.outdated = True

    def outdate_tag(self, tag: str) -> None:
        """The same for what bears ``tag``, or has not said yet what it bears."""
        with self._lock:
            for fills in self._under_way.values():
                for fill in fills:
                    if fill.tags is None or tag in fill.tags:
                        fill.outdated = True

    def _is_vain(self, key: str) -> bool:
        place = hash(key)
        until = self._vain.get(place)
        if until is None:
            return False
        if self._clock() < until:
            return True
        del self._vain[place]
        return False
