"""Syslog: lines as RFC 3164 or RFC 5424 messages, over a unix socket, UDP or TCP.

Datagrams never wait: a syslogd that reads nothing loses lines, and no answer is held up. A TCP connection has to wait,
for its start and where the other side is slow, and so has a host's name, for the resolver: these belong in a thread
(``Syslog.waits``).
"""

from __future__ import annotations

import os
import socket
import threading
from time import localtime, time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from wsgikit.access.parts import MONTHS, iso_time
from wsgikit.core.errors import suggestion, wrong_choice, wrong_value
from wsgikit.core.process import PerProcess
from wsgikit.http.address import parse

if TYPE_CHECKING:
    from collections.abc import Callable

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "security", "console", "solaris-cron"),
    *(f"local{number}" for number in range(8)),
)
FORMATS = ("rfc3164", "rfc5424")
PROTOCOLS = ("udp", "tcp")

_INFO = 6  # the severity of every line (RFC 5424 section 6.2.1)
_DEV_LOG = "/dev/log"
_PATIENCE = (
    5.0  # seconds for a TCP connection to come about or to take a line; the thread that waits has a queue
)
_LONGEST_IDENT = 48  # RFC 5424 section 6.2.5

_WANTED = (
    '"syslog:IDENT[,FACILITY]", "syslog://host:514" or "syslog:///path/of/a/socket", the latter two with options such '
    'as "?proto=tcp&format=rfc5424&ident=shop&facility=local0"'
)


class Syslog:
    """Sends each line as one message; made by ``syslog`` from an option's text."""

    def __init__(
        self,
        connect: Callable[[], Datagrams | Stream],
        head: Callable[[float], str],
        where: str,
        *,
        waits: bool = False,
    ) -> None:
        self._channel: PerProcess[Datagrams | Stream] = PerProcess(connect)
        self._head = head
        self._where = where
        self.waits = waits
        self.dropped = 0

    def write(self, line: str) -> None:
        """Send one line."""
        try:
            self._channel.get().send((self._head(time()) + line).encode("utf-8", "backslashreplace"))
        except OSError as error:
            if error.errno is not None and error.filename is None:
                error.filename = self._where  # of a socket, the system says what is wrong and not where
            raise


def syslog(to: str, layer: str) -> Syslog:
    """The sink for ``"syslog:..."``; ``ValueError`` for what names none."""
    rest = to.partition(":")[2]
    if not rest.startswith("//"):
        ident, comma, facility = rest.partition(",")
        if comma and facility not in FACILITIES:
            raise wrong_choice(layer, "to", facility, FACILITIES)
        return _over_unix(
            None, _head({"ident": ident, "facility": facility or "daemon"}, to, layer, local=True)
        )
    try:
        parts = urlsplit(to)
        host, port = parts.hostname, parts.port or 514
    except ValueError:
        raise wrong_value(layer, "to", to, _WANTED) from None
    options = _options(parts.query, to, layer)
    if host and parts.path in ("", "/") and not parts.username:
        head, where = _head(options, to, layer, local=False), parts.netloc
        if options.get("proto") != "tcp":
            return Syslog(lambda: Datagrams(lambda: _udp(host, port)), head, where, waits=parse(host) is None)
        counted = options.get("format") == "rfc5424"
        return Syslog(lambda: Stream(host, port, counted=counted), head, where, waits=True)
    if host or len(parts.path) < 2 or "proto" in options:
        raise wrong_value(layer, "to", to, _WANTED)
    return _over_unix(parts.path, _head(options, to, layer, local=True))


def _over_unix(path: str | None, head: Callable[[float], str]) -> Syslog:
    return Syslog(lambda: Datagrams(lambda: _unix(path or _DEV_LOG)), head, path or _DEV_LOG)


def _options(query: str, to: str, layer: str) -> dict[str, str]:
    """The options after the question mark, each checked but for the ident."""
    known: dict[str, tuple[str, ...]] = {
        "format": FORMATS,
        "proto": PROTOCOLS,
        "facility": FACILITIES,
        "ident": (),
    }
    options = parse_qsl(query, keep_blank_values=True)
    for name, value in options:
        if name not in known:
            raise wrong_value(layer, "to", to, f"{_WANTED}{suggestion(name, known)}")
        if known[name] and value not in known[name]:
            raise wrong_choice(layer, f"to={to!r}, {name}", value, known[name])
    return dict(options)


# --- what stands before a line


def _head(options: dict[str, str], to: str, layer: str, *, local: bool) -> Callable[[float], str]:
    """The function from a moment to the head of a message; the local syslogd puts the host's name in itself."""
    ident = options.get("ident", "wsgikit")
    if (
        not ident
        or len(ident) > _LONGEST_IDENT
        or not (ident.isascii() and ident.isprintable())
        or " " in ident
    ):
        raise wrong_value(layer, "to", to, f"{_WANTED}; an ident is up to 48 printable characters, no space")
    priority = FACILITIES.index(options.get("facility", "daemon")) * 8 + _INFO
    name = socket.gethostname()
    if options.get("format") == "rfc5424":
        return lambda moment: (
            f"<{priority}>1 {iso_time(moment)} {name or '-'} {ident} {os.getpid()} access - "
        )
    host = "" if local else f"{name.partition('.')[0] or '-'} "
    return lambda moment: f"<{priority}>{bsd_time(moment)} {host}{ident}[{os.getpid()}]: "


def bsd_time(moment: float) -> str:
    """Local time as RFC 3164 section 4.1.2 has it: no year, no offset, the day padded by a space."""
    now = localtime(moment)
    return f"{MONTHS[now.tm_mon - 1]} {now.tm_mday:2d} {now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d}"


# --- what carries a message


class _Channel:
    """What has a socket, or has none yet."""

    _socket: socket.socket | None = None

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def __del__(self) -> None:
        self._drop()


class Datagrams(_Channel):
    """A connected socket, made anew when it broke (syslogd was restarted)."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        # A socket that one thread closes while another sends may be somebody else's connection by then.
        self._sending = threading.Lock()

    def send(self, message: bytes) -> None:
        """Send a message, or raise; never wait."""
        with self._sending:
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


class Stream(_Channel):
    """A TCP connection, made anew when it broke; ``counted``: each message after its length (RFC 6587 section 3.4.1).

    Otherwise a newline ends it (section 3.4.2), which is what servers of RFC 3164 over TCP expect.
    """

    def __init__(self, host: str, port: int, *, counted: bool) -> None:
        self._address = (host, port)
        self._counted = counted

    def send(self, message: bytes) -> None:
        """Send a message, or raise after some seconds."""
        if self._socket is not None and _closed(self._socket):
            self._drop()
        framed = b"%d %b" % (len(message), message) if self._counted else message + b"\n"
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, _PATIENCE)
            self._socket.sendall(framed)
        except OSError:
            self._drop()  # half a message may have gone
            raise


def _closed(connection: socket.socket) -> bool:
    """Whether the other side has closed: to send would then lose the line without a word, once."""
    connection.settimeout(0.0)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(_PATIENCE)


def _unix(path: str) -> socket.socket:
    return _connected(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), path)


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
