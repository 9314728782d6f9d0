"""ReverseProxy: the app that forwards requests to backends and hands their answers on."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from wsgikit.core.component import rebuild
from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.core.middleware import Application
from wsgikit.core.process import PerProcess
from wsgikit.core.reply import reply
from wsgikit.core.units import duration, flag, whole
from wsgikit.forwarding import events
from wsgikit.forwarding import tls as tls_option
from wsgikit.forwarding.answerbody import AnswerBody
from wsgikit.forwarding.balancing.policies import policy as named_policy
from wsgikit.forwarding.balancing.retry import Retry
from wsgikit.forwarding.balancing.sticky import Sticky
from wsgikit.forwarding.discovery.watch import watching
from wsgikit.forwarding.errors import ForwardingError, NotForwardable
from wsgikit.forwarding.exchange import Exchange
from wsgikit.forwarding.fleet import Fleet
from wsgikit.forwarding.forwarded import KINDS, valid_host
from wsgikit.forwarding.health.breaker import CircuitBreaker
from wsgikit.forwarding.health.checks import HealthCheck
from wsgikit.forwarding.health.passive import PassiveHealth
from wsgikit.forwarding.options import timeout
from wsgikit.forwarding.outbound import Outbound
from wsgikit.forwarding.rewrite import Place, rewritten
from wsgikit.forwarding.settings import Settings
from wsgikit.forwarding.target import quoted
from wsgikit.forwarding.upstream import connection_limit
from wsgikit.forwarding.upstreams import Upstreams, listed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgikit.core.headers import Headers
    from wsgikit.forwarding.balancing.policies import Policy
    from wsgikit.forwarding.exchange import Answer
    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.tls import TLS
    from wsgikit.forwarding.upstream import Upstream

Option = TypeVar("Option")

# One value for all proxies: defaults are compared and shown, and none of them holds anything live.
_RETRY, _PASSIVE = Retry(), PassiveHealth()


class ReverseProxy(Application):
    """Forwards each request to one of its backends and hands the answer on, both bodies piece by piece.

    - ``upstreams``: a URL, an ``Upstream``, or a list of either; the list may be empty where ``resolve`` fills it.
    - ``policy``: which upstream is next: ``"round_robin"`` (smooth and weighted, the default), ``"least_conn"``,
      ``"p2c"``, ``"ewma"``, ``"random"``, ``"first"``, ``"hash:client_ip"``, ``"hash:path"``, ``"hash:header:NAME"``,
      ``"hash:cookie:NAME"``, or a callable(backends, environ) that gives one of the backends.
    - ``host``: the Host that the backend is asked for: ``"upstream"`` (default: what its URL says, which is what a
      backend that serves several names by Host needs), ``"client"`` (what the client asked for), or a host itself.
    - ``keep_prefix``: send the mount point as part of the path (default False: it is cut off and sent as
      X-Forwarded-Prefix).
    - ``forwarded``: how the backend is told about the client: ``"x-forwarded"`` (default), ``"forwarded"`` (RFC
      7239), ``"both"`` or None. What a client claims about itself is dropped, unless TrustedProxies has verified it.
    - ``via``: the name under which requests and answers are marked with Via (RFC 9110 section 7.6.3; default None:
      none, as it tells strangers what stands in between).
    - ``connect_timeout``: for the connection to be made (default 5 s; a backend near by that takes longer is down), and
      for a place to become free where ``max_waiting`` allows to wait.
    - ``read_timeout``: for the next byte to come, or to be taken (default 60 s).
    - ``total_timeout``: from the first try to the last byte received (default None: streams may go on for ever).
    - ``retry``: when a request is sent again, as a ``Retry`` (default: up to two tries) or None.
    - ``health``: a ``HealthCheck`` asks each backend in the background whether it is well (default None: a check costs
      requests that nobody asked for).
    - ``passive``: a ``PassiveHealth`` takes a backend that fails out of turn for a while (default: three failures
      within 10 s), or None.
    - ``breaker``: a ``CircuitBreaker`` leaves a backend alone that errs too often (default None).
    - ``sticky``: a ``Sticky`` binds each client to a backend by a signed cookie (default None).
    - ``max_idle``: connections kept open between requests, per backend and process (default 32).
    - ``max_connections``: requests in flight at once, per backend and process (default None: no limit).
    - ``max_waiting``: requests that may wait for a backend when all are at that limit, each for at most
      ``connect_timeout`` (default 0: they are answered 503 at once).
    - ``resolve``: where upstreams come from while the proxy serves: a callable that gives URLs, ``"dns"`` (every
      address of the names in ``upstreams``), ``"srv:NAME"`` (extra ``dns``) or ``"@file"`` (default None: nowhere).
    - ``rewrite_location``: put the mount point into a Location or Content-Location that names the backend or is only
      a path (default True: it would lead out of the mount).
    - ``rewrite_cookies``: move the Path of cookies below the mount point and drop a Domain that names the backend
      (default False: backends that heed X-Forwarded-Prefix do so themselves).
    - ``tls``: how backends behind ``https://`` are verified, as a ``TLS`` or an ``ssl.SSLContext`` (default None: by
      the system's authorities).

    Times are seconds, or text like ``"250ms"``. What goes wrong is a finished answer and a line of the logger
    ``wsgikit.forwarding``: 400 for a request that HTTP forbids, 502 for a backend that refuses or answers badly,
    503 for none available, 504 for one that keeps us waiting. An answer that breaks off after its head raises
    ``ForwardingError`` in the server, so that the client sees it broken off too. Raises ``ValueError`` or
    ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        upstreams: str | Upstream | Sequence[str | Upstream],
        *,
        policy: str | Policy | Callable[..., Any] = "round_robin",
        host: str = "upstream",
        keep_prefix: bool = False,
        forwarded: str | None = "x-forwarded",
        via: str | None = None,
        connect_timeout: float | str = 5.0,
        read_timeout: float | str = 60.0,
        total_timeout: float | str | None = None,
        retry: Retry | None = _RETRY,
        health: HealthCheck | None = None,
        passive: PassiveHealth | None = _PASSIVE,
        breaker: CircuitBreaker | None = None,
        sticky: Sticky | None = None,
        max_idle: int = 32,
        max_connections: int | None = None,
        max_waiting: int = 0,
        resolve: str | Callable[[], Iterable[str | Upstream]] | None = None,
        rewrite_location: bool = True,
        rewrite_cookies: bool = False,
        tls: TLS | ssl.SSLContext | None = None,
    ) -> None:
        if isinstance(upstreams, Upstreams):  # of a proxy that is copied after they have changed
            self.upstreams = upstreams.twin()
        else:
            self.upstreams = Upstreams(listed(upstreams, may_be_empty=resolve is not None))
        self.policy = policy
        self.host = _host(host)
        self.keep_prefix = flag("ReverseProxy", "keep_prefix", keep_prefix)
        self.forwarded = _forwarded(forwarded)
        self.via = _via(via)
        self.connect_timeout = timeout("ReverseProxy", "connect_timeout", connect_timeout)
        self.read_timeout = timeout("ReverseProxy", "read_timeout", read_timeout)
        self.total_timeout = _limit("total_timeout", total_timeout)
        self.retry = _of(Retry, "retry", retry)
        self.health = _of(HealthCheck, "health", health)
        self.passive = _of(PassiveHealth, "passive", passive)
        self.breaker = _of(CircuitBreaker, "breaker", breaker)
        self.sticky = _of(Sticky, "sticky", sticky)
        self.max_idle = whole("ReverseProxy", "max_idle", max_idle, least=0)
        self.max_connections = connection_limit("ReverseProxy", max_connections)
        self.max_waiting = whole("ReverseProxy", "max_waiting", max_waiting, least=0)
        self.resolve = resolve
        self.rewrite_location = flag("ReverseProxy", "rewrite_location", rewrite_location)
        self.rewrite_cookies = flag("ReverseProxy", "rewrite_cookies", rewrite_cookies)
        self.tls = tls
        self._rewrites = rewrite_location or rewrite_cookies
        self._outbound = Outbound(keep_prefix=keep_prefix, forwarded=forwarded, via=via)
        self._fleets = self._fleet_of_each_process()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Forward the request."""
        started = perf_counter()
        notes = environ.setdefault("wsgikit.notes", {})
        try:
            request = self._outbound(environ)
            answer = self._fleets.get().exchange(request, notes)
        except ForwardingError as error:
            notes["upstream_time"] = perf_counter() - started
            return _refuse(environ, start_response, error)
        notes["upstream_time"] = perf_counter() - started
        try:
            start_response(answer.head.status, self._headers(answer, request, environ))
        except BaseException:
            answer.end()
            raise
        if isinstance(answer, Exchange):
            return AnswerBody(answer, environ, started)
        return [answer.body] if answer.body else []

    def snapshot(self) -> dict[str, Any]:
        """The upstreams as this process knows them: state, requests in flight and so far, failures, latency, pool."""
        return self._fleets.get().snapshot()

    def close(self) -> None:
        """Stop this process's checks and look-ups, and close its idle connections.

        Connections in use end with their requests. A request that comes later starts anew.
        """
        fleet = self._fleets.drop()
        if fleet is not None:
            fleet.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.upstreams.version:
            return super().__reduce__()
        return rebuild, (type(self), self._passed)  # as nothing has changed, a copy shows what this shows

    def _arguments(self) -> dict[str, Any]:
        """What would build this again, with the upstreams as they are now."""
        return {**self._passed, "upstreams": self.upstreams}

    def options(self) -> dict[str, Any]:
        """What was passed to the constructor, by name; once the upstreams have changed, those there are."""
        passed = super().options()
        if self.upstreams.version:
            passed["upstreams"] = list(self.upstreams)
        return passed

    def _fleet_of_each_process(self) -> PerProcess[Fleet]:
        """Of upstreams and settings, and not of the proxy: one that is dropped is gone at once, with its threads."""
        watch = watching("ReverseProxy", self.resolve, tuple(self.upstreams))
        return PerProcess(partial(Fleet, self.upstreams, self._settings(), watch))

    def _settings(self) -> Settings:
        return Settings(
            policy=named_policy("ReverseProxy", self.policy),
            host=self.host,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            total_timeout=self.total_timeout,
            retry=self.retry,
            health=self.health,
            passive=self.passive,
            breaker=self.breaker,
            sticky=self.sticky,
            max_idle=self.max_idle,
            max_connections=self.max_connections,
            max_waiting=self.max_waiting,
            tls=tls_option.checked("ReverseProxy", self.tls),
        )

    def _headers(self, answer: Answer, request: Request, environ: WSGIEnvironment) -> Headers:
        """The headers of the answer, as the client is to see them."""
        head, backend = answer.head, answer.backend
        headers = head.headers
        if head.references and self._rewrites:
            address = backend.upstream.address
            asked = backend.host or request.asked
            place = Place(address.authority, address.base, asked, quoted(request.mount.rstrip("/")))
            headers = rewritten(headers, place, locations=self.rewrite_location, cookies=self.rewrite_cookies)
        if self.via is not None:
            headers.append(("Via", f"1.1 {self.via}"))
        if self.sticky is not None and backend is not request.bound:
            headers.append(self.sticky.cookie_for(backend.url, environ))
        return headers


def _refuse(environ: WSGIEnvironment, start_response: StartResponse, error: ForwardingError) -> list[bytes]:
    """The finished answer for an error, a line in the log, and a note for the layers outside."""
    notes = environ["wsgikit.notes"]
    if not isinstance(error, NotForwardable):
        notes["upstream_error"] = error.kind
    events.refused(environ, notes.get("upstream", "no upstream"), error, f"answered {error.status}")
    return reply(environ, start_response, error.status, error.detail, headers=error.headers)


def _limit(option: str, value: float | str | None) -> float | None:
    return None if value is None else duration("ReverseProxy", option, value)


def _of(kind: type[Option], option: str, value: Option | None) -> Option | None:
    """An option that is a thing of its own kind, or None."""
    if value is not None and not isinstance(value, kind):
        raise wrong_type("ReverseProxy", option, value, f"a {kind.__name__}, or None")
    return value


def _host(host: object) -> str:
    wanted = '"upstream", "client", or a host such as "app.internal:8080"'
    if not isinstance(host, str):
        raise wrong_type("ReverseProxy", "host", host, wanted)
    if not valid_host(host):
        raise wrong_value("ReverseProxy", "host", host, wanted)
    return host


def _forwarded(kind: str | None) -> str | None:
    if kind not in KINDS:
        hint = suggestion(kind, filter(None, KINDS)) if isinstance(kind, str) else ""
        raise wrong_value("ReverseProxy", "forwarded", kind, f"one of {', '.join(map(repr, KINDS))}{hint}")
    return kind


def _via(via: object) -> str | None:
    wanted = 'a name such as "edge" or "edge.example:8080", or None'
    if via is None:
        return None
    if not isinstance(via, str):
        raise wrong_type("ReverseProxy", "via", via, wanted)
    if not valid_host(via):
        raise wrong_value("ReverseProxy", "via", via, wanted)
    return via
