"""How many connections wait for the server to accept them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
_LISTEN = "0A"


def backlog(environ: WSGIEnvironment) -> int:
    """Connections in the queue of the port that a request came by, as Linux tells; 0 where nobody does."""
    original = (
        environ.get("wsgikit.original") or {}
    )  # TrustedProxies has put the port there that the client used
    port = str(original.get("SERVER_PORT") or environ.get("SERVER_PORT", ""))
    if not (port.isascii() and port.isdigit()):
        return 0
    return sum(_waiting(table, f":{int(port):04X}") for table in _TABLES)


def _waiting(table: str, port: str) -> int:
    waiting = 0
    try:
        with open(table, encoding="ascii") as lines:
            next(lines, None)
            for line in lines:
                _, local, _, state, queues, *_ = line.split(None, 5)
                if state != _LISTEN:
                    break  # listening sockets come first; behind them there may be tens of thousands
                if local.endswith(port):
                    waiting += int(
                        queues.partition(":")[2], 16
                    )  # of a listening socket, rx_queue is its backlog
    except (OSError, ValueError):
        return waiting
    return waiting
