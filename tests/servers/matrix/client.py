"""A client that speaks HTTP by hand, so that the bytes on the wire are seen and nothing is repaired on the way."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 20.0  # seconds until an answer counts as not coming

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answer:
    """One answer as it came: ``whole`` says whether its end was seen where its framing puts it."""

    version: str
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    whole: bool = True
    framing: str = "none"

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The one value of a header; '' if it is not there."""
        values = self.all(name)
        assert len(values) < 2, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else ""

    @property
    def keeps(self) -> bool:
        """Whether another request may follow on the connection (RFC 9112 section 9.3)."""
        return (
            self.version == "HTTP/1.1"
            and "close" not in self.get("Connection").lower()
            and self.framing != "close"
        )

    @property
    def text(self) -> str:
        """The body, read as UTF-8."""
        return self.body.decode()


class Cut(Exception):
    """The connection ended before the head of an answer was complete."""


@dataclass
class Connection:
    """One connection to the server, with what has been read from it and not used yet."""

    peer: tuple[str, int] | Path
    timeout: float = PATIENCE
    buffer: bytearray = field(default_factory=bytearray)

    def __enter__(self) -> Self:
        family = socket.AF_UNIX if isinstance(self.peer, Path) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(self.timeout)
        self.socket.connect(str(self.peer) if isinstance(self.peer, Path) else self.peer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send; a server that has answered and left is seen when its answer is read."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def ask(
        self, target: str, method: str = "GET", *, fields: Fields = (), body: bytes = b"", keep: bool = False
    ) -> Answer:
        """One request on this connection, and its answer."""
        self.send(request(target, method, fields=fields, body=body, keep=keep))
        return self.answer(method)

    def send_request(self, target: str, *, version: str = "HTTP/1.1") -> None:
        """Ask, and leave the answer for later."""
        self.send(request(target, version=version))

    def shut(self) -> None:
        """Say that nothing more will be sent."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the server has closed
            pass

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, interim ones left out."""
        head = self.head()
        while 100 <= head.status < 200:
            head = self.head()
        return self.rest(head, method)

    def head(self) -> Answer:
        """The next head, final or interim."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                raise Cut(f"the connection ended within the head: {bytes(self.buffer)!r}")
        raw, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer[:] = rest
        first, *lines = raw.decode("latin-1").split("\r\n")
        version, status, reason = (first + "  ").split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), f"no status line: {first!r}"
        return Answer(version, int(status), reason.strip(), [header(line) for line in lines])

    def rest(self, head: Answer, method: str) -> Answer:
        """The head's answer with its body, read to where its framing puts the end."""
        framing = framed(head, method)
        try:
            if framing == "chunked":
                body, whole = self.chunked()
            elif framing == "length":
                body = self.exactly(int(head.get("Content-Length")))
                whole = len(body) == int(head.get("Content-Length"))
            elif framing == "close":
                while self.more():
                    pass
                body, whole = bytes(self.buffer), True
                self.buffer.clear()
            else:
                body, whole = b"", True
        except ConnectionResetError:
            body, whole = bytes(self.buffer), False
        return Answer(head.version, head.status, head.reason, head.headers, body, whole, framing)

    def exactly(self, size: int) -> bytes:
        """That many bytes, or those that came before the end."""
        while len(self.buffer) < size and self.more():
            pass
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def chunked(self) -> tuple[bytes, bool]:
        """A chunked body, and whether its last chunk came."""
        body = bytearray()
        while True:
            chunk = self.chunk()
            if chunk is None:
                return bytes(body), False
            if not chunk:
                return bytes(body), True
            body += chunk

    def chunk(self) -> bytes | None:
        """The next chunk; ``b""`` is the last one, None a connection that ended first."""
        line = self.line()
        if line is None:
            return None
        size = int(line.split(b";")[0], 16)
        if size == 0:
            while trailer := self.line():
                pass
            return None if trailer is None else b""
        data = self.exactly(size)
        return data if self.line() == b"" else None

    def line(self) -> bytes | None:
        """The next line without its CRLF, or None if the connection ended before it did."""
        while b"\r\n" not in self.buffer:
            if not self.more():
                return None
        line, _, rest = bytes(self.buffer).partition(b"\r\n")
        self.buffer[:] = rest
        return line

    def first(self, head: Answer) -> bytes:
        """What of the body is here first, without waiting for more."""
        if framed(head, "GET") == "chunked":
            return self.chunk() or b""
        if not self.buffer:
            self.more()
        taken = bytes(self.buffer)
        self.buffer.clear()
        return taken

    def more(self) -> bool:
        """Wait for more bytes; False once the server has closed."""
        piece = self.socket.recv(65536)
        self.buffer += piece
        return bool(piece)

    def ended(self) -> bool:
        """Whether the server closes, or has closed, with nothing more to say."""
        try:
            return not self.buffer and not self.more()
        except ConnectionResetError:
            return True


def header(line: str) -> tuple[str, str]:
    """A header line's name and value."""
    name, colon, value = line.partition(":")
    assert colon, f"no header line: {line!r}"
    assert name == name.strip(), f"white space in a header's name: {line!r}"
    return name, value.strip()


def framed(head: Answer, method: str) -> str:
    """Where RFC 9112 section 6.3 puts the end of the body: "none", "chunked", "length" or "close"."""
    if method == "HEAD" or head.status in (204, 304) or 100 <= head.status < 200:
        return "none"
    if coding := head.get("Transfer-Encoding"):
        assert coding.lower() == "chunked", f"Transfer-Encoding: {coding}"
        assert not head.all("Content-Length"), "Content-Length beside Transfer-Encoding"
        return "chunked"
    return "length" if head.get("Content-Length") else "close"


def request(
    target: str,
    method: str = "GET",
    *,
    fields: Fields = (),
    body: bytes = b"",
    keep: bool = False,
    version: str = "HTTP/1.1",
) -> bytes:
    """A request's bytes; Host, Connection and the body's length are added where ``fields`` has none."""
    names = {name.lower() for name, _ in fields}
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in fields)]
    if "host" not in names:
        lines.insert(1, "Host: gateway.example")
    if not keep and "connection" not in names:
        lines.append("Connection: close")
    if (body or method in ("POST", "PUT")) and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
