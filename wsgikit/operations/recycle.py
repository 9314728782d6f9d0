"""Recycle: a worker that has grown too large, or served long enough, makes room for a new one."""

from __future__ import annotations

import itertools
import logging
import os
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import watched
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.memory import memory
from wsgikit.core.middleware import Middleware
from wsgikit.core.process import PerProcess
from wsgikit.core.units import seconds, size, whole
from wsgikit.operations.lifetime import Lifetime
from wsgikit.operations.respawn import NoRespawn, leaving_signal
from wsgikit.operations.service import meeting_place, service_name
from wsgikit.operations.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Iterable
    from signal import Signals
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# A worker waits for the successor of the one that left before it, but not for long over its own limit: that may have
# nothing to do yet, and stay unheard of.
_PATIENCE = 10.0  # seconds at most
_SHARE = 0.1  # of its own age

_log = logging.getLogger("wsgikit.recycle")


class Recycle(Middleware):
    """Has a worker replaced when it reaches a limit, after the answer that reached it, and without losing another.

    The limits are looked at when a request's body is closed. Then the worker sends itself the signal on which its
    server finishes what is in flight and starts a new one: gunicorn, uWSGI with ``--master``, mod_wsgi's daemon mode.
    Elsewhere nobody would start one: the layer does nothing, and says so once. Of a service's workers on a host one
    leaves at a time; the next waits until that has ended, and then for its successor to start: for a tenth of its own
    age, ten seconds at most. The logger ``wsgikit.recycle`` tells each, with the reason.

    - ``rss`` (None): resident memory, in bytes or as ``"512MiB"`` (Linux).
    - ``requests`` (None): how many requests are served.
    - ``age`` (None): time since the process's first request, in seconds or as ``"12h"``.
    - ``jitter`` (0.1): up to which share, from 0.0 to 1.0, each process draws its limits lower, so that workers that
      were started together do not leave together.
    - ``min_age`` (``"10s"``): how old a process is at least when it leaves, whatever the limits: one that is above
      ``rss`` from its start would be replaced without end.
    - ``service`` (None): whose workers take turns: WSGIKIT_SERVICE, or the name of the project's folder.

    Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        rss: int | str | None = None,
        requests: int | None = None,
        age: float | str | None = None,
        jitter: float = 0.1,
        min_age: float | str = "10s",
        service: str | None = None,
    ) -> None:
        super().__init__(app)
        self.rss = None if rss is None else size("Recycle", "rss", rss)
        self.requests = None if requests is None else whole("Recycle", "requests", requests)
        self.age = None if age is None else seconds("Recycle", "age", age)
        self.jitter = _share(jitter)
        self.min_age = seconds("Recycle", "min_age", min_age)
        self.service = service_name("Recycle", service)
        if self.rss == 0:
            raise wrong_value("Recycle", "rss", rss, "more than no memory at all")
        self._limited = any(limit is not None for limit in (rss, requests, age))
        self._lifetime = Lifetime(self.rss, self.requests, self.age, self.min_age)
        self._worker = PerProcess(self._new_worker)
        if self._limited:
            self._turn().pass_on()  # unless it is loaded before the fork, this is a new worker about to serve

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._limited:
            return self.app(environ, start_response)
        worker = self._worker.get()
        if worker.signal is None and not worker.may_leave(environ):
            return self.app(environ, start_response)
        try:
            body = self.app(environ, start_response)
        except BaseException:
            worker.served()
            raise
        return watched(body, environ, worker.served)[1]

    def _new_worker(self) -> Worker:
        return Worker(self._lifetime.shortened(self.jitter), self._turn())

    def _turn(self) -> Turn:
        return Turn(meeting_place(self.service, "recycle"))


class Worker:
    """This process: what it has served, and how it leaves."""

    def __init__(self, lifetime: Lifetime, turn: Turn) -> None:
        self.signal: Signals | None = None  # how it leaves, once that is known
        self._stays = False
        self._lifetime = lifetime
        self._turn = turn
        self._count = itertools.count(1)  # counts right in many threads without a lock
        self._born = monotonic()
        self._leaving = threading.Lock()  # held by who looks whether it is our turn, and for good once it was

    def may_leave(self, environ: WSGIEnvironment) -> bool:
        """Whether it would be replaced; the first request tells."""
        if self._stays:
            return False
        try:
            self.signal = leaving_signal(environ)
        except NoRespawn as reason:
            self._stays = True
            _log.warning("no worker is recycled: %s", reason)
            return False
        self._turn.pass_on()
        return True

    def served(self, _: object = None) -> None:
        """A request is over: leave, if that is due."""
        lifetime, age = self._lifetime, monotonic() - self._born
        rss = memory()[1] if lifetime.rss is not None else 0
        reason = lifetime.over(rss=rss, requests=next(self._count), age=age)
        if reason and self._leaving.acquire(blocking=False):
            if self._our_turn(min(_PATIENCE, age * _SHARE)):
                self._leave(reason)
            else:
                self._leaving.release()

    def _our_turn(self, patience: float) -> bool:
        try:
            return self._turn.take(patience)
        except OSError as error:  # better two at a time than none, and memory that grows on
            _log.warning("workers cannot take turns to be recycled: %a", str(error))
            return True

    def _leave(self, reason: str) -> None:
        assert self.signal is not None
        pid = os.getpid()
        _log.warning("process %d makes room for a new one (%s): %s", pid, self.signal.name, reason)
        os.kill(pid, self.signal)  # of the process: handlers written in Python run in its main thread


def _share(jitter: Any) -> float:
    wanted = "a number from 0.0 (all workers alike) to 1.0"
    if isinstance(jitter, bool) or not isinstance(jitter, int | float):
        raise wrong_type("Recycle", "jitter", jitter, wanted)
    if not 0.0 <= jitter <= 1.0:
        raise wrong_value("Recycle", "jitter", jitter, wanted)
    return float(jitter)
