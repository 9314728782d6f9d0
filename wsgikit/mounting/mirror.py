"""A second app that sees the same requests, and whose answers nobody sees."""

from __future__ import annotations

import logging
from collections.abc import Collection
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import watched
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import valid_name
from wsgikit.core.middleware import Middleware
from wsgikit.core.process import PerProcess
from wsgikit.core.units import size
from wsgikit.mounting.background import Background
from wsgikit.mounting.requestcopy import RequestCopy
from wsgikit.mounting.smooth import SmoothOrder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("wsgikit.mounting")


class Mirror(Middleware):
    """Sends a copy of each request to ``shadow`` once ``app`` has answered it, and drops what ``shadow`` answers.

    For trying a new version on real traffic. It can neither delay nor break the answer of ``app``: the copy waits in a
    bounded queue for one thread in each process, and a copy that finds the queue full is dropped and counted. What
    ``shadow`` raises is logged (``wsgikit.mounting``) and counted.

    - ``percent`` (100): how many of the requests are copied, spread evenly and exact over each run of 100.
    - ``queue`` (100, requests): how many copies may wait.
    - ``max_body`` (``"64KiB"``, bytes): a request with a larger body is not copied but counted as dropped, and so is
      one whose body ``app`` did not read to its end: waiting for the rest would be a delay.
    - ``methods`` (None: all): the methods that are copied, as every mirroring proxy copies all. Name the safe ones,
      ``("GET", "HEAD")``, where the shadow shares a database with the app: it would write twice.

    The shadow's environ holds what is text, and what PEP 3333 promises: no sockets, no file wrapper, and no notes that
    the server or other layers share. ``mirror.snapshot()`` gives the counters of this process. uWSGI runs the thread
    only with ``--enable-threads``.
    """

    def __init__(
        self,
        app: WSGIApplication,
        shadow: WSGIApplication,
        *,
        percent: int | float = 100,
        queue: int = 100,
        max_body: int | str = "64KiB",
        methods: Collection[str] | None = None,
    ) -> None:
        super().__init__(app)
        if not callable(shadow):
            raise wrong_type("Mirror", "shadow", shadow, "a WSGI app, called with environ and start_response")
        self.shadow = shadow
        self.percent = percent
        self.queue = _checked_queue(queue)
        self.max_body = max_body
        self.methods = methods
        self._max_body = size("Mirror", "max_body", max_body)
        self._methods = _checked_methods(methods)
        share = _percent(percent)
        self._order = PerProcess(partial(SmoothOrder, [share, 100 - share]))
        self._background = PerProcess(partial(Background, shadow, queue))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._wanted(environ):
            return self.app(environ, start_response)
        copy = RequestCopy(environ, self._max_body)
        try:
            body = self.app(copy.source, start_response)
        except BaseException:
            self._send(copy)
            raise
        return watched(body, environ, lambda _: self._send(copy))[1]

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The app and its shadow."""
        return (("app", self.app), ("shadow", self.shadow))

    def options(self) -> dict[str, Any]:
        """What was passed beside the app and its shadow."""
        passed = super().options()
        passed.pop("shadow", None)
        return passed

    def snapshot(self) -> dict[str, int]:
        """This process's counters: ``mirrored``, ``failed`` (of these), ``dropped``, and how many are ``waiting``."""
        return self._background.get().snapshot()

    def _wanted(self, environ: WSGIEnvironment) -> bool:
        if self._methods is not None and environ.get("REQUEST_METHOD") not in self._methods:
            return False
        return self._order.get().draw() == 0

    def _send(self, copy: RequestCopy) -> None:
        """Hand the copy over; nothing that goes wrong here may reach the server, whose answer is out by now."""
        try:
            self._background.get().put(copy.environ())
        except Exception:
            _log.exception("a request could not be mirrored")


def _percent(percent: Any) -> Fraction:
    if isinstance(percent, bool) or not isinstance(percent, int | float):
        raise wrong_type("Mirror", "percent", percent, "a number from 0 to 100")
    if not 0 <= percent <= 100:
        raise wrong_value("Mirror", "percent", percent, "a number from 0 to 100")
    return Fraction(str(percent))


def _checked_queue(queue: Any) -> int:
    if isinstance(queue, bool) or not isinstance(queue, int):
        raise wrong_type("Mirror", "queue", queue, "a number of requests")
    if queue < 1:
        raise wrong_value("Mirror", "queue", queue, "at least one request has to wait for the thread")
    return queue


def _checked_methods(methods: Any) -> frozenset[str] | None:
    wanted = 'a list of methods in capitals, such as ("GET", "HEAD"), or None for all'
    if methods is None:
        return None
    if isinstance(methods, str | bytes) or not isinstance(methods, Collection):
        raise wrong_type("Mirror", "methods", methods, wanted)
    for method in methods:
        if not isinstance(method, str) or not valid_name(method) or method != method.upper():
            raise wrong_value("Mirror", "methods", method, wanted)
    return frozenset(methods)
