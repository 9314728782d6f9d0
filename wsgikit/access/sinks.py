"""Where lines go: a stream, a file, syslog, a logger, a callable; and a queue in front of any of them."""

from __future__ import annotations

import logging
import os
import socket
import sys
from time import localtime, monotonic, time
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from wsgikit.access.parts import MONTHS
from wsgikit.access.queued import Queued
from wsgikit.core.errors import suggestion, wrong_choice, wrong_type, wrong_value
from wsgikit.core.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

_WANTED = (
    '"stderr", "stdout", a path, "syslog:IDENT[,FACILITY]", "syslog://host:514", "logger:NAME", '
    "or a callable given each line"
)
_RECHECK = 1.0  # seconds between two looks at whether a file was rotated away


class Sink(Protocol):
    """Takes lines without their newline; raises when one cannot be written. ``dropped`` counts lost ones."""

    dropped: int

    def write(self, line: str, /) -> object:
        """Write one line."""


def opened(to: Any, queue: int | None, *, layer: str = "AccessLog") -> Sink:
    """The sink that ``to`` names, behind a queue of ``queue`` lines if that is a number."""
    sink = _named(to, layer)
    if queue is None:
        return sink
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
        return Syslog.to_host(to, layer) if rest.startswith("//") else Syslog.to_local(rest, to, layer)
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
        """Write one line in one piece, so that lines of several threads do not mix."""
        stream = getattr(sys, self._name)
        if stream is not None:  # none under pythonw and some service managers
            stream.write(line + "\n")
            if not getattr(stream, "line_buffering", False):
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


FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "security", "console", "solaris-cron"),
    *(f"local{number}" for number in range(8)),
)
_DEV_LOG = "/dev/log"
_INFO = 6  # the severity of every line (RFC 5424 section 6.2.1)


class Syslog:
    """Sends each line as a datagram (RFC 3164), without ever waiting for the other side."""

    def __init__(self, connect: Callable[[], socket.socket], facility: str, tag: str, host: str = "") -> None:
        self._socket: PerProcess[_Datagrams] = PerProcess(lambda: _Datagrams(connect))
        self._priority = FACILITIES.index(facility) * 8 + _INFO
        self._tag = tag
        self._host = host
        self.dropped = 0

    @classmethod
    def to_local(cls, rest: str, given: str, layer: str) -> Syslog:
        """``IDENT[,FACILITY]`` over /dev/log."""
        ident, comma, facility = rest.partition(",")
        if not ident or not ident.isprintable() or " " in ident:
            raise wrong_value(layer, "to", given, '"syslog:IDENT" or "syslog:IDENT,FACILITY"')
        if comma and facility not in FACILITIES:
            raise wrong_choice(layer, "to", facility, FACILITIES)
        return cls(_dev_log, facility or "daemon", ident)

    @classmethod
    def to_host(cls, url: str, layer: str) -> Syslog:
        """``syslog://host[:port]`` over UDP, port 514 unless given."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 514
        except ValueError:
            host = None
        if not host or parts.path not in ("", "/"):
            raise wrong_value(layer, "to", url, '"syslog://host:514"')
        name = socket.gethostname().partition(".")[0] or "-"
        return cls(lambda: _udp(host, port), "daemon", "wsgikit", f"{name} ")

    def write(self, line: str) -> None:
        """Send one line."""
        now = localtime(time())
        head = (
            f"<{self._priority}>{MONTHS[now.tm_mon - 1]} {now.tm_mday:2d}"
            f" {now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d} {self._host}{self._tag}[{os.getpid()}]: "
        )
        self._socket.get().send((head + line).encode("utf-8", "backslashreplace"))


class _Datagrams:
    """A connected socket, made anew when it broke (syslogd was restarted)."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._socket: socket.socket | None = None

    def send(self, message: bytes) -> None:
        if self._socket is not None:
            try:
                self._socket.send(message)
                return
            except BlockingIOError:
                raise  # the other side is too slow, which a new socket would not change
            except OSError:
                self._drop()
        self._socket = self._connect()
        self._socket.send(message)

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def __del__(self) -> None:
        self._drop()


def _dev_log() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    return _connected(made, _DEV_LOG)


def _udp(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    return _connected(socket.socket(family, kind, protocol), address)


def _connected(made: socket.socket, address: Any) -> socket.socket:
    try:
        made.setblocking(False)
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made
