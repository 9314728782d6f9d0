"""The queue of connections that the server has not accepted yet."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from wsgikit.access.trust import TrustedProxies
from wsgikit.operations.backlog import backlog
from wsgikit.testing import call


def test_connections_wait_at_the_servers_own_port_whatever_port_the_client_used() -> None:
    seen: list[int] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(backlog(environ))
        start_response("200 OK", [])
        return []

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        peer = {"REMOTE_ADDR": "127.0.0.1", "SERVER_PORT": str(address[1])}
        client = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}
        clients = [socket.create_connection(address) for _ in range(3)]
        call(app, environ=peer)
        call(TrustedProxies(app, "loopback"), headers=client, environ=peer)
        for each in clients:
            each.close()
    assert seen == [3, 3]


@pytest.mark.parametrize("port", ["", "http", "\u0663", "9" * 400, None])
def test_a_port_that_is_none_has_no_queue(port: Any) -> None:
    assert backlog({"SERVER_PORT": port}) == 0
