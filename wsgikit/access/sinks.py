"""Where lines go: a stream, a file, syslog, a logger, a callable; and a queue in front of any of them."""

from __future__ import annotations

import logging
import os
import sys
from io import TextIOWrapper, UnsupportedOperation
from select import PIPE_BUF
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from wsgikit.access.queued import Queued
from wsgikit.access.syslog import Syslog, syslog
from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.core.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

_WANTED = (
    '"stderr", "stdout", a path, "syslog:IDENT[,FACILITY]", "syslog://host:514", "logger:NAME", '
    "or a callable given each line"
)
_WAITING = 1000  # lines that wait for a sink that has to be waited for, when no other bound is given
_RECHECK = 1.0  # seconds between two looks at whether a file was rotated away


class Sink(Protocol):
    """Takes lines without their newline; raises when one cannot be written. ``dropped`` counts lost ones."""

    dropped: int

    def write(self, line: str, /) -> object:
        """Write one line."""


def opened(to: Any, queue: int | None, *, layer: str = "AccessLog") -> Sink:
    """The sink that ``to`` names, behind a queue of ``queue`` lines if that is a number or the sink makes wait."""
    sink = _named(to, layer)
    if queue is None:
        return Queued(sink.write, _WAITING) if isinstance(sink, Syslog) and sink.waits else sink
    wanted = "a number of lines from 1 up, or None to write within the request"
    if isinstance(queue, bool) or not isinstance(queue, int):
        raise wrong_type(layer, "queue", queue, wanted)
    if queue < 1:
        raise wrong_value(layer, "queue", queue, wanted)
    return Queued(sink.write, queue)


def _named(to: Any, layer: str) -> Sink:
    if isinstance(to, os.PathLike):
        to = os.fspath(to)
    if not isinstance(to, str):
        if callable(to):
            return Called(to)
        raise wrong_type(layer, "to", to, _WANTED)
    if to in ("stderr", "stdout"):
        return Stream(to)
    scheme, colon, rest = to.partition(":")
    if colon and scheme == "syslog":
        return syslog(to, layer)
    if colon and scheme == "logger":
        return Called(logging.getLogger(rest).info)
    return File(_path(to, layer))


def _path(to: str, layer: str) -> str:
    if "/" not in to:
        hint = suggestion(to, ["stderr", "stdout", "syslog:", "logger:"])
        if hint or not to:  # a file named "stdrr" is nobody's wish
            raise wrong_value(layer, "to", to, _WANTED + hint)
    path = os.path.abspath(to)
    if os.path.isdir(path) or not os.path.isdir(os.path.dirname(path)):
        raise wrong_value(layer, "to", to, "a file in a folder that exists")
    return path


class Called:
    """Hands each line to a function."""

    def __init__(self, function: Callable[[str], object]) -> None:
        self.write = function
        self.dropped = 0


class Stream:
    """Writes to ``sys.stderr`` or ``sys.stdout``, whichever object that is when the line comes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.dropped = 0

    def write(self, line: str) -> None:
        """Write one line in one piece, so that lines of several threads and processes do not mix."""
        stream = getattr(sys, self._name)
        if stream is None:  # under pythonw and some service managers
            return
        if type(stream) is TextIOWrapper and len(line) < PIPE_BUF:
            try:
                descriptor = stream.fileno()
            except UnsupportedOperation:  # somebody's, in memory
                pass
            else:
                stream.flush()  # what others have written comes first
                # Past the stream's two buffers: half the cost, and whole in a pipe that other processes share.
                os.write(descriptor, (line + "\n").encode("utf-8", "backslashreplace"))
                return
        stream.write(line + "\n")
        stream.flush()


class File:
    """Appends to a file; opened by each process, and again when the path has become another file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: PerProcess[_OpenFile] = PerProcess(lambda: _OpenFile(path))
        self.dropped = 0

    def write(self, line: str) -> None:
        """Append one line in one system call: O_APPEND keeps the lines of several processes apart."""
        os.write(self._open.get().descriptor(), f"{line}\n".encode("utf-8", "backslashreplace"))


class _OpenFile:
    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None
        self._checked = 0.0

    def descriptor(self) -> int:
        now = monotonic()
        if self._descriptor < 0:
            self._reopen()
        elif now - self._checked <= _RECHECK:
            return self._descriptor
        elif self._there() != self._identity:
            try:
                self._reopen()
            except OSError:  # the folder is gone or closed to us: the old file still takes lines
                pass
        self._checked = now
        return self._descriptor

    def _there(self) -> tuple[int, int] | None:
        """Which file the path names now."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _reopen(self) -> None:
        fresh = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        found = os.fstat(fresh)
        if self._descriptor < 0:
            self._descriptor = fresh
        else:
            os.dup2(fresh, self._descriptor, inheritable=False)  # other threads may be about to write to it
            os.close(fresh)
        self._identity = found.st_dev, found.st_ino

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
