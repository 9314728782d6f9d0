"""One connection to a backend: a request out, its answer in, both at once where the body is long.

An answer may come before the request is out (413, 401, or a stream in lock-step), so a long body is sent with an eye on
the socket. Once the head of the answer is in:

- a refusal (400 and above) ends the upload: the backend will not read it, and may reset the connection;
- with any other answer the upload goes on while the answer is handed to the client piece by piece, as a backend
  may answer first and read on.

A connection is used again only when both messages ended where they said they would, with not a byte beyond.

What is sent and how an answer is read is the protocol's business: HTTP/1.1, uwsgi, SCGI, FastCGI.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from wsgikit.forwarding.errors import NoAnswer, TimedOut
from wsgikit.forwarding.transports.answer import AnswerParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgikit.core.headers import Headers
    from wsgikit.forwarding.inbound import Head
    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.transports.protocol import Decoder, Protocol
    from wsgikit.forwarding.transports.wire import Wire
    from wsgikit.forwarding.upstream import Address

EXPECT_WAIT = 1.0
"""Seconds in which 100 Continue is awaited before the body is sent anyway; many servers never say it."""


class Connection:
    """One connection to a backend, for one request after another: ``exchange``, then ``read`` to the end."""

    __slots__ = (
        "_address",
        "_decoder",
        "_more",
        "_parser",
        "_pending",
        "_protocol",
        "_sending",
        "_wire",
        "idle_since",
        "suspect",
    )

    def __init__(self, wire: Wire, protocol: Protocol, address: Address) -> None:
        self._wire = wire
        self._protocol = protocol
        self._address = address
        self._parser = AnswerParser()
        self._decoder: Decoder = self._parser
        self._more: Iterator[bytes] | None = None
        self._pending = memoryview(b"")
        self._sending = False
        self.idle_since = 0.0
        self.suspect = False
        """Whether the body of an answer that must have none may still be on its way."""

    def __del__(self) -> None:
        # Dropped without close(): by a server that never closes a body, or with a pool whose process was forked.
        self.close()

    def exchange(self, request: Request, host: str, deadline: float | None = None) -> Head:
        """Send the request, asking for ``host``, and give the head of its answer.

        Raises ``NoAnswer`` where the connection ended before the first byte of one, ``BrokenAnswer`` for bytes
        that are no answer, ``TimedOut``, and what reading the request body raises.
        """
        parser, wire = self._parser, self._wire
        head, more = self._protocol.encode(request, self._address, host)
        parser.expect_answer(bodiless=request.method == "HEAD")
        self._decoder = self._protocol.decoder(parser, self._address)
        wire.deadline = deadline
        self._more = more
        self._sending = more is not None
        try:
            wire.send(head)
        except NoAnswer:
            self._sending = False  # there may be an answer all the same: a refusal, and then a reset
        if request.expects:
            self._await_continue()
        try:
            self._await_head(request)
        except NoAnswer as error:
            self._protocol.unanswered(error, len(head) - len(request.body))
            raise
        assert parser.head is not None
        if self._sending and parser.head.status >= "4":
            self._sending = False
        return parser.head

    def read(self) -> bytes:
        """The next piece of the body, as soon as there is one; ``b""`` at its end. A body that breaks off raises."""
        parser = self._parser
        while not parser.chunks:
            if parser.fault is not None:
                raise parser.fault
            if parser.complete and not self._sending:
                return b""
            self._turn()
        return parser.take()

    def whole(self) -> bytes | None:
        """The rest of the body, if nothing is left to wait for: the answer is here, and the request is out."""
        parser = self._parser
        if not parser.complete or self._sending or parser.fault is not None:
            return None
        return parser.take() if parser.chunks else b""

    def settle(self) -> bool:
        """Get ready to be kept, if both messages have ended where they said; whether they have."""
        parser, head = self._parser, self._parser.head
        if not parser.complete or parser.stray or parser.fault is not None or self._more is not None:
            return False
        if head is None or not head.persistent or not self._protocol.keeps:
            return False
        self.suspect = parser.bodiless or head.silenced
        self._wire.at_rest()
        return True

    def stale(self) -> bool:
        """Whether the other side has closed, or has sent what nobody asked for (a 408, say)."""
        return self._wire.readable()

    def close(self) -> None:
        """Close the connection, whatever is under way."""
        self._more = None
        self._wire.close()
        self._parser.close()
        self._decoder = self._parser

    def _turn(self) -> None:
        """Do what can be done next: read, and send where the request is not out yet."""
        if not self._sending:
            self._receive()
            return
        if not self._pending:
            # The client may let us wait for its next block, and an answer may be here already.
            if self._wire.readable():
                self._receive()
                return
            self._next_block()
            return
        try:
            readable, writable = self._wire.wait()
        except TimedOut:
            if not self._parser.complete:
                raise
            self._sending = False  # the answer is whole; what the backend does not take, it does not want
            return
        if readable:
            self._receive()
        if writable and self._sending:
            self._send_block()

    def _next_block(self) -> None:
        """Get the next block of the request body from the client."""
        block = next(self._more, None) if self._more is not None else None
        if block is None:
            self._more, self._sending = None, False
        else:
            self._pending = memoryview(block)

    def _send_block(self) -> None:
        try:
            sent = self._wire.send_some(self._pending)
        except NoAnswer:
            self._sending = False  # an answer may be waiting nevertheless
        else:
            self._pending = self._pending[sent:]

    def _receive(self) -> None:
        """Take what has come. The end of the connection is the end of both messages."""
        parser = self._parser
        try:
            data = self._wire.receive()
        except NoAnswer as error:
            if parser.silent:
                raise
            parser.broke_off(str(error))
            data = b""
        if data:
            self._decoder.feed(data)
            return
        self._sending = False
        if not parser.complete:
            if parser.silent:
                raise NoAnswer("the connection was closed without an answer")
            self._decoder.end()
        parser.stray = True  # closed: not to be used again

    def _await_head(self, request: Request) -> None:
        parser = self._parser
        while parser.head is None:
            if parser.fault is not None:
                raise parser.fault
            if self._sending:
                self._turn()
                request.begun = request.begun or bool(self._pending)
            else:
                self._receive()
            if parser.hints:
                _pass_on(parser.hints, request)

    def _await_continue(self) -> None:
        """Give the backend time to say 100 Continue, or to refuse before the body is sent (RFC 9110 section 10.1.1)."""
        parser, give_up = self._parser, monotonic() + EXPECT_WAIT
        while parser.head is None and parser.fault is None and not parser.interim:
            left = give_up - monotonic()
            if left <= 0 or not self._wire.readable(left):
                return
            self._receive()
        if parser.head is not None and not parser.interim:
            self._sending = False  # a final answer instead: the body is not wanted


def _pass_on(hints: list[Headers], request: Request) -> None:
    """Hand early hints (RFC 8297) to the server, if it has a way to send them."""
    send = request.hints
    while hints:
        fields = hints.pop(0)
        if send is not None:
            try:
                send(fields)
            except Exception:
                send = None  # a client that is gone is noticed soon enough, and a hint is only a hint
