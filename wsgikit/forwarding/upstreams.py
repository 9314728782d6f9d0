"""``proxy.upstreams``: the upstreams of a proxy as they were given, and as they change while it serves."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from os import getpid
from threading import Lock
from typing import TYPE_CHECKING, Any, overload

from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.core.process import PerProcess
from wsgikit.forwarding import events
from wsgikit.forwarding.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.forwarding.roster import Roster


class Upstreams(Sequence[Upstream]):
    """The upstreams as they are now: a sequence, with ``add``, ``remove`` and ``drain`` for this process.

    A server with several workers has the sequence once in each; ``resolve=`` changes all of them.
    """

    def __init__(
        self, upstreams: tuple[Upstream, ...], draining: frozenset[str] = frozenset(), version: int = 0
    ) -> None:
        self.version = version
        self.draining = draining
        self._listed = upstreams
        self._locks: PerProcess[Lock] = PerProcess(Lock)
        self._roster: Callable[[], Roster | None] = _nobody

    @overload
    def __getitem__(self, index: int) -> Upstream: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Upstream]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._listed[index]

    def __len__(self) -> int:
        return len(self._listed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Upstreams):
            return NotImplemented
        return self._listed == other._listed and self.draining == other.draining

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __reduce__(self) -> tuple[Any, ...]:
        return Upstreams, (self._listed, self.draining, self.version)

    def __repr__(self) -> str:
        return f"<Upstreams {', '.join(one.url for one in self._listed) or 'none yet'}>"

    def add(self, upstream: str | Upstream) -> None:
        """Give an upstream its share of the requests from now on; one that is being drained comes back.

        Raises ``ValueError`` for one that is there already.
        """
        one = as_upstream("ReverseProxy.upstreams", "add", upstream)
        with self._locks.get():
            if one.url in self.draining:
                self.draining -= {one.url}
                if one is upstream:  # a URL alone says nothing of weight or limits: they stay
                    self._listed = tuple(one if old.url == one.url else old for old in self._listed)
            elif any(old.url == one.url for old in self._listed):
                raise wrong_value("ReverseProxy.upstreams", "add", one.url, "one that is not there yet")
            else:
                self._listed = (*self._listed, one)
            self.version += 1
        self._tell(one.url, "added")

    def remove(self, url: str) -> None:
        """Send no more requests to an upstream, and forget it; those in flight end as they would.

        Raises ``LookupError`` if it is unknown, or was not listed but found by ``resolve=``: that can be drained.
        """
        with self._locks.get():
            if all(one.url != url for one in self._listed):
                raise self._unknown(url, [one.url for one in self._listed])
            self._listed = tuple(one for one in self._listed if one.url != url)
            self.draining -= {url}
            self.version += 1
        self._tell(url, "removed")

    def drain(self, url: str) -> None:
        """Send no new requests to an upstream, and keep it: ``snapshot`` shows when none is left in flight.

        Raises ``LookupError`` if it is unknown.
        """
        with self._locks.get():
            if url not in self._known():
                raise self._unknown(url, self._known())
            self.draining |= {url}
            self.version += 1
        self._tell(url, "draining")

    def twin(self) -> Upstreams:
        """The same for another proxy, to change by itself."""
        return Upstreams(self._listed, self.draining, self.version)

    def serve(self, roster: Roster) -> None:
        """Tell ``roster`` of changes from now on."""
        self._roster = weakref.ref(roster)

    def _tell(self, url: str, what: str) -> None:
        events.changed(url, what)
        roster = self._roster()
        if roster is not None and roster.pid == getpid():
            roster.muster()

    def _known(self) -> list[str]:
        roster = self._roster()
        return [one.url for one in self._listed] + ([] if roster is None else roster.urls())

    def _unknown(self, url: object, known: list[str]) -> LookupError:
        hint = suggestion(url, known) if isinstance(url, str) else ""
        return LookupError(f"ReverseProxy.upstreams: no upstream {url!r}{hint}")


def _nobody() -> None:
    return None


def listed(given: object, *, may_be_empty: bool) -> tuple[Upstream, ...]:
    """What the option ``upstreams`` of ReverseProxy lists, each an Upstream."""
    several = [given] if isinstance(given, str | Upstream) else given
    if not isinstance(several, list | tuple):
        raise wrong_type("ReverseProxy", "upstreams", given, "a URL, an Upstream, or a list of either")
    if not several and not may_be_empty:
        raise wrong_value("ReverseProxy", "upstreams", given, "at least one URL or Upstream")
    found = tuple(as_upstream("ReverseProxy", "upstreams", one) for one in several)
    if found and not any(one.weight for one in found):
        raise wrong_value("ReverseProxy", "upstreams", given, "at least one with a weight above 0")
    urls = [one.url for one in found]
    for url in urls:
        if urls.count(url) > 1:
            raise wrong_value(
                "ReverseProxy", "upstreams", url, "each upstream once; give it a weight instead"
            )
    return found


def as_upstream(owner: str, option: str, value: object) -> Upstream:
    """An Upstream of a URL or an Upstream."""
    if isinstance(value, Upstream):
        return value
    if not isinstance(value, str):
        raise wrong_type(owner, option, value, "a URL or an Upstream")
    return Upstream(value)
