"""A bounded queue and a thread that empties it, so that a slow log delays no answer."""

from __future__ import annotations

import logging
from os import getpid
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING
from weakref import finalize

from wsgikit.core.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    Lines = SimpleQueue[str | None]

_FLUSH = 2.0  # seconds that the end of a process may wait for what is still in the queue

_log = logging.getLogger("wsgikit.access")


class Queued:
    """A sink in front of a sink: lines wait for a thread to write them; where ``bound`` wait already, one is dropped.

    The thread starts with the first line in each process. When the process ends, what waits is written, for
    two seconds at most.
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


class _Writer:
    """One process's queue and thread."""

    def __init__(self, write: Callable[[str], object], lost: _Lost) -> None:
        self.lines: Lines = SimpleQueue()
        self.started = False
        self._write = write
        self._lost = lost
        self._lock = Lock()

    def start(self) -> None:
        with self._lock:
            if self.started:
                return
            work = (self.lines, self._write, self._lost)
            thread = Thread(target=_drain, args=work, name="wsgikit-log", daemon=True)
            thread.start()
            # Runs when the layer is dropped and when the interpreter exits, whichever comes first.
            finalize(self, _stop, self.lines, thread, getpid())
            self.started = True


def _drain(lines: Lines, write: Callable[[str], object], lost: _Lost) -> None:
    failing = False
    while (line := lines.get()) is not None:
        try:
            write(line)
            failing = False
        except Exception as error:
            lost.lines += 1
            if not failing:
                _log.warning("access log lines are being lost: %s: %s", type(error).__name__, error)
            failing = True


def _stop(lines: Lines, thread: Thread, pid: int) -> None:
    if getpid() == pid:  # a child has a copy of the queue and no thread
        lines.put(None)
        thread.join(_FLUSH)
