"""ReverseProxy: the app that forwards requests to a backend and hands its answers on."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.core.middleware import Application
from wsgikit.core.reply import reply
from wsgikit.core.units import flag, seconds
from wsgikit.forwarding.backend import Backend
from wsgikit.forwarding.errors import ForwardingError, NotForwardable
from wsgikit.forwarding.forwarded import KINDS, valid_host
from wsgikit.forwarding.outbound import Outbound
from wsgikit.forwarding.policies import POLICIES
from wsgikit.forwarding.rewrite import Place, rewritten
from wsgikit.forwarding.target import quoted
from wsgikit.forwarding.upstream import Upstream, connection_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgikit.core.headers import Headers
    from wsgikit.forwarding.backend import Exchange
    from wsgikit.forwarding.outbound import Request

_log = logging.getLogger("wsgikit.forwarding")


class ReverseProxy(Application):
    """Forwards each request to an HTTP backend and hands the answer on, both bodies piece by piece.

    - ``upstreams``: a URL, an ``Upstream``, or a list of either. With several, each gets its share by weight; those
      marked ``backup`` take requests when no other has a weight.
    - ``policy``: ``"round_robin"`` (smooth and weighted, the default), or a callable(backends, environ) that
      gives one of the backends, which have ``url`` and ``weight``.
    - ``host``: the Host that the backend is asked for: ``"upstream"`` (default: what its URL says, which is what a
      backend that serves several names by Host needs), ``"client"`` (what the client asked for), or a host itself.
    - ``keep_prefix``: send the mount point as part of the path (default False: it is cut off and sent as
      X-Forwarded-Prefix).
    - ``forwarded``: how the backend is told about the client: ``"x-forwarded"`` (default), ``"forwarded"`` (RFC
      7239), ``"both"`` or None. What a client claims about itself is dropped, unless TrustedProxies has verified it.
    - ``connect_timeout``: for the connection to be made (default 5 s; a backend near by that takes longer is down).
    - ``read_timeout``: for the next byte to come, or to be taken (default 60 s).
    - ``total_timeout``: from the first byte sent to the last one received (default None: streams may go on for ever).
    - ``max_idle``: connections kept open between requests, per backend and process (default 32).
    - ``max_connections``: requests in flight at once, per backend and process (default None: no limit); one more is
      answered 503.
    - ``rewrite_location``: put the mount point into a Location or Content-Location that names the backend or is only
      a path (default True: it would lead out of the mount).
    - ``rewrite_cookies``: move the Path of cookies below the mount point and drop a Domain that names the backend
      (default False: backends that heed X-Forwarded-Prefix do so themselves).

    Times are seconds, or text like ``"250ms"``. What goes wrong is a finished answer and a line of the logger
    ``wsgikit.forwarding``: 400 for a request that HTTP forbids, 502 for a backend that refuses or answers badly,
    503 for none available, 504 for one that keeps us waiting. An answer that breaks off after its head raises
    ``ForwardingError`` in the server, so that the client sees it broken off too. Raises ``ValueError`` or
    ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        upstreams: str | Upstream | Iterable[str | Upstream],
        *,
        policy: str | Callable[[Sequence[Any], WSGIEnvironment], Any] = "round_robin",
        host: str = "upstream",
        keep_prefix: bool = False,
        forwarded: str | None = "x-forwarded",
        connect_timeout: float | str = 5.0,
        read_timeout: float | str = 60.0,
        total_timeout: float | str | None = None,
        max_idle: int = 32,
        max_connections: int | None = None,
        rewrite_location: bool = True,
        rewrite_cookies: bool = False,
    ) -> None:
        self.upstreams = _upstreams(upstreams)
        self.policy = policy
        self.host = _host(host)
        self.keep_prefix = flag("ReverseProxy", "keep_prefix", keep_prefix)
        if forwarded not in KINDS:
            raise wrong_value("ReverseProxy", "forwarded", forwarded, f"one of {', '.join(map(repr, KINDS))}")
        self.forwarded = forwarded
        self.connect_timeout = _above_zero("connect_timeout", connect_timeout)
        self.read_timeout = _above_zero("read_timeout", read_timeout)
        self.total_timeout = None if total_timeout is None else _above_zero("total_timeout", total_timeout)
        self.max_idle = _max_idle(max_idle)
        self.max_connections = connection_limit("ReverseProxy", max_connections)
        self.rewrite_location = flag("ReverseProxy", "rewrite_location", rewrite_location)
        self.rewrite_cookies = flag("ReverseProxy", "rewrite_cookies", rewrite_cookies)
        self._choose = _policy(policy)
        self._backends = tuple(map(self._backend, _in_turn(self.upstreams)))
        self._only = self._backends[0] if len(self._backends) == 1 else None
        self._rewrites = rewrite_location or rewrite_cookies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Forward the request."""
        started = perf_counter()
        backend: Backend = self._only or self._choose(self._backends, environ)
        notes = environ.setdefault("wsgikit.notes", {})
        notes["upstream"] = backend.url
        try:
            request = backend.outbound(environ)
            exchange = backend.exchange(request)
        except ForwardingError as error:
            notes["upstream_time"] = perf_counter() - started
            return _refuse(environ, start_response, backend, error)
        notes["upstream_time"] = perf_counter() - started
        try:
            head = exchange.head
            headers = head.headers
            if head.references and self._rewrites:
                headers = self._rewritten(headers, backend, request)
            body = exchange.whole()
            start_response(head.status, headers)
        except BaseException:
            exchange.end()
            raise
        if body is not None:
            return [body] if body else []
        return AnswerBody(exchange, environ, backend, started)

    def close(self) -> None:
        """Close the idle connections of this process; those in use end with their requests."""
        for backend in self._backends:
            backend.close()

    def _backend(self, upstream: Upstream) -> Backend:
        return Backend(
            upstream,
            Outbound(
                upstream.address, host=self.host, keep_prefix=self.keep_prefix, forwarded=self.forwarded
            ),
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            total_timeout=self.total_timeout,
            max_idle=self.max_idle,
            max_connections=self.max_connections,
        )

    def _rewritten(self, headers: Headers, backend: Backend, request: Request) -> Headers:
        address = backend.upstream.address
        place = Place(address.authority, address.base, request.host, quoted(request.mount.rstrip("/")))
        return rewritten(headers, place, locations=self.rewrite_location, cookies=self.rewrite_cookies)


class AnswerBody:
    """The body of a backend's answer, handed on as it comes; its connection is given back at the end."""

    __slots__ = ("_backend", "_environ", "_exchange", "_started")

    def __init__(
        self, exchange: Exchange, environ: WSGIEnvironment, backend: Backend, started: float
    ) -> None:
        self._exchange = exchange
        self._environ = environ
        self._backend = backend
        self._started = started

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = self._exchange.read()
        except ForwardingError as error:
            self.close()
            _report(self._environ, self._backend, error, "the answer broke off")
            raise
        if piece:
            return piece
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Give the connection back, or drop it if the client left before the end."""
        if not self._exchange.over:
            self._environ["wsgikit.notes"]["upstream_time"] = perf_counter() - self._started
            self._exchange.end()


def _refuse(
    environ: WSGIEnvironment, start_response: StartResponse, backend: Backend, error: ForwardingError
) -> list[bytes]:
    """The finished answer for an error, a line in the log, and a note for the layers outside."""
    if not isinstance(error, NotForwardable):
        environ["wsgikit.notes"]["upstream_error"] = error.kind
    _report(environ, backend, error, f"answered {error.status}")
    return reply(environ, start_response, error.status, error.detail, headers=error.headers)


def _report(environ: WSGIEnvironment, backend: Backend, error: ForwardingError, outcome: str) -> None:
    # %a: whatever the client or the backend sent is escaped.
    method, path = environ.get("REQUEST_METHOD"), environ.get("PATH_INFO")
    _log.warning("%a %a to %s: %s (%s): %a", method, path, backend.url, outcome, error.kind, str(error))


def _upstreams(given: object) -> tuple[Upstream, ...]:
    listed = [given] if isinstance(given, str | Upstream) else given
    if not isinstance(listed, list | tuple):
        raise wrong_type("ReverseProxy", "upstreams", given, "a URL, an Upstream, or a list of either")
    if not listed:
        raise wrong_value("ReverseProxy", "upstreams", given, "at least one URL or Upstream")
    found = tuple(one if isinstance(one, Upstream) else Upstream(one) for one in listed)
    if not any(one.weight for one in found):
        raise wrong_value("ReverseProxy", "upstreams", given, "at least one with a weight above 0")
    urls = [one.url for one in found]
    for url in urls:
        if urls.count(url) > 1:
            raise wrong_value(
                "ReverseProxy", "upstreams", url, "each upstream once; give it a weight instead"
            )
    return found


def _in_turn(upstreams: tuple[Upstream, ...]) -> list[Upstream]:
    """Those that take requests: the best tier, without those of weight 0."""
    weighted = [one for one in upstreams if one.weight]
    return [one for one in weighted if not one.backup] or weighted


def _policy(policy: object) -> Callable[[Sequence[Any], WSGIEnvironment], Any]:
    if callable(policy):
        return policy
    if not isinstance(policy, str) or policy not in POLICIES:
        raise wrong_choice("ReverseProxy", "policy", policy, POLICIES)
    return POLICIES[policy]()


def _host(host: object) -> str:
    wanted = '"upstream", "client", or a host such as "app.internal:8080"'
    if not isinstance(host, str):
        raise wrong_type("ReverseProxy", "host", host, wanted)
    if not valid_host(host):
        raise wrong_value("ReverseProxy", "host", host, wanted)
    return host


def _max_idle(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type("ReverseProxy", "max_idle", value, "a whole number, 0 or more")
    if value < 0:
        raise wrong_value("ReverseProxy", "max_idle", value, "a whole number, 0 or more")
    return value


def _above_zero(option: str, value: float | str) -> float:
    amount = seconds("ReverseProxy", option, value)
    if not amount:
        raise wrong_value("ReverseProxy", option, value, "more than 0 seconds")
    return amount
