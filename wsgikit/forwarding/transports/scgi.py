"""SCGI: variables in one netstring, then the body as it is; the answer in CGI form ends with the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.forwarding.transports.cgi import variables
from wsgikit.forwarding.transports.cgi_answer import CGIAnswer
from wsgikit.forwarding.transports.spool import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgikit.forwarding.outbound import Request
    from wsgikit.forwarding.transports.answer import AnswerParser
    from wsgikit.forwarding.upstream import Address


class SCGI:
    """A request for each connection."""

    keeps = False

    def encode(self, request: Request, address: Address, host: str) -> tuple[bytes, Iterator[bytes] | None]:
        """Variables and what is here of the body."""
        measure(request)
        return netstring(variables(request, address, host)) + request.body, request.more

    def decoder(self, parser: AnswerParser) -> CGIAnswer:
        """What puts the answer into HTTP form."""
        return CGIAnswer(parser)


def netstring(found: dict[bytes, bytes]) -> bytes:
    """The variables as SCGI wants them: the length first, even that of no body, and the word SCGI."""
    first = {b"CONTENT_LENGTH": found[b"CONTENT_LENGTH"] or b"0", b"SCGI": b"1"}
    block = b"".join(b"%b\0%b\0" % pair for pair in ({**first, **found, **first}).items())
    return b"%d:%b," % (len(block), block)
