"""The upstream's end of one connection: what the steps of a script read from and write to."""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING, Literal

from wsgikit.testing.received import (
    HEAD_LIMIT,
    Malformed,
    Received,
    chunk_size,
    framing,
    parse_fields,
    parse_head,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

Piece = bytes | threading.Event
Reads = Literal["all", "head", "none"]


class Gone(ConnectionError):
    """The other side has left, or the upstream is being shut down."""


class Insecure(Exception):
    """The handshake failed: the two sides do not trust each other, or what came is no TLS."""


class Peer:
    """One connection. `request` is the one being answered, `exchanges` how many there have been with it."""

    def __init__(self, sock: socket.socket, number: int, seen: Callable[[Received | None], None]) -> None:
        self.number = number
        self.request: Received | None = None
        self.exchanges = 0
        self.closed = False
        self._sock = sock
        self._seen = seen
        self._buffer = bytearray()
        self._answered = False
        self._dropped = False

    # ---- TLS

    def secure(self, context: ssl.SSLContext) -> None:
        """Does the server's side of a TLS handshake; from here on everything goes through TLS."""
        import ssl

        try:
            self._sock = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
            if self._dropped:
                raise Gone("shut down before the handshake")
            self._sock.do_handshake()
        except (ConnectionError, ssl.SSLEOFError) as error:
            raise Gone(str(error)) from error
        except ssl.SSLError as error:
            raise Insecure(f"no TLS handshake: {error.reason}") from error

    def read_record(self) -> bytes:
        """One TLS record as it came, for a step that does a handshake of its own: the first is the ClientHello."""
        header = self._exactly(5)
        return header + self._exactly(int.from_bytes(header[3:]))

    # ---- reading

    def await_request(self) -> bool:
        """Waits for a request's first byte; False when the other side closes instead."""
        if not self._buffer and not self._receive():
            return False
        self.exchanges += 1
        return True

    def read(self, what: Reads = "all") -> None:
        """Reads as much of the request as a step wants to see before it goes on."""
        if what != "none":
            self.read_head()
        if what == "all":
            self.read_body()

    def read_head(self) -> Received:
        """The request, once its head is in; asked again, the same one."""
        if self.request is None:
            self.request = parse_head(self._until(b"\r\n\r\n"), self.number)
            self._seen(self.request)
        return self.request

    def read_body(self, *, send_continue: bool = True) -> Received:
        """The request, once its body is in; answers Expect: 100-continue first, unless told not to."""
        request = self.read_head()
        length = framing(request)
        if request.complete:
            return request
        expects = (request.header("Expect") or "").lower() == "100-continue"
        if expects and send_continue and not self._answered:
            self._transmit(b"HTTP/1.1 100 Continue\r\n\r\n")
        if length is None:
            self._read_chunks(request)
        else:
            self._read_bytes(request, length)
        request.complete = True
        self._seen(None)
        return request

    def _read_chunks(self, request: Received) -> None:
        while size := chunk_size(self._until(b"\r\n").removesuffix(b"\r\n")):
            self._read_bytes(request, size)
            if (end := self._exactly(2)) != b"\r\n":
                raise Malformed(f"a chunk of {size} bytes followed by {end!r}")
        while (line := self._until(b"\r\n")) != b"\r\n":
            request.trailers += parse_fields([line.removesuffix(b"\r\n")])

    def _read_bytes(self, request: Received, left: int) -> None:
        while left:
            if not self._buffer:
                self._need_more()
            piece = self._take(min(left, len(self._buffer)))
            left -= len(piece)
            request.pieces.append(piece)
            self._seen(None)

    def wait_for_close(self) -> None:
        """Reads and forgets until the other side closes."""
        while self._receive():
            self._buffer.clear()

    def _until(self, mark: bytes) -> bytes:
        searched = 0
        while (found := self._buffer.find(mark, max(0, searched - len(mark)))) < 0:
            searched = len(self._buffer)
            if searched > HEAD_LIMIT:
                raise Malformed(f"no {mark!r} in {searched} bytes: {bytes(self._buffer[:200])!r}")
            self._need_more()
        return self._take(found + len(mark))

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._need_more()
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _need_more(self) -> None:
        if not self._receive():
            raise Gone("closed in mid-request")

    def _receive(self) -> bool:
        try:
            data = self._sock.recv(65536)
        except OSError as error:
            raise Gone(str(error)) from error
        self._buffer += data
        return bool(data)

    # ---- writing

    def send(self, *pieces: Piece) -> None:
        """Sends bytes as they are, each piece at once; an event among them is waited for."""
        for piece in pieces:
            if isinstance(piece, threading.Event):
                self.wait(piece)
                continue
            self._answered = True
            self._transmit(piece)

    def _transmit(self, data: bytes) -> None:
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise Gone(str(error)) from error

    def wait(self, event: threading.Event) -> None:
        """Waits for the event, or until the upstream is shut down."""
        while not event.wait(0.02):
            if self._dropped:
                raise Gone("shut down while waiting")

    def refuse(self, reason: str) -> None:
        """Answers 400, if nothing has been answered yet, and closes."""
        if not self._answered:
            body = reason.encode("ascii", "backslashreplace")
            self.send(
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body),
                body,
            )
        self.close()

    # ---- endings

    def end_exchange(self) -> None:
        """Makes ready for the next request: what the step left unread is read, or it would pass for one."""
        if self.closed:
            return
        request = self.read_body(send_continue=False)
        if request.wants_close:
            self.close()
        self.request = None
        self._answered = False

    def linger(self) -> None:
        """Closes for writing, then reads until the other side closes: no reset overtakes the answer (RFC 9112, 9.6)."""
        self._notify()
        plain = socket.socket  # below TLS, if there is any: what still comes is not looked at
        try:
            plain.shutdown(self._sock, socket.SHUT_WR)
            while plain.recv(self._sock, 65536):
                pass
        except OSError as error:
            raise Gone(str(error)) from error
        self.cut()

    def reset(self) -> None:
        """Closes with RST instead of FIN."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.cut()

    def close(self) -> None:
        """Closes at once; over TLS with a close_notify."""
        if not self.closed:
            self._notify()
        self.cut()

    def cut(self) -> None:
        """Closes at once, over TLS without a close_notify."""
        self.closed = True
        self._sock.close()

    def drop(self) -> None:
        """Ends the connection from another thread: whoever reads or waits here is woken."""
        self._dropped = True
        try:
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            pass  # already closed, by either side

    def _notify(self) -> None:
        """Says over TLS that nothing more will be sent, if that can be said without waiting."""
        unwrap = getattr(self._sock, "unwrap", None)
        if unwrap is None:
            return
        self._sock.setblocking(False)
        try:
            unwrap()
        except (OSError, ValueError):
            pass  # sent, and the other side's is not waited for; or there was no handshake
        self._sock.setblocking(True)
