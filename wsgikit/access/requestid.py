"""One id for each request, the same in the log, in the app and at the client."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from os import urandom
from time import time_ns
from typing import TYPE_CHECKING, Any

from wsgikit.core.environ import child
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import replaced, valid_name
from wsgikit.core.middleware import Middleware
from wsgikit.http.networks import Networks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_WELL_FORMED = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,128}", re.ASCII)

_current: ContextVar[str] = ContextVar("wsgikit.request_id", default="")


class RequestId(Middleware):
    """Gives each request an id: to the app in its request header, to the client in the answer's.

    A well-formed id (up to 128 letters, digits and ``._~+/=:@-``) that a trusted peer sends is kept; otherwise it is a
    new UUIDv7, whose order is that of time. The app also finds it in ``environ["wsgikit.request_id"]``, outer layers
    under ``request.id`` in the shared notes (``environ["wsgikit.notes"]``), code without environ in ``current()``, and
    log records through ``RequestIdFilter``. It stays current in its thread or greenlet until the next request,
    so that generator bodies and ``close()`` have it too.

    - ``header``: the name of the header, for the request and for the answer.
    - ``trust``: whose ids are kept: networks as in TrustedProxies, asked about the true peer (where TrustedProxies ran
      outside, that is not the client). None for nobody.

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
        self._key = "HTTP_" + header.upper().replace("-", "_")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get(self._key)
        found = given if given is not None and self._acceptable(given, environ) else uuid7()
        environ.setdefault("wsgikit.notes", {})["request.id"] = found
        _current.set(found)
        header = self.header

        def start_with_id(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            told = replaced(headers, header, found)
            if exc_info:
                try:
                    return start_response(status, told, exc_info)
                finally:
                    exc_info = None  # a traceback that holds its own frame would keep the request alive
            return start_response(status, told)

        changes = {self._key: found, "wsgikit.request_id": found}
        return self.app(child(environ, **changes), start_with_id)

    def _acceptable(self, given: str, environ: WSGIEnvironment) -> bool:
        if self._trusted is None or _WELL_FORMED.fullmatch(given) is None:
            return False
        original = environ.get("wsgikit.original")
        return self._trusted.contains((environ if original is None else original).get("REMOTE_ADDR"))


class RequestIdFilter(logging.Filter):
    """Puts ``request_id`` on each log record, for ``%(request_id)s`` in a format; a dash outside requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, with the id."""
        record.request_id = _current.get() or "-"
        return True


def current() -> str:
    """The id of the request at work in this thread or greenlet, ``""`` before the first."""
    return _current.get()


def uuid7() -> str:
    """A UUID whose order is that of time: 48 bits of milliseconds, 74 of chance (RFC 9562 section 5.7)."""
    when = f"{time_ns() // 1_000_000:012x}"
    # Never from `random`: its state is copied by a fork, and workers would give out the same ids.
    chance = urandom(10).hex()
    return f"{when[:8]}-{when[8:]}-7{chance[:3]}-{_VARIANT[chance[3]]}{chance[4:7]}-{chance[7:19]}"


_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def _field(header: Any) -> str:
    if not isinstance(header, str):
        raise wrong_type("RequestId", "header", header, "the name of a header")
    if not valid_name(header):
        raise wrong_value("RequestId", "header", header, 'the name of a header, such as "X-Request-Id"')
    return header
