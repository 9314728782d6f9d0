"""RateLimit: so many requests in so much time from each client, counted over all workers of the host."""

from __future__ import annotations

import logging
import re
from functools import partial
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.core.middleware import Middleware
from wsgikit.core.process import PerProcess
from wsgikit.core.secret import without_password
from wsgikit.operations.ratekey import identify_by
from wsgikit.operations.refusal import refuse
from wsgikit.operations.service import service_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from limits.storage import Storage

    from wsgikit.operations.ratelimiter import Answer

_PAUSE = (
    1.0  # seconds in which a store that failed is not asked again, so that not every request waits for it
)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_POLICIES = ("allow", "deny")

_log = logging.getLogger("wsgikit.ratelimit")


class RateLimit(Middleware):
    """Answers 429 with Retry-After to a client that asks more often than ``rate``, all workers of the host together.

    - ``rate``: ``"10/minute"``, ``"100 per hour"``, ``"5/10 seconds"``. The whole amount may come at once.
    - ``key`` (``"client_ip"``): who is counted: the verified client (of IPv6 its /64, as everybody has that many
      addresses); ``"header:NAME"`` or ``"cookie:NAME"``, by a hash of the value (without one, the client's address); or
      a function of environ that gives text, and None for a request that is not to be counted.
    - ``when`` (None): a condition on the request: others pass uncounted.
    - ``store`` (``"host"``): where counts are kept. ``"host"`` is a file in memory that all workers of this user
      share; ``"memory"`` is each process for itself; ``"redis://host:6379"``, or any other URI of the library
      ``limits``, or a storage of it, is for several hosts.
    - ``strategy`` (``"sliding-window"``): counts this window and the part of the last one that is still in sight;
      ``"fixed-window"`` starts over when the window ends; ``"moving-window"`` knows the time of each request.
    - ``service`` (None): whose counts these are: WSGIKIT_SERVICE, or the name of the folder the process started in.
    - ``name`` (None): what the limit is called, in headers and in the store: the rate. Layers of one service that are
      given the same options count together, unless their names differ.
    - ``on_error`` (``"allow"``): what becomes of requests while the store fails: ``"allow"`` or ``"deny"`` (503). The
      logger ``wsgikit.ratelimit`` says so once, and once when it is over.

    Each answer says what is left, in RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10). Raises
    ``ValueError`` or ``TypeError`` for an option that will not do, ``ImportError`` without limits (extra
    ``ratelimit``). RFC 6585 section 4.
    """

    def __init__(
        self,
        app: WSGIApplication,
        rate: str,
        *,
        key: str | Callable[[WSGIEnvironment], str | None] = "client_ip",
        when: Callable[[WSGIEnvironment], bool] | None = None,
        store: str | Storage = "host",
        strategy: str = "sliding-window",
        service: str | None = None,
        name: str | None = None,
        on_error: str = "allow",
    ) -> None:
        super().__init__(app)
        made = _library()
        item = made.parse_rate(rate)
        if when is not None and not callable(when):
            raise wrong_type("RateLimit", "when", when, "a condition, such as Path('/login')")
        if on_error not in _POLICIES:
            raise wrong_choice("RateLimit", "on_error", on_error, _POLICIES)
        made.check_store(store, strategy, item)
        self.rate = rate
        self.key = key
        self.when = when
        self.store = store
        self.strategy = strategy
        self.service = service_name("RateLimit", service)
        self.name = _name(" ".join(rate.split()) if name is None else name)
        self.on_error = on_error
        self._identify = identify_by("RateLimit", key)
        # Strategies keep different things under a key, and a Redis would refuse one's for another.
        item.namespace = f"wsgikit/{self.service}/{name or _scope(key, when)}/{strategy}"
        self._limiter = PerProcess(partial(made.limiter, store, strategy, item, self.service))
        self._policy = ("RateLimit-Policy", f'"{self.name}";q={item.amount};w={item.get_expiry()}')
        self._detail = f"Too many requests: at most {item.amount} in {item.get_expiry()} seconds."
        self._failing = False
        self._paused_until = 0.0

    def options(self) -> dict[str, Any]:
        """What was passed to the constructor beside the app, but for a password in ``store``."""
        passed = super().options()
        if isinstance(passed.get("store"), str):
            passed["store"] = without_password(passed["store"])
        return passed

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.when is not None and not self.when(environ):
            return self.app(environ, start_response)
        identity = self._identify(environ)
        if identity is None:
            return self.app(environ, start_response)
        answer = self._ask(identity)
        if answer is None:
            return self._without_store(environ, start_response)
        told = [self._policy, ("RateLimit", f'"{self.name}";r={answer.remaining};t={answer.reset}')]
        if not answer.allowed:
            headers = [("Retry-After", str(max(1, answer.reset))), *told]
            return refuse("RateLimit", environ, start_response, 429, self._detail, headers=headers)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if exc_info is None:
                return start_response(status, headers + told)
            return start_response(status, headers + told, exc_info)

        return self.app(environ, start)

    def _ask(self, identity: str) -> Answer | None:
        """What the store says; None while it fails."""
        if self._failing and monotonic() < self._paused_until:
            return None
        try:
            answer: Answer = self._limiter.get().ask(identity)
        except Exception as error:  # each store has exceptions of its own
            self._paused_until = monotonic() + _PAUSE
            if not self._failing:
                self._failing = True
                said = f"{type(error).__name__}: {error}"
                _log.error("rate limit %s: its store fails, %s all requests: %a", *self._who(), said)
            return None
        if self._failing:
            self._failing = False
            _log.warning("rate limit %s: its store is back, no longer %s all requests", *self._who())
        return answer

    def _who(self) -> tuple[str, str]:
        return self.name, "allowing" if self.on_error == "allow" else "denying"

    def _without_store(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.on_error == "allow":
            return self.app(environ, start_response)
        detail = (
            "It cannot be told at the moment whether this request is within its limit; try again shortly."
        )
        return refuse("RateLimit", environ, start_response, 503, detail, headers=[("Retry-After", "1")])


def _library() -> Any:
    """The part that needs limits, which takes 80 ms to import, or an error that says what to install."""
    try:
        return import_module("wsgikit.operations.ratelimiter")
    except ModuleNotFoundError as error:
        if error.name != "limits":
            raise
        raise ImportError("RateLimit needs the package limits: install wsgikit's extra 'ratelimit'") from None


def _name(name: Any) -> str:
    """The name, as it can stand between quotes in a header (RFC 9651 section 3.3.3)."""
    wanted = "a name in printable ASCII, without quotes and backslashes, of 64 characters at most"
    if not isinstance(name, str):
        raise wrong_type("RateLimit", "name", name, wanted)
    if not (0 < len(name) <= 64 and name.isascii() and name.isprintable()) or '"' in name or "\\" in name:
        raise wrong_value("RateLimit", "name", name, wanted)
    return name


def _scope(key: Any, when: Any) -> str:
    """What a limit is called in the store where it has no name."""
    return _told(key) if when is None else f"{_told(key)} when {_told(when)}"


def _told(option: Any) -> str:
    """What tells this option from others, and is the same in every process: not where it happens to be in memory."""
    if hasattr(option, "__qualname__"):
        return f"{option.__module__}.{option.__qualname__}"
    return _ADDRESS.sub("", option if isinstance(option, str) else repr(option))
