"""What a protocol has to say for itself: how a request is put into bytes, and how bytes become an answer.

When to send and when to read, how long to wait and when a connection may be used again is ``Connection``'s business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Protocol as Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgikit.forwarding.errors import NoAnswer
    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.transports.answer import AnswerParser
    from wsgikit.forwarding.upstream import Address


class Decoder(Shape):
    """Makes an HTTP answer of what comes, and feeds it to the parser."""

    def feed(self, data: bytes) -> None:
        """Take what has come; what is wrong with it is told by ``parser.fail``."""

    def end(self) -> None:
        """The backend has closed the connection before the answer was whole."""


class Protocol(Shape):
    """How a backend is spoken to."""

    @property
    def keeps(self) -> bool:
        """Whether a connection can be used for more than one request."""

    def prepare(self, request: Request) -> None:
        """Find out what has to be known before a connection is taken. Raises what reading the body raises."""

    def unanswered(self, error: NoAnswer, size: int) -> None:
        """A head of ``size`` bytes was closed without an answer: raise a better error than this one, if there is."""

    def encode(self, request: Request, address: Address, host: str) -> tuple[bytes, Iterator[bytes] | None]:
        """What is sent at once, and what follows block by block. Raises ``NotForwardable``."""

    def decoder(self, parser: AnswerParser, address: Address) -> Decoder:
        """What reads the next answer; the parser itself where the bytes are HTTP."""
