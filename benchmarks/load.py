"""A load generator: a few kept connections, one request at a time on each, until so many are answered."""

from __future__ import annotations

import re
import selectors
import socket
import time

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
PATIENCE = 30.0  # seconds without any answer after which the server counts as stuck


class Client:
    """One connection: what it asks, and how far the answer has come."""

    def __init__(self, port: int, request: bytes) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(request)
        self._request = request
        self._received = b""

    def take(self) -> bool:
        """Read what has come; true when the answer is whole, which has to be 200 and to say its length."""
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the server closed a connection before its answer was whole")
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return False
        length = _LENGTH.search(head)
        if b" 200 " not in head[:16] or length is None:
            raise ValueError(f"not the answer that was expected: {head!r}")
        return len(body) >= int(length[1])

    def ask_again(self) -> None:
        """The next request on the same connection."""
        self._received = b""
        self.sock.sendall(self._request)


def rate(port: int, request: bytes, *, connections: int, requests: int, kept: bool) -> float:
    """Requests a second over so many connections at once; without ``kept`` each request has one of its own."""
    begun = time.perf_counter()
    left = requests
    with selectors.DefaultSelector() as selector:

        def connect() -> None:
            client = Client(port, request)
            selector.register(client.sock, selectors.EVENT_READ, client)

        for _ in range(connections):
            connect()
        while left > 0:
            ready = selector.select(PATIENCE)
            if not ready:
                raise TimeoutError(f"no answer for {PATIENCE:.0f} s")
            for client in [key.data for key, _ in ready if key.data.take()]:
                left -= 1
                if kept:
                    client.ask_again()
                else:
                    selector.unregister(client.sock)
                    client.sock.close()
                    connect()
        for key in list(selector.get_map().values()):
            key.data.sock.close()
    return requests / (time.perf_counter() - begun)
