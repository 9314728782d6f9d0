"""Background: jobs that run again and again, outside of any request.

What a collector may set off (``close``, the end of a job's object) comes at any moment in any thread, also in the
middle of a method here. So there is no lock to wait for: one thread, the keeper, alone knows the jobs, and everybody
else writes to it. ``queue`` and ``threading`` are looked up late, so gevent's monkey-patching may come late.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from functools import cache
from math import inf
from time import monotonic
from types import MethodType
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    Task: TypeAlias = Callable[[], float | None]

_FIRST_PAUSE = 10.0  # seconds after which a job that fails is run again, until it has asked for others
_SHORTEST = 0.01  # seconds from one run to the next: a job that asks for none must not keep a core busy
_LONGEST = 3600.0  # seconds that the keeper waits at once, as no queue can wait for an infinite time
_TOLD = 32  # failures remembered per job: a text that holds a number may be new each time

_log = logging.getLogger("wsgikit.background")


class Background:
    """Runs jobs at intervals: ``Background("proxy").every(self.check)``; make one per process (``PerProcess``).

    - ``owner``: for whom it works, which names its threads and its lines in the log.
    - ``clock``: gives seconds that only grow (default ``time.monotonic``).

    The first ``every`` starts a thread, which ends when no job is left. Each run of a job has a thread of its own, so
    that one that hangs delays no other. All are daemons: no exit waits for them. What goes wrong is a line of the
    logger ``wsgikit.background``; so is an older uWSGI that was started without ``--enable-threads``, and runs none.
    """

    def __init__(self, owner: str, clock: Callable[[], float] = monotonic) -> None:
        self.owner = owner
        self._clock = clock
        # Its put() may be entered again from a collector within itself, which the other queues' may not.
        self._letters: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._kept = threading.Lock()  # held while there is a keeper; nobody ever waits for it
        self._closed = False

    def every(self, task: Task, first: float = 0.0) -> None:
        """Run ``task`` after ``first`` seconds, and again after the seconds it returns each time, or None to end.

        It never runs twice at once. A bound method is held weakly: the job ends with the object, which need not call
        ``close``. Anything else is held until it returns None. A task that raises is run again after the seconds it
        asked for last. Once closed, this does nothing: an app may be closed while a request comes in.
        """
        if self._closed:
            return
        self._letters.put(_Job(task, self._clock() + max(0.0, first), self.wake))
        if self._kept.acquire(blocking=False):
            _check_server(self.owner)
            try:
                self._start(self._keep)
            except RuntimeError as error:  # no more threads are to be had: the next call tries again
                self._kept.release()
                _log.error("%s: no job runs, as no thread starts: %a", self.owner, str(error))

    def wake(self) -> None:
        """Look at the clock now: for clocks that can be set."""
        self._letters.put(None)

    def close(self) -> None:
        """Start nothing any more, from now on; a run that has begun is left to its end, and not waited for."""
        self._closed = True
        self.wake()

    def __repr__(self) -> str:
        return f"Background({self.owner!r})"

    def _keep(self) -> None:
        """The keeper: start each job when it is due, for as long as there are any."""
        jobs: list[_Job] = []
        while not self._closed:
            jobs = [job for job in jobs if not job.over]
            if not jobs and self._may_end():
                return
            now = self._clock()
            for job in jobs:
                if job.due <= now:
                    job.due = inf
                    self._begin(job)
            soonest = min((job.due for job in jobs), default=inf)
            try:
                letter = self._letters.get(timeout=min(_LONGEST, max(0.0, soonest - now)))
            except queue.Empty:
                continue
            if letter is not None:
                jobs.append(letter)

    def _may_end(self) -> bool:
        """Whether the keeper is one no longer."""
        if self._letters.empty():
            self._kept.release()
            # Who wrote before the release has found a keeper, and started none.
            return self._letters.empty() or not self._kept.acquire(blocking=False)
        return False

    def _begin(self, job: _Job) -> None:
        try:
            self._start(self._run, job)
        except RuntimeError as error:  # no more threads are to be had, or the interpreter is about to exit
            self._report(job, error)
            job.due = self._clock() + job.pause

    def _start(self, target: Callable[..., None], *jobs: _Job) -> None:
        name = ": ".join([self.owner, *(job.name for job in jobs)])
        threading.Thread(target=target, args=jobs, name=name, daemon=True).start()

    def _run(self, job: _Job) -> None:
        """One run of a job, in a thread of its own."""
        try:
            task = job.task()
            pause = None if task is None else task()
            if pause is None:
                job.ended = True
            else:
                job.pause = max(_SHORTEST, pause)
        except Exception as error:
            self._report(job, error)
        finally:
            job.due = self._clock() + job.pause
            self.wake()

    def _report(self, job: _Job, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if text not in job.told:
            if len(job.told) == _TOLD:
                job.told.clear()
            job.told.add(text)
            where = _origin(error)
            _log.error("%s: %s failed, next run in %g s: %a%s", self.owner, job.name, job.pause, text, where)


class _Job:
    """A task, and when it is due; while it runs, that is never."""

    __slots__ = ("due", "ended", "name", "pause", "task", "told")

    def __init__(self, task: Task, due: float, gone: Callable[[], None]) -> None:
        self.task: Callable[[], Task | None] = lambda: task
        if isinstance(task, MethodType):
            self.task = WeakMethod(task, lambda _: gone())
        self.name: str = getattr(task, "__qualname__", type(task).__name__)
        self.due = due
        self.pause = _FIRST_PAUSE
        self.ended = False
        self.told: set[str] = set()

    @property
    def over(self) -> bool:
        return self.ended or self.task() is None


def _origin(error: Exception) -> str:
    """Where in the task it was raised, as the text alone seldom tells."""
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    return f" ({frames.tb_frame.f_code.co_filename!a}, line {frames.tb_lineno})" if frames else ""


@cache
def _check_server(owner: str) -> None:
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is not None and not getattr(uwsgi, "has_threads", True):
        _log.warning("%s: its jobs run only while a request does: start uWSGI with --enable-threads", owner)
