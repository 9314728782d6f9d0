"""A bounded queue and a thread that empties it, so that a slow log delays no answer."""

from __future__ import annotations

import logging
import queue
import threading
from os import getpid
from time import monotonic
from typing import TYPE_CHECKING
from weakref import finalize

from wsgikit.access.escape import quoted, text_of
from wsgikit.core.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    Lines = queue.SimpleQueue[str | None]

_QUIET = 60.0  # seconds between two complaints
_FLUSH = 2.0  # seconds that the end of a process may wait for what is still in the queue

_log = logging.getLogger("wsgikit.access")


class Queued:
    """A sink in front of a sink: lines wait for a thread to write them; where ``bound`` wait already, one is dropped.

    The thread starts with the first line in each process. When the process ends, what waits is written, for
    two seconds at most. Names are looked up in ``queue`` and ``threading`` late: gunicorn's gevent worker patches them
    after it has forked, and a queue of before would halt every greenlet of the process.
    """

    def __init__(self, write: Callable[[str], object], bound: int) -> None:
        self._bound = bound
        self._lost = lost = _Lost()
        self._writer: PerProcess[_Writer] = PerProcess(lambda: _Writer(write, lost))

    def write(self, line: str) -> None:
        """Put the line in the queue."""
        writer = self._writer.get()
        if not writer.started:
            writer.start()
        if writer.lines.qsize() >= self._bound:
            self._lost.lines += 1
            self._lost.tell(f"{self._bound} lines wait to be written already")
        else:
            writer.lines.put(line)

    @property
    def dropped(self) -> int:
        """Lines lost in this process: those that found the queue full, and those the thread could not write."""
        return self._lost.lines

    @dropped.setter
    def dropped(self, lines: int) -> None:
        self._lost.lines = lines


class _Lost:
    """A count that the thread shares without holding the sink: a dropped layer could not end its thread otherwise."""

    def __init__(self) -> None:
        self.lines = 0
        self._told = -_QUIET

    def tell(self, reason: str) -> None:
        """Say so, once a minute."""
        now = monotonic()
        if now - self._told >= _QUIET:
            self._told = now
            _log.warning("access log: lines are being lost, %d so far: %s", self.lines, reason)


class _Writer:
    """One process's queue and thread."""

    def __init__(self, write: Callable[[str], object], lost: _Lost) -> None:
        self.lines: Lines = queue.SimpleQueue()
        self.started = False
        self._write = write
        self._lost = lost
        self._lock = threading.Lock()

    def start(self) -> None:
        with self._lock:
            if self.started:
                return
            work = (self.lines, self._write, self._lost)
            thread = threading.Thread(target=_drain, args=work, name="wsgikit-log", daemon=True)
            thread.start()
            # Runs when the layer is dropped and when the interpreter exits, whichever comes first.
            finalize(self, _stop, self.lines, thread, getpid())
            self.started = True


def _drain(lines: Lines, write: Callable[[str], object], lost: _Lost) -> None:
    while (line := lines.get()) is not None:
        try:
            write(line)
        except Exception as error:
            lost.lines += 1
            lost.tell(f"{type(error).__name__}: {quoted(text_of(error))}")


def _stop(lines: Lines, thread: threading.Thread, pid: int) -> None:
    if getpid() == pid:  # a child has a copy of the queue and no thread
        lines.put(None)
        thread.join(_FLUSH)
