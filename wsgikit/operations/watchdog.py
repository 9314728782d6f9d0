"""Watchdog: what a request that hangs is doing, while it hangs."""

from __future__ import annotations

import logging
import threading
from functools import partial
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.core.background import Background
from wsgikit.core.body import watched
from wsgikit.core.environ import url
from wsgikit.core.middleware import Middleware
from wsgikit.core.process import PerProcess
from wsgikit.core.units import duration, flag
from wsgikit.http.redact import DEFAULT, Redaction
from wsgikit.operations.stacks import placing, stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    Running = tuple[WSGIEnvironment, float, Any]  # what was asked, since when it runs, and in which thread

_log = logging.getLogger("wsgikit.watchdog")

_redaction = Redaction(DEFAULT)


class Watchdog(Middleware):
    """Logs a request that runs too long, while it runs: what was asked, by whom, and where its thread is.

    A request runs from the call of the app until its body is closed, so a slow download counts too. It is told when it
    has run for ``after``, then after twice that time, four times, and so on, by the logger ``wsgikit.watchdog``:
    method, URL, client (the one a TrustedProxies inside has verified), request id, seconds, and the stack. Nothing is
    interrupted. Whatever the client sent is escaped, and secrets in the query are hidden as in AccessLog.

    - ``after``: seconds, or text like ``"5s"``. No default: it is what no request of the app should take.
    - ``stacks`` (True): whether to show what is on the stack of the request's thread, or of its greenlet.

    One background thread in each process looks, from its first request on. Where greenlets take the place of threads
    (gevent's monkey-patching), it is one of them, and tells only once the others give way. Raises ``ValueError`` or
    ``TypeError`` for an option that will not do.
    """

    def __init__(self, app: WSGIApplication, after: float | str, *, stacks: bool = True) -> None:
        super().__init__(app)
        self.after = duration("Watchdog", "after", after)
        self.stacks = flag("Watchdog", "stacks", stacks)
        self._watch = PerProcess(partial(Watch, self.after, self.stacks))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = self._watch.get().begin(environ)
        try:
            body = self.app(environ, start_response)
        except BaseException:
            request.end()
            raise
        return watched(body, environ, request.end)[1]


class Watch:
    """The requests that run in this process, and the job that looks for those that have run too long."""

    def __init__(self, after: float, stacks: bool, clock: Callable[[], float] = monotonic) -> None:
        self._after = after
        self._stacks = stacks
        self._clock = clock
        self._place = placing()
        self._numbers = count()
        self._running: dict[int, Running] = {}
        self._again: dict[int, float] = {}  # when those that were told will be again
        self._background = Background("watchdog", clock)
        self._begun = threading.Lock()  # taken by the first request, and kept
        self._started = False

    def begin(self, environ: WSGIEnvironment) -> Request:
        """A request runs, from now on."""
        if not self._started and self._begun.acquire(blocking=False):
            self._started = True
            self._background.every(self.look, self._after)
        number = next(self._numbers)
        self._running[number] = environ, self._clock(), self._place()
        return Request(self._running, number)

    def look(self) -> float:
        """Tell the requests that are due to be told, and give the seconds until the next may be."""
        now = self._clock()
        running = self._running.copy()
        self._again = {number: due for number, due in self._again.items() if number in running}
        next_due = now + self._after  # of one that begins now
        for number, request in running.items():
            since = request[1]
            due = self._again.get(number, since + self._after)
            if due <= now:
                self._tell(request, now - since)
                due = self._again[number] = now + (now - since)
            next_due = min(next_due, due)
        return next_due - now

    def _tell(self, request: Running, ran: float) -> None:
        try:
            _log.warning("%s", self._described(request, ran))
        except Exception as error:  # its path is none, say; the others are told all the same
            _log.error("a request that has been running for %.1f s cannot be shown: %a", ran, error)

    def _described(self, request: Running, ran: float) -> str:
        environ, _, place = request
        notes = environ.get("wsgikit.notes") or {}
        request_id = environ.get("wsgikit.request_id") or notes.get("request.id")
        shown = stack(place) if self._stacks else ""
        return (
            f"{environ.get('REQUEST_METHOD')!a} {_redaction.target(url(environ))!a} has been running for {ran:.1f} s; "
            f"client {environ.get('REMOTE_ADDR')!a}, request id {request_id!a}"
            + (f"; at this moment:\n{shown}" if shown else "")
        )


class Request:
    """A request that runs until ``end()``, at the latest until it is forgotten: some servers never call ``close()``."""

    __slots__ = ("_number", "_running")

    def __init__(self, running: dict[int, Running], number: int) -> None:
        self._running = running
        self._number = number

    def end(self, _: object = None) -> None:
        """It is over."""
        self._running.pop(self._number, None)

    __del__ = end
