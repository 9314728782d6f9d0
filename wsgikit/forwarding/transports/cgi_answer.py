"""Answers in CGI form (RFC 3875 section 6) put into HTTP form, for the one parser that reads all answers.

What is known here is the difference: where the head ends, the Status that is a field, the Location that means 302. All
else goes to llhttp as it is, which is as strict with it as with HTTP.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wsgikit.forwarding.errors import BrokenAnswer
from wsgikit.forwarding.transports.answer import MAX_HEAD

if TYPE_CHECKING:
    from wsgikit.forwarding.transports.answer import AnswerParser

_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(rb"[2-5][0-9]{2}(?: .*)?")


class CGIAnswer:
    """An answer in CGI form, handed on to ``parser`` as it comes.

    Where an answer says no length, its end is that of the connection; with ``chunked`` it is told by ``end``, and the
    parser is given chunks: so it knows the end from a break.
    """

    __slots__ = ("_chunked", "_head", "_parser")

    def __init__(self, parser: AnswerParser, *, chunked: bool = False) -> None:
        self._parser = parser
        self._chunked = chunked
        self._head: bytearray | None = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        if self._head is None:
            self._body(data)
            return
        if not self._head:
            self._parser.feed(b"HTTP/1.1 ")  # there is an answer, whatever becomes of it
        searched = max(len(self._head) - 2, 0)
        self._head += data
        end = _END.search(self._head, searched)
        if end is None and len(self._head) <= MAX_HEAD:
            return
        if end is None or end.end() > MAX_HEAD:
            self._parser.fail(f"more than {MAX_HEAD} bytes of head")
            return
        head, rest = bytes(self._head[: end.start()]), bytes(self._head[end.end() :])
        self._head = None
        self._begin(head)
        self._body(rest)

    def end(self) -> None:
        """The answer is over, as far as the backend is concerned."""
        if self._head is None and self._chunked and not self._parser.complete:
            self._parser.feed(b"0\r\n\r\n")
        elif not self._parser.complete:
            self._parser.end()

    def _begin(self, head: bytes) -> None:
        try:
            found = http_form(head)
        except BrokenAnswer as error:
            self._parser.fail(str(error))
            return
        # Neither with a length nor where there is no body; for HEAD the parser knows that itself.
        self._chunked = self._chunked and not found.delimited
        framing = b"Transfer-Encoding: chunked\r\n\r\n" if self._chunked else b"\r\n"
        self._parser.feed(found.text + framing)

    def _body(self, data: bytes) -> None:
        if not data or self._parser.complete or self._parser.fault is not None:
            return  # a script may write a body for HEAD, 204 or 304; it is for nobody
        self._parser.feed(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)


class HTTPForm(NamedTuple):
    """The head of an answer as HTTP has it, from the status code to the last field."""

    text: bytes
    delimited: bool
    """Whether it says itself where the body ends."""


def http_form(head: bytes) -> HTTPForm:
    """``head`` without its last line end, in HTTP form. Raises ``BrokenAnswer``."""
    status = b""
    default, delimited = b"200 OK", False
    fields = []
    for line in head.split(b"\n"):
        field = line.removesuffix(b"\r")
        name, colon, value = field.partition(b":")
        lower = name.lower()
        if not colon or name[:1] in (b"", b" ", b"\t"):
            raise BrokenAnswer("the head of the answer holds a line that is no field")
        if lower == b"status":
            if status or not _STATUS.fullmatch(status := value.strip(b" \t")):
                raise BrokenAnswer("the answer has a Status that is none, or two")
            continue
        if lower == b"transfer-encoding":
            raise BrokenAnswer("the answer has a transfer coding, and CGI has none")
        if lower == b"location":
            default = b"302 Found"
        elif lower == b"content-length":
            delimited = True
        fields.append(field)
    status = status or default
    bodiless = status.startswith((b"204", b"304"))
    return HTTPForm(b"\r\n".join([status, *fields, b""]), delimited or bodiless)
