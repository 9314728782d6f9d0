"""Where lines go: a stream, a file, syslog, a logger, a callable; and a queue in front of any of them."""

from __future__ import annotations

import errno
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
        scheme, colon, _ = to.partition(":")
        hint = suggestion(scheme + colon, ["stderr", "stdout", "syslog:", "logger:"], nearness=0.8)
        if hint or not to:  # a file named "stdrr" is nobody's wish; one named "log" or "stderr.log" may be
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


class _Lines:
    """Puts lines into a descriptor, each in one system call."""

    _torn = False

    def _put(self, descriptor: int, line: str) -> None:
        """Write a line or raise. A disk that fills up takes a part of one; the next begins on a line of its own."""
        data = f"{line}\n".encode("utf-8", "backslashreplace")
        if self._torn:
            data = b"\n" + data
        if os.write(descriptor, data) != len(data):
            self._torn = True
            raise OSError(errno.ENOSPC, "only a part of the line was taken")
        self._torn = False


class Stream(_Lines):
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
                self._put(descriptor, line)
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
        """Append one line; O_APPEND keeps those of several processes apart."""
        self._open.get().write(line)


class _OpenFile(_Lines):
    _descriptor = -1

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = _open(path)
        self._identity = _identity(os.fstat(self._descriptor))
        self._checked = monotonic()

    def write(self, line: str) -> None:
        now = monotonic()
        if now - self._checked > _RECHECK:
            self._checked = now
            self._follow()
        self._put(self._descriptor, line)

    def _follow(self) -> None:
        """Go over to the file that the path names now."""
        try:
            if _identity(os.stat(self._path)) == self._identity:
                return
        except OSError:  # nothing is there
            pass
        try:
            fresh = _open(self._path)
        except OSError:  # the folder is gone or closed to us: the old file still takes lines
            return
        self._identity, self._torn = _identity(os.fstat(fresh)), False
        os.dup2(fresh, self._descriptor, inheritable=False)  # other threads may be about to write to it
        os.close(fresh)

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _open(path: str) -> int:
    # Not to be kept waiting by a named pipe that nobody reads: the line is lost, and the next tries again.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o644)
    os.set_blocking(descriptor, True)
    return descriptor


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
