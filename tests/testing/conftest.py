from __future__ import annotations

import http.client
import socket

import pytest

TIMEOUT = 10  # never reached: a hang is a failure, not a wait


class RawClient:
    """A client that sends what it is told and repairs nothing."""

    def __init__(self, upstream):
        if upstream.unix:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(TIMEOUT)
            try:
                self.sock.connect(upstream.unix)
            except OSError:
                self.sock.close()
                raise
        else:
            self.sock = socket.create_connection((upstream.host, upstream.port), timeout=TIMEOUT)

    def send(self, data: bytes):
        self.sock.sendall(data)

    def get(self, target="/", method="GET"):
        self.send(f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    def until(self, mark: bytes) -> bytes:
        data = b""
        while mark not in data:
            piece = self.sock.recv(65536)
            assert piece, f"closed before {mark!r}: {data!r}"
            data += piece
        return data

    def rest(self) -> bytes:
        """All that comes until the upstream closes."""
        data = b""
        while piece := self.sock.recv(65536):
            data += piece
        return data


@pytest.fixture
def connect():
    clients = []

    def connected(upstream):
        clients.append(RawClient(upstream))
        return clients[-1]

    yield connected
    for client in clients:
        client.sock.close()


@pytest.fixture
def fetch():
    """One request by http.client on a connection of its own."""
    connections = []

    def fetched(upstream, method="GET", target="/", **options):
        connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=TIMEOUT)
        connections.append(connection)
        connection.request(method, target, **options)
        answer = connection.getresponse()
        return answer, answer.read()

    yield fetched
    for connection in connections:
        connection.close()
