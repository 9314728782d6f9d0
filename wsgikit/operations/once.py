"""Once: one thing, done one time in a process by whoever comes first, while the others wait for it a while.

``threading`` is looked up late, so that gevent's monkey-patching may come late.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Once:
    """``do``, which is over when it has returned or raised, and never begins again; make one per process."""

    def __init__(self, do: Callable[[], object]) -> None:
        self.over = False
        self._do = do
        self._begun = threading.Lock()  # taken by whoever comes first, and kept
        self._ended = threading.Event()
        self._by: int | None = None

    def run(self, patience: float) -> None:
        """Do it now; if others are at it, wait for them, for ``patience`` seconds at most."""
        if self._begun.acquire(blocking=False):
            self._run()
        elif self._by != threading.get_ident():  # else it is our own doing that has come back to us
            self._ended.wait(patience)

    def begin(self) -> None:
        """Have it done without waiting, in a thread; in this one where the server runs no others."""
        if not self._begun.acquire(blocking=False):
            return
        if not getattr(sys.modules.get("uwsgi"), "has_threads", True):  # uWSGI without --enable-threads
            self._run()
            return
        try:
            threading.Thread(target=self._run, name="wsgikit-once", daemon=True).start()
        except RuntimeError:  # no more threads are to be had: the next caller tries again
            self._begun.release()
            raise

    def _run(self) -> None:
        self._by = threading.get_ident()
        try:
            self._do()
        finally:
            self._by = None
            self.over = True
            self._ended.set()
