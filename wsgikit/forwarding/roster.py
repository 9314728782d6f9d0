"""The backends that one process has for a proxy, as they come and go, and which of them may be used now.

What may be used is worked out when something has changed, not for each request. It begins with the first request, so
that threads are started by the process that serves.
"""

from __future__ import annotations

import threading  # looked up late: gevent's monkey-patching may come after this
import weakref
from math import ceil, inf
from os import getpid
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.core.background import Background
from wsgikit.forwarding import events
from wsgikit.forwarding.backend import Backend
from wsgikit.forwarding.balancing.available import Available, available
from wsgikit.forwarding.transports.tls import dialer

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.forwarding.discovery.watch import Watch
    from wsgikit.forwarding.settings import Settings
    from wsgikit.forwarding.upstream import Upstream
    from wsgikit.forwarding.upstreams import Upstreams


class Roster:
    """The backends of ``upstreams``, and of those that ``watch`` finds.

    ``released`` is called when one that was full has room again.
    """

    def __init__(
        self,
        upstreams: Upstreams,
        settings: Settings,
        watch: Watch | None,
        released: Callable[[], object],
    ) -> None:
        self.pid = getpid()
        self.backends: tuple[Backend, ...] = ()
        self._past = 0  # requests to backends that are gone
        self._upstreams = upstreams
        self._settings = settings
        self._watch = watch
        self._released = released
        self._available = Available((), (), -inf, False)
        self._news: object = object()  # another one whenever something has changed
        self._surveyed: object = None
        self._version = -1
        self._background: Background | None = None
        self._lock = threading.RLock()
        self._dialer = dialer(settings.tls)

    def __del__(self) -> None:
        # Not in a fork: another thread may have held a lock at that moment, and nobody there will ever release it.
        if self.pid == getpid():
            self.close()

    def close(self) -> None:
        """Stop checking and looking up, and close what is idle; requests in flight come to their ends."""
        if self._background is not None:
            self._background.close()
        for backend in self.backends:
            backend.close()

    def candidates(self) -> tuple[Backend, ...]:
        """The backends that may be given requests now."""
        now = monotonic()
        if self._surveyed is not self._news or now >= self._available.until:
            self._survey(now)
        return self._available.backends

    def backups(self) -> tuple[Backend, ...]:
        """The backups that a request may go to which has failed at all of the candidates, or finds them full."""
        return self._available.backups

    def retry_after(self) -> int:
        """Seconds until something may have changed."""
        left = self._available.until - monotonic()
        return max(1, min(ceil(left), 60)) if left < inf else 1

    def recheck(self) -> None:
        """Something has changed: look before the next request."""
        self._news = object()

    def muster(self) -> None:
        """Work out anew, now, which backends there are."""
        self.recheck()
        self.candidates()
        self._released()  # whoever waits for room may find some now

    def requests(self) -> int:
        """The requests to all backends so far, each try counted."""
        return self._past + sum(backend.pool.taken for backend in self.backends)

    def urls(self) -> list[str]:
        """The URLs of all backends."""
        return [backend.url for backend in self.backends]

    def snapshot(self) -> dict[str, Any]:
        """The record of each backend, by its URL; before the first request, of those that are known by then."""
        if self._version < 0:
            backends = tuple(self._make(one) for one in self._upstreams)
            self._mark_draining(backends)
        else:
            self.candidates()
            backends = self.backends
        now = monotonic()
        return {backend.url: backend.snapshot(now) for backend in backends}

    def _survey(self, now: float) -> None:
        with self._lock:
            news = self._news  # what changes from here on is seen by the next survey
            if self._version < 0:
                # Not in the constructor: of two rosters made at the same moment one is thrown away (PerProcess).
                self._upstreams.serve(self)
            version = self._upstreams.version
            if self._version != version:
                if self._watch is not None:
                    self._follow(self._watch)
                self._version = version
                self._replace(self._wanted())
            self._mark_draining(self.backends)
            before = self._available
            seen = self._available = available(backend.stand(now) for backend in self.backends)
            self._surveyed = news
        if seen.panic and not before.panic:
            events.panicked([backend.url for backend in seen.backends])

    def _mark_draining(self, backends: tuple[Backend, ...]) -> None:
        draining = self._upstreams.draining
        for backend in backends:
            backend.draining = backend.url in draining

    def _wanted(self) -> list[Upstream]:
        """Every upstream once."""
        return list(self._upstreams) if self._watch is None else self._watch.all(self._upstreams)

    def _replace(self, wanted: list[Upstream]) -> None:
        """Make backends for what is new, and let go of those whose upstream is gone."""
        known = {backend.url: backend for backend in self.backends}
        kept = {
            one.url: known[one.url] for one in wanted if one.url in known and known[one.url].upstream == one
        }
        made = {one.url: self._make(one) for one in wanted if one.url not in kept}
        gone = [backend for backend in self.backends if backend.url not in kept]
        self.backends = tuple({**kept, **made}[one.url] for one in wanted)
        for backend in gone:
            self._past += backend.pool.taken
            backend.close()
        for backend in made.values():
            self._check(backend)

    def _make(self, upstream: Upstream) -> Backend:
        myself = weakref.ref(self)

        def changed() -> None:
            roster = myself()
            if roster is not None:
                roster.recheck()

        limited = self._settings.max_connections or upstream.max_connections
        return Backend(
            upstream,
            self._settings,
            changed=changed,
            released=self._released if limited else None,
            dialer=self._dialer if upstream.address.scheme == "https" else None,
        )

    # ---- in the background

    def _check(self, backend: Backend) -> None:
        if self._settings.health is not None:
            self._in_background(backend.look, 0.0)

    def _follow(self, watch: Watch) -> None:
        """Look up what is listed now. The first request waits for that, the next looks are nobody's to wait for."""
        watch.follow(self._upstreams)
        if self._version < 0:
            self._in_background(self.look_up, 0.0)
            watch.wait(self._settings.connect_timeout)
        else:
            watch.look()

    def look_up(self) -> float | None:
        """Look up the upstreams, and serve those found from now on; gives the seconds until the next time."""
        if self._watch is None:
            return None
        changed, again = self._watch.look()
        if changed:
            with self._lock:
                self._replace(self._wanted())
            self.recheck()
        return again

    def _in_background(self, job: Callable[[], float | None], first: float) -> None:
        if self._background is None:
            self._background = Background("wsgikit.forwarding")
        self._background.every(job, first)
