"""Requests to an app whose answers nobody waits for."""

from __future__ import annotations

import logging
from collections import deque
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import close

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

_IDLE = 10.0  # seconds without work after which the thread ends; the next request starts another

_log = logging.getLogger("wsgikit.mounting")


class Background:
    """Calls ``app`` with one request after the other, in a thread of its own; at most ``limit`` requests wait."""

    def __init__(self, app: WSGIApplication, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._waiting: deque[WSGIEnvironment] = deque()
        self._changed = Condition()
        self._running = False
        self._mirrored = self._failed = self._dropped = 0

    def put(self, environ: WSGIEnvironment | None) -> None:
        """Let the request wait for its turn; where there is no room, or no request, count it as dropped."""
        with self._changed:
            if environ is None or len(self._waiting) >= self._limit:
                self._dropped += 1
                return
            self._waiting.append(environ)
            self._changed.notify()
            if self._running:
                return
            self._running = True
        try:
            Thread(target=self._work, name="wsgikit-mirror", daemon=True).start()
        except RuntimeError:  # no more threads are to be had: the next request tries again
            self._running = False
            raise

    def snapshot(self) -> dict[str, int]:
        """The counters, and how many requests wait."""
        return {
            "mirrored": self._mirrored,
            "failed": self._failed,
            "dropped": self._dropped,
            "waiting": len(self._waiting),
        }

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._changed.wait_for(lambda: self._waiting, _IDLE):
                    self._running = False
                    return
                environ = self._waiting.popleft()
                self._mirrored += 1
            self._call(environ)

    def _call(self, environ: WSGIEnvironment) -> None:
        try:
            body = self._app(environ, _start_response)
            try:
                for _ in body:
                    pass
            finally:
                close(body)
        except BaseException:  # SystemExit too: it would end the thread without a word
            self._failed += 1
            _log.exception("the shadow app failed on %r", environ.get("PATH_INFO", ""))


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
    return _dropped


def _dropped(chunk: bytes) -> None:
    """What ``write()`` does with the bytes of an answer that nobody sees."""
