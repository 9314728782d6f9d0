"""An app under a real server, asked over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

from tests.servers.launch import PROGRAMS, app_server


class Server:
    """A server that is up, and the folder that it runs in."""

    def __init__(self, port: int, output: Path) -> None:
        self.port = port
        self.output = output
        self.folder = output.parent

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        """The answer and its body, on a connection of its own (uWSGI's http-socket keeps none)."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={**sent, "Connection": "close"})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


@contextmanager
def served(name: str, app: str, folder: Path, program: Callable[[str, str], str]) -> Iterator[Server]:
    """The app with this code under the server ``name``; a skip where that is not installed."""
    if name in PROGRAMS:
        program(name, PROGRAMS[name])
    with app_server(name, app, folder) as (port, output):
        yield Server(port, output)
