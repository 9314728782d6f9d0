"""WarmUp: each process has made its first requests before its first client's."""

from __future__ import annotations

import logging
from collections.abc import Collection
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_choice, wrong_type
from wsgikit.core.middleware import Middleware
from wsgikit.core.process import PerProcess
from wsgikit.core.tree import walk
from wsgikit.core.units import seconds
from wsgikit.operations.once import Once
from wsgikit.operations.synthetic import SyntheticRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_WHEN = ("first", "import")

_log = logging.getLogger("wsgikit.warmup")


class WarmUp(Middleware):
    """Runs requests of its own through the app once in each process, before a client's request gets there.

    They warm what is filled by use: lazily imported modules, templates, connections, mappers, caches. The app can
    tell them by ``environ["wsgikit.warmup"]``. Layers outside, such as an access log, never see them. Answers are
    read to their end and dropped; what fails is a line of the logger ``wsgikit.warmup``, and the rest goes on.

    - ``requests`` (none): paths as in a request line, or absolute URLs for another scheme or host than
      http://localhost, or tuples of method, path and headers. They have no body.
    - ``calls`` (none): functions without arguments, called after the requests.
    - ``when`` (``"first"``): ``"first"`` warms each process when its first request comes, or when a `Health` outside
      is asked whether it is ready, which then answers 503 until it is done. ``"import"`` warms at once, on a
      preforking server that loads the app first in the process that all workers are forked from: memory is shared,
      but sockets and connections would be too, so nothing that is run may open one and keep it.
    - ``timeout`` (``"30s"``): how long other requests wait meanwhile before they go on into the cold app.

    Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        app: WSGIApplication,
        requests: Collection[str | tuple[Any, ...]] = (),
        *,
        calls: Collection[Callable[[], object]] = (),
        when: str = "first",
        timeout: float | str = "30s",
    ) -> None:
        super().__init__(app)
        if when not in _WHEN:
            raise wrong_choice("WarmUp", "when", when, _WHEN)
        self.requests = _listed("requests", requests)
        self.calls = _listed("calls", calls)
        self.when = when
        self.timeout = seconds("WarmUp", "timeout", timeout)
        self._requests = [SyntheticRequest("WarmUp", "requests", request) for request in self.requests]
        for call in self.calls:
            if not callable(call):
                raise wrong_type("WarmUp", "calls", call, "a function that is called without arguments")
        self._once = PerProcess(lambda: Once(self._warm_up))
        self._warmed = False
        if when == "import":
            self._warm_up()
            self._warmed = True  # and so are the processes forked from here

    @property
    def warm(self) -> bool:
        """Whether the requests and calls are over in this process."""
        return self._warmed or self._once.get().over

    def begin(self) -> None:
        """Start to warm up, if nobody has, and do not wait for it."""
        if not self._warmed:
            self._once.get().begin()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not (self._warmed or (once := self._once.get()).over):
            once.run(self.timeout)
        return self.app(environ, start_response)

    def _warm_up(self) -> None:
        begun = perf_counter()
        for request in self._requests:
            self._send(request)
        for call in self.calls:
            try:
                call()
            except Exception as error:
                _log.error("warm-up: %a failed", call, exc_info=error)
        _log.info("warm after %.0f ms", (perf_counter() - begun) * 1000)

    def _send(self, request: SyntheticRequest) -> None:
        try:
            status = request.run(self.app, **{"wsgikit.warmup": True})
        except Exception as error:
            _log.error("warm-up: %s failed", request.name, exc_info=error)
            return
        expected = status.startswith(
            ("2", "3")
        )  # else the app does not serve the host, or the page has moved on
        _log.log(logging.INFO if expected else logging.WARNING, "warm-up: %s: %a", request.name, status)


def warm(app: WSGIApplication) -> bool:
    """Whether every `WarmUp` from ``app`` inwards is done in this process; one that has not begun begins now.

    Never waits: it is what a probe of readiness asks.
    """
    cold = [layer for _, _, layer in walk(app) if isinstance(layer, WarmUp) and not layer.warm]
    for layer in cold:
        layer.begin()
    return not cold


def _listed(option: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str | bytes) or not isinstance(values, Collection):
        raise wrong_type("WarmUp", option, values, f"a list of {option}")
    return tuple(values)
