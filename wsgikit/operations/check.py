"""Checks: functions that say whether something is well, and may hang.

``threading`` is looked up late, so that gevent's monkey-patching may come late.
"""

from __future__ import annotations

import logging
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING

from wsgikit.core.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 2.0  # seconds: less than the timeout of most probes, so that they hear what is wrong

_log = logging.getLogger("wsgikit.health")


class Check:
    """A function called without arguments; it fails by raising, by returning False, or by taking too long."""

    def __init__(self, name: str, function: Callable[[], object], patience: float = PATIENCE) -> None:
        self.name = name
        self._function = function
        self._patience = patience
        self._runs: PerProcess[list[Run]] = PerProcess(list)  # the one that goes on, or none

    def begin(self) -> Run:
        """Start it, without waiting; while one run goes on, that is what all get."""
        runs = self._runs.get()
        going = runs[:1]
        if going and not going[0].over.is_set():
            return going[0]
        run = Run(self.name, self._function, self._patience)
        runs[:] = [run]
        run.start()
        return run


class Run:
    """One call of a check's function."""

    def __init__(self, name: str, function: Callable[[], object], patience: float) -> None:
        self.over = threading.Event()
        self._name = name
        self._function = function
        self._deadline = monotonic() + patience
        self._passed = False

    def start(self) -> None:
        """Call it in a thread; in this one where the server runs no others."""
        if not getattr(sys.modules.get("uwsgi"), "has_threads", True):  # uWSGI without --enable-threads
            self._call()
            return
        try:
            threading.Thread(target=self._call, name=f"check {self._name}", daemon=True).start()
        except RuntimeError as error:  # no more threads are to be had
            _log.error("check %a cannot run: %a", self._name, str(error))
            self.over.set()

    def passed(self) -> bool:
        """Whether all is well, as soon as that is known; not waited for beyond its time."""
        if not self.over.wait(max(0.0, self._deadline - monotonic())):
            _log.error("check %a takes too long", self._name)
            return False
        return self._passed

    def _call(self) -> None:
        try:
            self._passed = self._function() is not False
            if not self._passed:
                _log.error("check %a failed", self._name)
        except BaseException as error:
            _log.error("check %a failed", self._name, exc_info=error)
        finally:
            self.over.set()
