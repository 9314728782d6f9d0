"""HTTP/1.1 as a backend is asked in it (RFC 9112); answers are read by llhttp as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.forwarding.target import below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgikit.forwarding.errors import NoAnswer
    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.transports.answer import AnswerParser
    from wsgikit.forwarding.upstream import Address


class HTTP1:
    """HTTP/1.1 on connections that are kept."""

    keeps = True

    def prepare(self, request: Request) -> None:
        """Nothing: a body without a length goes in chunks."""

    def unanswered(self, error: NoAnswer, size: int) -> None:
        """Nothing that the error does not say."""

    def encode(self, request: Request, address: Address, host: str) -> tuple[bytes, Iterator[bytes] | None]:
        """Request line, fields, framing, and what is here of the body; a body without a length goes in chunks."""
        line = f"{request.method} {below(address.base, request.target)} HTTP/1.1\r\nHost: {host}\r\n"
        more = request.more
        if request.length is not None:
            framing = b"Content-Length: %d\r\n\r\n" % request.length
        elif more is None:
            framing = b"\r\n"
        else:
            framing, more = b"Transfer-Encoding: chunked\r\n\r\n", _chunks(more)
        return line.encode("latin-1") + request.fields + framing + request.body, more

    def decoder(self, parser: AnswerParser, address: Address) -> AnswerParser:
        """The parser itself."""
        return parser


def _chunks(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Each block as a chunk of its own, then the last chunk (RFC 9112 section 7.1); trailers are not passed on."""
    for block in blocks:
        yield b"%x\r\n%b\r\n" % (len(block), block)
    yield b"0\r\n\r\n"
