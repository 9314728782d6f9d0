"""What happens to backends and requests, told to the logger ``wsgikit.forwarding``: one function for each event.

Whatever a client or a backend sent is written with ``%a``, so that nothing in it can forge a line.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgikit.forwarding.errors import ForwardingError
    from wsgikit.forwarding.health.passive import PassiveHealth

_log = logging.getLogger("wsgikit.forwarding")


def refused(environ: WSGIEnvironment, url: str, error: ForwardingError, outcome: str) -> None:
    """A request was not answered by its backend, or its answer broke off."""
    method, path = environ.get("REQUEST_METHOD"), environ.get("PATH_INFO")
    _log.warning("%a %a to %s: %s (%s): %a", method, path, url, outcome, error.kind, str(error))


def retried(environ: WSGIEnvironment, url: str, reason: str) -> None:
    """A try has failed, and another follows."""
    method, path = environ.get("REQUEST_METHOD"), environ.get("PATH_INFO")
    _log.info("%a %a to %s: trying again: %a", method, path, url, reason)


def ejected(url: str, reason: str, passive: PassiveHealth | None) -> None:
    """Passive health has seen too many failures."""
    cooldown = 0.0 if passive is None else passive.cooldown
    _log.warning("%s: ejected for %g s: %a", url, cooldown, reason)


def breaker(url: str, state: str) -> None:
    """A circuit breaker is open, half-open or closed now."""
    _log.log(logging.INFO if state == "closed" else logging.WARNING, "%s: circuit breaker %s", url, state)


def checked(url: str, failure: str | None) -> None:
    """The active checks have changed their mind: up without a failure, down with one."""
    if failure is None:
        _log.info("%s: up, by its checks", url)
    else:
        _log.warning("%s: down, by its checks: %a", url, failure)


def panicked(urls: list[str]) -> None:
    """No backend is left but ejected ones, and these are used."""
    _log.warning("all upstreams are ejected; using them all the same: %s", ", ".join(urls))


def changed(url: str, what: str) -> None:
    """An upstream was added, removed or drained."""
    _log.info("%s: %s", url, what)


def not_resolved(source: object, reason: str, kept: int) -> None:
    """The upstreams could not be looked up: those known stay."""
    _log.warning("%s: %a; %d upstreams stay as they are", source, reason, kept)
