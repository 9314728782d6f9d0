"""An answer that breaks off where its end is the end of the connection: the connection is reset, not closed."""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Any

from wsgikit.servers.stream import Stream

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds


class ResetStream(Stream):
    """The app's body under uWSGI, whose http-socket ends an answer without a Content-Length by closing.

    With one, the client sees by itself that bytes are missing. On a unix socket nothing changes.
    """

    __slots__ = ()

    def _break_off(self) -> None:
        super()._break_off()
        if self._answer.left is None:
            _reset_at_close()


def _reset_at_close() -> None:
    """Have the close of uWSGI's connection send RST in place of FIN (socket(7))."""
    module: Any = sys.modules.get("uwsgi")  # made by uWSGI itself
    try:
        with socket.socket(fileno=os.dup(module.connection_fd())) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    except (AttributeError, OSError):
        pass  # it is no socket of ours any more, and the error that led here counts for more
