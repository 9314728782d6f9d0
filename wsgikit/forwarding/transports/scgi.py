"""SCGI: variables in one netstring, then the body as it is; the answer in CGI form ends with the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.forwarding.transports.cgi import variables
from wsgikit.forwarding.transports.cgi_answer import CGIAnswer
from wsgikit.forwarding.transports.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.transports.answer import AnswerParser
    from wsgikit.forwarding.upstream import Address


class SCGI(Gateway):
    """A request for each connection."""

    def encode(self, request: Request, address: Address, host: str) -> tuple[bytes, Iterator[bytes] | None]:
        """Variables and what is here of the body."""
        return netstring(variables(request, address, host, SCGI="1")) + request.body, request.more

    def decoder(self, parser: AnswerParser, address: Address) -> CGIAnswer:
        """What puts the answer into HTTP form."""
        return CGIAnswer(parser)


def netstring(found: dict[bytes, bytes]) -> bytes:
    """The variables as SCGI wants them: the length first, even that of no body."""
    ordered = {b"CONTENT_LENGTH": b"", **found}
    ordered[b"CONTENT_LENGTH"] = found[b"CONTENT_LENGTH"] or b"0"
    block = b"".join(b"%b\0%b\0" % pair for pair in ordered.items())
    return b"%d:%b," % (len(block), block)
