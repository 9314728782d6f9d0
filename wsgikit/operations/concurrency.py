"""ConcurrencyLimit: so many requests at work at once, a short queue, and a 503 for the rest."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import TYPE_CHECKING

from wsgikit.core.body import watched
from wsgikit.core.errors import wrong_value
from wsgikit.core.middleware import Middleware
from wsgikit.core.process import PerProcess
from wsgikit.core.units import seconds, whole
from wsgikit.operations.refusal import refuse
from wsgikit.operations.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_MOST = 1_000_000  # each of them takes memory


class ConcurrencyLimit(Middleware):
    """Lets at most ``limit`` requests into the app at once; others wait in a queue, or are answered 503.

    A request is at work from the call of the app until its body is closed, or the app has raised: a download counts
    until it is over. Each process counts for itself.

    - ``limit``: requests at once. No default: it is what the app, or what stands behind it, can take.
    - ``queue`` (0): how many more may wait, first come, first served. A waiting request occupies a thread of the
      server, so this and ``limit`` together are best below the number of its threads.
    - ``timeout`` (0.0): how long each waits at most, in seconds, or text like ``"500ms"``. Nobody waits without it.

    Who finds the queue full, or has waited in vain, is answered 503 with Retry-After: ``timeout``, rounded up to a
    second. Threads and greenlets may wait alike. Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self, app: WSGIApplication, limit: int, *, queue: int = 0, timeout: float | str = 0.0
    ) -> None:
        super().__init__(app)
        self.limit = whole("ConcurrencyLimit", "limit", limit)
        self.queue = whole("ConcurrencyLimit", "queue", queue, least=0)
        self.timeout = seconds("ConcurrencyLimit", "timeout", timeout)
        for option, number in (("limit", limit), ("queue", queue)):
            if number > _MOST:
                raise wrong_value("ConcurrencyLimit", option, number, f"{_MOST} at most")
        self._headers = [("Retry-After", str(max(1, ceil(self.timeout))))]
        self._slots = PerProcess(partial(Slots, self.limit, self.queue, self.timeout))

    @property
    def at_work(self) -> int:
        """How many requests are in the app, in this process."""
        return self._slots.get().taken

    @property
    def waiting(self) -> int:
        """How many requests wait to be let in, in this process."""
        return self._slots.get().waiting

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        slot = self._slots.get().take()
        if slot is None:
            detail = "Too many requests are at work already; try again shortly."
            return refuse("ConcurrencyLimit", environ, start_response, 503, detail, headers=self._headers)
        try:
            body = self.app(environ, start_response)
        except BaseException:
            slot.give_back()
            raise
        return watched(body, environ, slot.give_back)[1]
