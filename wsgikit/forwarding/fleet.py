"""One request, through whichever backends it takes: which is next, has it room, and what is tried after a failure."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.forwarding import events
from wsgikit.forwarding.errors import ConnectTimedOut, ForwardingError, Full, NoneAvailable, Unreachable
from wsgikit.forwarding.roster import Roster
from wsgikit.forwarding.waiting import WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.forwarding.backend import Answer, Backend
    from wsgikit.forwarding.discovery.watch import Watch
    from wsgikit.forwarding.outbound import Request
    from wsgikit.forwarding.settings import Settings
    from wsgikit.forwarding.upstreams import Upstreams

_SELDOM = 64  # every so many requests the retry budget is told how many there were


class Fleet:
    """Carries requests to the backends of one proxy in one process."""

    def __init__(self, upstreams: Upstreams, settings: Settings, watch: Callable[[], Watch | None]) -> None:
        self._settings = settings
        self._room = WaitingRoom(settings.max_waiting)
        self._budget = None if settings.retry is None else settings.retry.state()
        self._lock = Lock()
        self.roster = Roster(upstreams, settings, watch(), self._room.call)

    def close(self) -> None:
        """Stop checking and looking up, and close what is idle; requests in flight come to their ends."""
        self.roster.close()

    def snapshot(self) -> dict[str, Any]:
        """What there is to see, as plain values."""
        return {"waiting": self._room.waiting, "upstreams": self.roster.snapshot()}

    # ---- a request

    def exchange(self, request: Request, notes: dict[str, Any]) -> Answer:
        """Send ``request`` to the backend whose turn it is, and to others if it fails and may be sent again.

        Gives the answer once its head is in. Raises ``ForwardingError``.
        """
        settings, retry = self._settings, self._settings.retry
        deadline = None if settings.total_timeout is None else monotonic() + settings.total_timeout
        notes["retries"] = 0
        tried: list[Backend] = []
        patience: float | None = None  # until when to wait for room, once some backend had none
        while True:
            backend = self._next(request, tried, patience)
            notes["upstream"] = backend.url
            try:
                answer = backend.exchange(request, deadline)
            except Full:
                if patience is None:
                    patience = self._patience(deadline)
                continue
            except ForwardingError as error:
                tried.append(backend)
                if not self._again(error, request, tried):
                    raise
                reason = str(error)
            else:
                if not backend.pool.taken % _SELDOM and self._budget is not None:
                    self._budget.saw(self.roster.requests(), monotonic())
                if retry is None or not retry.statuses or not self._unwanted(answer, request, tried):
                    return answer
                reason = f"answered {answer.head.status[:3]}"
                answer.end()
            events.retried(request.environ, backend.url, reason)
            notes["retries"] = len(tried)
            backend.retries += 1

    def _again(self, error: ForwardingError, request: Request, tried: list[Backend]) -> bool:
        """Whether a try that failed is followed by another."""
        retry = self._settings.retry
        begun = request.more is not None and not isinstance(error, Unreachable | ConnectTimedOut)
        if retry is None or not retry.again(error, tries=len(tried), method=request.method, begun=begun):
            return False
        if not self._others(tried) and (retry.elsewhere_only(error) or not self.roster.candidates()):
            return False
        return self._afford()

    def _unwanted(self, answer: Answer, request: Request, tried: list[Backend]) -> bool:
        """Whether an answer is given up, as another try may bring a better one."""
        retry, status, begun = self._settings.retry, int(answer.head.status[:3]), request.more is not None
        if retry is None or not retry.answered(
            status, tries=len(tried) + 1, method=request.method, begun=begun
        ):
            return False
        tried.append(answer.backend)
        return bool(self.roster.candidates()) and self._afford()

    def _afford(self) -> bool:
        with self._lock:
            return self._budget is not None and self._budget.take(self.roster.requests(), monotonic())

    # ---- which backend

    def _next(self, request: Request, tried: list[Backend], patience: float | None) -> Backend:
        """The backend for a request; others before those that were ``tried``."""
        while True:
            if patience is not None or self._room.waiting:
                backends = self._with_room(tried, patience or self._patience(None))
            else:
                backends = self.roster.candidates()
                if tried:
                    backends = self._others(tried) or backends
            if not backends:
                raise NoneAvailable("no upstream takes requests", retry_after=self.roster.retry_after())
            backend = self._choose(backends, request)
            if backend.admits():
                return backend

    def _choose(self, backends: tuple[Backend, ...], request: Request) -> Backend:
        sticky = self._settings.sticky
        if sticky is not None:
            request.bound = sticky.chosen(request.environ, backends)
            if request.bound is not None:
                return request.bound
        return backends[0] if len(backends) == 1 else self._settings.policy(backends, request.environ)

    def _others(self, tried: list[Backend]) -> tuple[Backend, ...]:
        return tuple(one for one in self.roster.candidates() if one not in tried)

    def _patience(self, deadline: float | None) -> float:
        """Until when a request waits for room."""
        until = monotonic() + self._settings.connect_timeout
        return until if deadline is None else min(until, deadline)

    def _with_room(self, tried: list[Backend], until: float) -> tuple[Backend, ...]:
        """Those that are not full; waits for one if all are. None are left when none may be used at all."""

        def ask() -> tuple[Backend, ...] | None:
            backends = self.roster.candidates()
            free = tuple(one for one in backends if not one.pool.full)
            if backends and not free:
                return None
            return tuple(one for one in free if one not in tried) or free

        # Whoever comes while others wait goes behind them.
        free = None if self._room.waiting else ask()
        if free is None:
            free = self._room.wait(ask, until)
        if free is None:
            raise Full("every upstream has as many requests in flight as max_connections allows")
        return free
