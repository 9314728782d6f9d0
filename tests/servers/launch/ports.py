"""Where a server listens, and how it is seen that it does."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30.0  # seconds until something that should happen counts as not happening


@dataclass(frozen=True)
class Place:
    """A port of this machine, or a unix socket; as text, what most servers' ``--bind`` takes."""

    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"127.0.0.1:{self.port}"

    def connect(self, timeout: float = 1.0) -> socket.socket:
        """A connection to it."""
        if not self.path:
            return socket.create_connection(("127.0.0.1", self.port), timeout)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        try:
            connection.connect(str(self.path))
        except OSError:
            connection.close()
            raise
        return connection


def free_port() -> int:
    """A port that nobody listens on, and that is given to nobody else for a minute.

    The side of a connection that closes first keeps it in TIME_WAIT: the kernel then hands the port out no more, but
    whoever names it may listen there, as every server sets SO_REUSEADDR.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()
    return port


def awaited(look: Callable[[], str], what: str) -> str:
    """What ``look`` finds, asked until it finds something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.01)  # between two processes there is no event to wait for
    raise AssertionError(f"no {what} within {PATIENCE:.0f} s")


def listening(place: int | Place, process: subprocess.Popen[bytes], output: Path) -> str:
    """Whether ``place`` answers yet; the server's own words if it has ended instead."""
    if process.poll() is not None:
        raise AssertionError(f"the server ended with {process.returncode}:\n{output.read_text()}")
    try:
        (Place(place) if isinstance(place, int) else place).connect().close()
    except OSError:
        return ""
    return "yes"


def serving(place: Place, process: subprocess.Popen[bytes], output: Path) -> str:
    """Whether a worker is there that takes connections, its app loaded; the server's words if it has ended instead.

    Most servers listen before they load the app, and some end when that fails. So we send an empty line, which asks for
    nothing (RFC 9112, section 2.2), and no more. Whoever closes the other side is a worker, or it is the end of the
    server: then nobody listens any more.
    """
    if not listening(place, process, output):
        return ""
    try:
        with place.connect() as connection:
            connection.sendall(b"\r\n")  # without it, Hypercorn does not see that we are gone
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
    except TimeoutError:
        return ""
    except OSError:
        pass  # closed with the line unread
    return listening(place, process, output)
