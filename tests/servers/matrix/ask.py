"""What a question has to ask with: the client, bound to one server, and the folder where the app leaves its signs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.matrix.client import PATIENCE, Answer, Connection, Fields, request

FILE = b"0123456789" + b"The file that every server sends.\n" * 1000


@dataclass
class Ask:
    """A running server: its port, the folder it shares with the tests, and what starts it on a unix socket instead."""

    port: int
    folder: Path
    unix_socket: Callable[[], Path] | None = None
    base: str = "/promises"
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __call__(
        self,
        target: str,
        method: str = "GET",
        *,
        fields: Fields = (),
        body: bytes = b"",
        version: str = "HTTP/1.1",
    ) -> Answer:
        """One request on a connection of its own, and its answer."""
        with self.connection() as connection:
            connection.send(request(target, method, fields=fields, body=body, version=version))
            return connection.answer(method)

    def raw(self, data: bytes, method: str = "GET") -> Answer:
        """These very bytes, and the answer to them."""
        with self.connection() as connection:
            connection.send(data)
            return connection.answer(method)

    def promise(self, page: str) -> str:
        """The path of a page of promises.py."""
        return f"{self.base}/{page}"

    @contextmanager
    def connection(self, *, unix: bool = False) -> Iterator[Connection]:
        """A connection, closed at the end."""
        peer: Path | tuple[str, int] = ("127.0.0.1", self.port)
        if unix:
            assert self.unix_socket, "the server listens on no unix socket"
            peer = self.unix_socket()
        with Connection(peer) as connection:
            yield connection

    def until(self, target: str, status: int) -> None:
        """Ask until the answer has this status: processes look at a file in their own time."""
        awaited(lambda: "yes" if self(target).status == status else "", f"{status} for {target}")

    def word(self) -> str:
        """A word that no other request has."""
        return f"q{next(self._numbers)}"

    def go(self, word: str) -> None:
        """Let the app go on that waits with this word."""
        (self.folder / f"go-{word}").touch()

    def sign(self, name: str) -> str:
        """What the app has left under this name, as soon as it is there."""
        file = self.folder / name
        return awaited(lambda: file.read_text() if file.exists() else "", name)

    def log_line(self, part: str) -> str:
        """The access log's line with ``part`` in it, as soon as it is there and complete."""

        def look() -> str:
            log = self.folder / "access.log"
            lines = log.read_text().splitlines(keepends=True) if log.exists() else []
            return next((line for line in lines if part in line and line.endswith("\n")), "")

        return awaited(look, f"line with {part!r} in the access log")


def awaited(look: Callable[[], str], what: str) -> str:
    """What ``look`` finds, asked until it finds something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.01)  # between two processes there is no event to wait for
    raise AssertionError(f"no {what} within {PATIENCE:.0f} s")
