"""One id for each request, the same in the log, in the app and at the client."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from wsgikit.access.tracecontext import continued, sound_state
from wsgikit.access.uuid7 import uuid7
from wsgikit.core.environ import header_key
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import replaced, valid_name
from wsgikit.core.middleware import Middleware
from wsgikit.http.hop import claim
from wsgikit.http.networks import Networks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_WELL_FORMED = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,128}", re.ASCII)

ID = "wsgikit.request_id"

# The request's id, and its trace's.
_current: ContextVar[tuple[str, str]] = ContextVar("wsgikit.request_id", default=("", ""))


class RequestId(Middleware):
    """Gives each request an id: to the app in its request header, to the client in the answer's.

    A well-formed id (up to 128 letters, digits and ``._~+/=:@-``) that a trusted peer sends is kept; otherwise it is a
    new UUIDv7, whose order is that of time. The app also finds it in ``environ["wsgikit.request_id"]``, outer layers
    under ``request.id`` in the shared notes (``environ["wsgikit.notes"]``), code without environ in ``current()``, and
    log records through ``RequestIdFilter``. It stays current in its thread or greenlet until the next request,
    so that generator bodies and ``close()`` have it too. A RequestId further in keeps the id it finds.

    A trace that a trusted peer has begun (W3C Trace Context) goes on: the app, and what it or a ReverseProxy asks, gets
    ``traceparent`` with the same trace and a new parent, ``tracestate`` as it came, and the notes hold ``trace_id``,
    ``span_id`` and ``parent_id``. Both headers are removed where the peer is not trusted or they are malformed.
    None is begun here: its "not sampled" would silence every tracer further in.

    - ``header``: the name of the header, for the request and for the answer.
    - ``trust``: whose ids and traces are kept: networks as in TrustedProxies, asked about the true peer (where
      TrustedProxies ran outside, that is not the client). None for nobody.

    Raises ``ValueError`` or ``TypeError`` for a header name or network that will not do.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        header: str = "X-Request-Id",
        trust: str | Iterable[str] | None = None,
    ) -> None:
        super().__init__(app)
        self.header = _field(header)
        self.trust = trust
        self._trusted = None if trust is None else Networks(trust, layer="RequestId", option="trust")
        self._key = header_key(header)
        self._lowered = header.lower()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = environ.get(ID) or self._sent(environ) or uuid7()
        notes = environ.get("wsgikit.notes")
        if notes is None:
            notes = environ["wsgikit.notes"] = {}
        notes["request.id"] = found
        inner = environ.copy()
        inner[self._key] = inner[ID] = found
        if "HTTP_CONNECTION" in inner:
            claim(inner, self._key)
        traced = "HTTP_TRACEPARENT" in inner or "HTTP_TRACESTATE" in inner
        _current.set((found, self._traced(inner, environ, notes) if traced else ""))
        header, lowered, length = self.header, self._lowered, len(self.header)

        def start_with_id(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            for name, _ in headers:
                if len(name) == length and name.lower() == lowered:
                    told = replaced(headers, header, found)
                    break
            else:
                told = [*headers, (header, found)]
            if exc_info:
                try:
                    return start_response(status, told, exc_info)
                finally:
                    exc_info = None  # a traceback that holds its own frame would keep the request alive
            return start_response(status, told)

        return self.app(inner, start_with_id)

    def _sent(self, environ: WSGIEnvironment) -> str | None:
        """The id that came with the request, if it may be kept."""
        sent: str | None = environ.get(self._key)
        if sent is None or _WELL_FORMED.fullmatch(sent) is None or not self._trusts(environ):
            return None
        return sent

    def _trusts(self, environ: WSGIEnvironment) -> bool:
        if self._trusted is None:
            return False
        original = environ.get("wsgikit.original")
        return self._trusted.contains((environ if original is None else original).get("REMOTE_ADDR"))

    def _traced(self, inner: WSGIEnvironment, environ: WSGIEnvironment, notes: dict[str, Any]) -> str:
        """Continue the trace in ``inner`` where that may be, and give its id; else take it out."""
        if ID in environ:  # a RequestId further out has seen to it
            known: str = notes.get("trace_id", "")
            return known
        sent, state = inner.pop("HTTP_TRACEPARENT", ""), inner.pop("HTTP_TRACESTATE", None)
        trace = continued(sent) if self._trusts(environ) else None
        if trace is None:
            return ""
        inner["HTTP_TRACEPARENT"] = trace.traceparent
        claim(inner, "HTTP_TRACEPARENT")
        if state is not None and sound_state(state):
            inner["HTTP_TRACESTATE"] = state
        notes.update(trace_id=trace.trace_id, span_id=trace.span_id, parent_id=trace.parent_id)
        return trace.trace_id


class RequestIdFilter(logging.Filter):
    """Puts ``request_id`` and ``trace_id`` on each log record, for ``%(request_id)s`` in a format.

    A dash where there is none: outside requests, and for a request that belongs to no trace.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, with the ids."""
        request_id, trace_id = _current.get()
        record.request_id = request_id or "-"
        record.trace_id = trace_id or "-"
        return True


def current() -> str:
    """The id of the request at work in this thread or greenlet, ``""`` before the first."""
    return _current.get()[0]


def _field(header: Any) -> str:
    if not isinstance(header, str):
        raise wrong_type("RequestId", "header", header, "the name of a header")
    if not valid_name(header):
        raise wrong_value("RequestId", "header", header, 'the name of a header, such as "X-Request-Id"')
    return header
