"""One request, through whichever backends it takes: which is next, has it room, and what is tried after a failure."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.forwarding import events
from wsgikit.forwarding.balancing.retry import Retry
from wsgikit.forwarding.errors import ForwardingError, Full, NoneAvailable
from wsgikit.forwarding.roster import Roster
from wsgikit.forwarding.waiting import Patience, WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.forwarding.backend import Backend
    from wsgikit.forwarding.discovery.watch import Watch
    from wsgikit.forwarding.exchange import Answer
    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.settings import Settings
    from wsgikit.forwarding.upstreams import Upstreams

_SELDOM = 64  # every so many requests the retry budget is told how many there were


class Fleet:
    """Carries requests to the backends of one proxy in one process."""

    def __init__(self, upstreams: Upstreams, settings: Settings, watch: Callable[[], Watch | None]) -> None:
        self._settings = settings
        self._room = WaitingRoom(settings.max_waiting)
        self._budget = None if settings.retry is None else settings.retry.state()
        self._lock = Lock()  # of the budget
        self.roster = Roster(upstreams, settings, watch(), self._room.call)

    def close(self) -> None:
        """Stop checking and looking up, and close what is idle; requests in flight come to their ends."""
        self.roster.close()

    def snapshot(self) -> dict[str, Any]:
        """What there is to see, as plain values."""
        return {"waiting": len(self._room.waiting), "upstreams": self.roster.snapshot()}

    # ---- a request

    def exchange(self, request: Request, notes: dict[str, Any]) -> Answer:
        """Send ``request`` to the backend whose turn it is, and to others if it fails and may be sent again.

        Gives the answer once its head is in. Raises ``ForwardingError``, and what a policy of the user's own raises.
        """
        settings, retry = self._settings, self._settings.retry
        deadline = None if settings.total_timeout is None else monotonic() + settings.total_timeout
        notes["retries"] = 0
        tries: Tries | None = None  # once one has failed
        patience: Patience | None = None  # once some backend had no room, or others wait for some
        while True:
            if patience is None and self._room.waiting:
                patience = self._patience(deadline)
            backend = self._next(request, tries, patience)
            notes["upstream"] = backend.url
            try:
                answer = backend.exchange(request, deadline)
            except Full:
                patience = patience or self._patience(deadline)
                continue
            except ForwardingError as error:
                tries = tries or Tries()
                tries.failed(backend, error)
                if retry is None or not self._again(retry, error, request, tries, deadline):
                    raise
                reason = str(error)
            else:
                if not backend.pool.taken % _SELDOM:
                    self._tell_budget()
                if retry is None or not retry.statuses:
                    return answer
                tries = tries or Tries()
                tries.backends.append(backend)
                if not self._unwanted(retry, answer, request, tries):
                    return answer
                reason = f"answered {answer.head.status[:3]}"
                answer.end()
            events.retried(request.environ, backend.url, reason)
            notes["retries"] = len(tries.backends)
            backend.retried()

    def _again(
        self, retry: Retry, error: ForwardingError, request: Request, tries: Tries, deadline: float | None
    ) -> bool:
        """Whether a try that failed is followed by another."""
        if deadline is not None and monotonic() >= deadline:
            return False
        sent, method = len(tries.backends), request.method
        if not retry.again(error, tries=sent, method=method, begun=request.begun):
            return False
        return bool(self._left(tries)) and self._afford()

    def _unwanted(self, retry: Retry, answer: Answer, request: Request, tries: Tries) -> bool:
        """Whether an answer is given up, as another try may bring a better one."""
        sent, method = len(tries.backends), request.method
        if not retry.answered(int(answer.head.status[:3]), tries=sent, method=method, begun=request.begun):
            return False
        return bool(self._left(tries)) and self._afford()

    def _left(self, tries: Tries) -> tuple[Backend, ...]:
        """Those that may still be tried."""
        return tries.in_order(self.roster.candidates(), self.roster.backups())

    def _tell_budget(self) -> None:
        if self._budget is not None:
            with self._lock:
                self._budget.saw(self.roster.requests(), monotonic())

    def _afford(self) -> bool:
        with self._lock:
            return self._budget is not None and self._budget.take(self.roster.requests(), monotonic())

    # ---- which backend

    def _next(self, request: Request, tries: Tries | None, patience: Patience | None) -> Backend:
        """The backend for a request."""
        while True:
            backends = self.roster.candidates() if patience is None else self._with_room(tries, patience)
            if tries is not None:
                backends = tries.in_order(backends, self.roster.backups())
            if not backends:
                raise NoneAvailable("no upstream takes requests", retry_after=self.roster.retry_after())
            backend = self._choose(backends, request)
            if backend.admits():
                return backend

    def _choose(self, backends: tuple[Backend, ...], request: Request) -> Backend:
        """The one the client is bound to, or the policy's choice: what that raises is for the server around us."""
        sticky = self._settings.sticky
        if sticky is not None:
            request.bound = sticky.chosen(request.environ, backends)
            if request.bound is not None:
                return request.bound
        if len(backends) == 1:
            return backends[0]
        policy = self._settings.policy
        chosen = policy(backends, request.environ)
        if chosen not in backends:
            raise TypeError(
                f"ReverseProxy: policy={policy!r} gave {chosen!r}, which is none of the backends it was given"
            )
        return chosen

    def _patience(self, deadline: float | None) -> Patience:
        """Until when a request waits for room."""
        until = monotonic() + self._settings.connect_timeout
        return Patience(until if deadline is None else min(until, deadline))

    def _with_room(self, tries: Tries | None, patience: Patience) -> tuple[Backend, ...]:
        """Those that are not full, or backups that are not; waits for one if all are. None where none may be used."""

        def ask() -> tuple[Backend, ...] | None:
            backends, backups = self.roster.candidates(), self.roster.backups()
            if tries is not None:
                backends, backups = tries.left(backends), tries.left(backups)
            free = _with_place(backends) or _with_place(backups)
            return None if backends and not free else free

        # Whoever comes while others wait goes behind them.
        free = None if self._room.waiting else ask()
        if free is None:
            free = self._room.wait(ask, patience)
        if free is None:
            raise Full("every upstream has as many requests in flight as max_connections allows")
        return free


def _with_place(backends: tuple[Backend, ...]) -> tuple[Backend, ...]:
    return tuple(one for one in backends if not one.pool.full)


class Tries:
    """What has come of a request so far: the ``backends`` that were tried, one after the other."""

    __slots__ = ("_too_slow", "backends")

    def __init__(self) -> None:
        self.backends: list[Backend] = []
        self._too_slow: list[Backend] = []

    def failed(self, backend: Backend, error: ForwardingError) -> None:
        """A try came to nothing."""
        self.backends.append(backend)
        if Retry.elsewhere_only(error):
            self._too_slow.append(backend)

    def left(self, backends: tuple[Backend, ...]) -> tuple[Backend, ...]:
        """Those that may be tried: not one again that took too long, which would only take as long again."""
        return tuple(one for one in backends if one not in self._too_slow)

    def in_order(self, backends: tuple[Backend, ...], backups: tuple[Backend, ...]) -> tuple[Backend, ...]:
        """Those to choose from now: others before those that were tried, and backups with room before these too."""
        untried = tuple(one for one in backends if one not in self.backends)
        spare = tuple(one for one in _with_place(backups) if one not in self.backends)
        return untried or spare or self.left(backends)
