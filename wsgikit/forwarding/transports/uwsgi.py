"""The uwsgi protocol: variables in one block, then the body as it is; the answer is plain HTTP.

A uWSGI server closes the connection after each answer, and without one where a request does not suit it: most often
because the block is larger than its ``buffer-size``.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from wsgikit.forwarding.errors import HeadersTooLarge
from wsgikit.forwarding.transports.cgi import variables
from wsgikit.forwarding.transports.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.transports.answer import AnswerParser
    from wsgikit.forwarding.upstream import Address

MAX_BLOCK = 65535
"""Bytes of the block: its size is told in 16 bits. A server takes 4096 unless its ``buffer-size`` says more."""

_PACKET = Struct("<BHB")  # modifier 1, size of the block, modifier 2: both 0 for a request to an app


class UWSGI(Gateway):
    """A request for each connection."""

    def encode(self, request: Request, address: Address, host: str) -> tuple[bytes, Iterator[bytes] | None]:
        """Variables and what is here of the body. Raises ``HeadersTooLarge`` where they have no room."""
        return packet(variables(request, address, host)) + request.body, request.more

    def decoder(self, parser: AnswerParser, address: Address) -> AnswerParser:
        """The parser itself."""
        return parser


def packet(found: dict[bytes, bytes]) -> bytes:
    """The block of these variables with its head."""
    size = sum(map(len, found)) + sum(map(len, found.values())) + 4 * len(found)
    if size > MAX_BLOCK:
        raise HeadersTooLarge(f"{size} bytes of variables, and the upstream takes {MAX_BLOCK}")
    parts = [_PACKET.pack(0, size, 0)]
    for name, value in found.items():
        parts += (len(name).to_bytes(2, "little"), name, len(value).to_bytes(2, "little"), value)
    return b"".join(parts)
