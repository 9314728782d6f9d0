"""CGI: the process is the request's own, and its end is the request's.

When the client has left, Apache closes the pipe and sends SIGTERM, and 3 seconds later SIGKILL. By default a process
ends at SIGTERM where it stands, and the app's ``close()`` is lost.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from wsgikit.servers.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import WSGIEnvironment

    from wsgikit.servers.answer import Answer


class _End:
    """What is known of the end: whether it was asked for, and whether it may come at once."""

    asked = False
    at_once = True


def orderly_end(environ: WSGIEnvironment) -> None:
    """Has SIGTERM end the process by ``SystemExit``, so that the body is closed: Apache sends it when a client leaves.

    Left alone where somebody else has a handler for it, and outside of the main thread.
    """
    if (
        environ.get("wsgi.run_once")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, frame: Any) -> None:
    _End.asked = True
    if _End.at_once:
        _End.at_once = False
        raise SystemExit(128 + number)


class LastStream(Stream):
    """The app's body in a process that may be asked to end: that interrupts the app, and nothing else.

    Raised while the server writes, or between its error (EPIPE) and its ``close()``, it would skip the latter.
    """

    __slots__ = ()

    def __init__(self, answer: Answer, body: Iterable[bytes]) -> None:
        super().__init__(answer, body)
        _End.at_once = False

    def _taken(self) -> bytes | None:
        if _End.asked:
            raise SystemExit(128 + signal.SIGTERM)
        _End.at_once = True
        try:
            return super()._taken()
        finally:
            _End.at_once = False
