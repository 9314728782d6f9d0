"""An exchange as the log sees it, without a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wsgikit.access.exchange import Exchange
from wsgikit.core.body import WatchedBody


def made(
    environ: dict[str, Any] | None = None,
    *,
    status: str = "200 OK",
    headers: list[tuple[str, str]] | None = None,
    sent: int = 5,
    **attributes: Any,
) -> Exchange:
    """A finished exchange, its times fixed."""
    request = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/shop",
        "QUERY_STRING": "a=1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.9",
        **(environ or {}),
    }
    exchange = Exchange(request, lambda *_: lambda chunk: None, lambda _: None)
    exchange.start_response(status, headers or [("Content-Type", "text/plain")])
    body = WatchedBody((), exchange.done)
    body.sent = sent
    body.first_byte = exchange._clock
    exchange.done(body)
    exchange.started, exchange.duration, exchange.ttfb = 1793880936.042, 0.25, 0.125
    for name, value in attributes.items():
        setattr(exchange, name, value)
    return exchange


@pytest.fixture
def exchange() -> Callable[..., Exchange]:
    return made
