"""One active check of a backend: a request of our own on a connection of its own."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from wsgikit.forwarding.errors import ForwardingError
from wsgikit.forwarding.request import Request

if TYPE_CHECKING:
    from wsgikit.forwarding.backend import Backend
    from wsgikit.forwarding.health.checks import HealthCheck
    from wsgikit.forwarding.transports.connection import Connection

_FIELDS = b"User-Agent: wsgikit-health-check\r\nConnection: close\r\n"


def probe(backend: Backend, check: HealthCheck) -> str | None:
    """What is wrong with the backend, or None: connection, answer and body all within the check's timeout."""
    deadline = monotonic() + check.timeout
    try:
        connection = backend.open(deadline)
        try:
            return _ask(backend, check, connection, deadline)
        finally:
            connection.close()
    except ForwardingError as error:
        return f"{error.kind}: {error}"


def _ask(backend: Backend, check: HealthCheck, connection: Connection, deadline: float) -> str | None:
    host = check.host or backend.host or backend.upstream.address.authority
    request = Request({}, "GET", check.path, asked=host, fields=_FIELDS)
    head = connection.exchange(request, host, deadline)
    body = b""
    while len(body) < check.reads:
        piece = connection.read()
        if not piece:
            break
        body += piece
    return _failure(check, int(head.status[:3]), body)


def _failure(check: HealthCheck, status: int, body: bytes) -> str | None:
    if check.passed(status, body):
        return None
    text = check.body.encode() if isinstance(check.body, str) else check.body
    if text and check.passed(status, text):
        return f"answered {status} without the text that was to be in it"
    return f"answered {status}"
