"""What a source finds, looked up in the background again and again."""

from __future__ import annotations

from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from wsgikit.forwarding import events
from wsgikit.forwarding.discovery.lookup import LookupFailed
from wsgikit.forwarding.discovery.sources import source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wsgikit.forwarding.discovery.function import Finder
    from wsgikit.forwarding.discovery.lookup import Source
    from wsgikit.forwarding.upstream import Upstream

_LATER = 10.0  # seconds until a source that is none yet is looked for again


class Watch:
    """Keeps what ``source`` has ``found`` last.

    ``remake`` gives the source for other upstreams than those at the beginning, where it stands on them ("dns").
    """

    def __init__(
        self, source: Source | None, remake: Callable[[tuple[Upstream, ...]], Source | None] | None = None
    ) -> None:
        self.found: list[Upstream] = []
        self._source = source
        self._remake = remake
        self._looked = Event()
        self._failure: str | None = None

    def follow(self, listed: Iterable[Upstream]) -> None:
        """The upstreams that are listed are these from now on."""
        upstreams = tuple(listed)
        if self._remake is not None:
            self._source = self._remake(upstreams) if upstreams else None

    def wait(self, seconds: float) -> None:
        """Wait for the end of the first look, and no longer than ``seconds``."""
        self._looked.wait(seconds)

    def look(self) -> tuple[bool, float]:
        """Look now: whether something has changed, and the seconds until the next time."""
        try:
            return self._look()
        finally:
            self._looked.set()

    def all(self, listed: Iterable[Upstream]) -> list[Upstream]:
        """Every upstream once: what was found, and what is listed where that was not looked up itself."""
        own = () if self._source is not None and self._source.replaces else listed
        return list({one.url: one for one in (*self.found, *own)}.values())

    def _look(self) -> tuple[bool, float]:
        source = self._source
        if source is None:
            return False, _LATER
        try:
            found, again = source.look_up()
        except LookupFailed as error:
            if str(error) != self._failure:  # told once, not every second
                self._failure = str(error)
                events.not_resolved(source, self._failure, len(self.found))
            return False, error.again
        self._failure = None
        changed, self.found = found != self.found, found
        return changed, again


def watching(
    owner: str, option: str | Finder | None, listed: tuple[Upstream, ...]
) -> Callable[[], Watch | None]:
    """What makes, in each process, the watch that the option ``resolve`` of ``owner`` asks for.

    Raises what ``source`` raises.
    """
    found = source(owner, option, listed)
    if option is None:
        return _none
    return partial(Watch, found, partial(source, owner, option) if option == "dns" else None)


def _none() -> None:
    return None
