"""Health: whether the process lives, and whether it wants requests, asked in front of everything else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import json

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.middleware import Middleware
from wsgikit.http.accept import best_type
from wsgikit.operations.accounting import forget
from wsgikit.operations.allow import answer, checked_path, only_read
from wsgikit.operations.check import Check
from wsgikit.operations.switch import switch_path
from wsgikit.operations.warmup import warm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_OFFERS = ("text/plain", "application/json")
_OWN = ("drain", "warm-up")


class Health(Middleware):
    """Answers the probes of an orchestrator or a balancer itself, and passes everything else on.

    Put it outermost, before what would refuse, redirect or log a probe (allowed hosts, HTTPS, auth). A probe is
    answered 200 or 503, as text, or as JSON where Accept asks for it.

    - ``live`` (``"/livez"``): the process answers, and that is all that is asked: who is not live is killed, and a
      database that is down is no reason for that.
    - ``ready`` (``"/readyz"``): 503 while a check fails, a `WarmUp` inside is not done (the first probe starts it), or
      the process drains: who is not ready gets no new requests.
    - ``checks`` (none): functions by name, called without arguments at each probe of ``ready``, each in a thread of its
      own. One that raises, returns False or takes more than 2 s fails; None is fine. What it raised is a line of the
      logger ``wsgikit.health``, and no part of the answer. One that hangs is not begun a second time.
    - ``switch`` (None): the path of a file that makes every worker drain while it is there; without it ``drain()``
      holds for its own process.

    Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        live: str = "/livez",
        ready: str = "/readyz",
        checks: Mapping[str, Callable[[], object]] = {},
        switch: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__(app)
        self.live = checked_path("Health", "live", live)
        self.ready = checked_path("Health", "ready", ready)
        if live == ready:
            raise wrong_value("Health", "ready", ready, "another path than live")
        self.checks = checks
        self.switch = switch
        self._checks = [Check(name, function) for name, function in _listed(checks)]
        self._switch = None if switch is None else switch_path("Health", switch)
        self._draining = False

    def drain(self) -> None:
        """Be ready no more, so that no new requests are sent here; those that come are answered as ever."""
        self._draining = True
        if self._switch is not None:
            open(self._switch, "ab").close()

    def resume(self) -> None:
        """Be ready again."""
        self._draining = False
        if self._switch is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._switch)

    @property
    def draining(self) -> bool:
        """Whether this process has been told to take no new requests."""
        return self._draining or (self._switch is not None and os.access(self._switch, os.F_OK))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path not in (self.live, self.ready):
            return self.app(environ, start_response)
        forget(environ)
        refused = only_read(environ, start_response)
        if refused is not None:
            return refused
        return self._tell(environ, start_response, self._state() if path == self.ready else {})

    def _state(self) -> dict[str, str]:
        """What stands in the way of being ready, or does not, by name."""
        if self.draining:
            return {"drain": "fail"}
        state = {} if warm(self.app) else {"warm-up": "fail"}
        runs = [(check.name, check.begin()) for check in self._checks]  # all at once
        state.update({name: "pass" if run.passed() else "fail" for name, run in runs})
        return state

    def _tell(
        self, environ: WSGIEnvironment, start_response: StartResponse, state: dict[str, str]
    ) -> list[bytes]:
        well = "fail" not in state.values()
        result = "pass" if well else "fail"
        kind = best_type(environ.get("HTTP_ACCEPT", ""), _OFFERS)
        if kind == "application/json":
            body = json.encode({"status": result, "checks": state})
        else:
            kind = "text/plain; charset=utf-8"
            lines = ["ok" if well else "unavailable", *(f"{name}: {found}" for name, found in state.items())]
            body = "".join(f"{line}\n" for line in lines).encode()
        status = "200 OK" if well else "503 Service Unavailable"
        return answer(environ, start_response, kind, body, status=status)


def _listed(checks: Any) -> list[tuple[str, Callable[[], object]]]:
    wanted = "functions by name, such as {'database': ping}"
    if not isinstance(checks, Mapping):
        raise wrong_type("Health", "checks", checks, wanted)
    for name, function in checks.items():
        if not isinstance(name, str) or not callable(function):
            raise wrong_type("Health", "checks", checks, wanted)
        if not name or not name.isprintable():
            raise wrong_value("Health", "checks", checks, f"{name!r} is no name that fits on a line")
        if name in _OWN:
            raise wrong_value("Health", "checks", checks, f"{name!r} is what Health itself tells")
    return list(checks.items())
