"""FastCGI 1.0: a stream of records each way.

A backend tells the end of an answer by END_REQUEST: an answer without it was cut short, whatever its form.

A connection is for one request, as with nginx and Apache unless they are told otherwise: PHP gives a worker to each
connection that is kept, idle or not, and a few processes that keep some each would soon hold all of them.
"""

from __future__ import annotations

import logging
from struct import Struct
from typing import TYPE_CHECKING

from wsgikit.forwarding.errors import Overloaded
from wsgikit.forwarding.transports.cgi import variables
from wsgikit.forwarding.transports.cgi_answer import CGIAnswer
from wsgikit.forwarding.transports.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.transports.answer import AnswerParser
    from wsgikit.forwarding.upstream import Address

MAX_STDERR = 8192
"""Bytes of an answer's error stream that are logged; the rest is dropped."""

_MAX_CONTENT = 32768  # of a record we send: half a block, and no more than 65535
_BEGIN, _END, _PARAMS, _STDIN, _STDOUT, _STDERR = 1, 3, 4, 5, 6, 7
_REQUEST = 1  # on a connection that carries no other
_RECORD = Struct(">BBHHBx")  # version, type, request, size of the content, size of the padding after it
_ENDED = Struct(">IB3x")  # what the app says (0, or an exit status), what the server says
_BEGUN = Struct(">HB5x").pack(1, 0)  # as a responder; and close the connection after the answer
_OVERLOADED = 2

_log = logging.getLogger("wsgikit.forwarding")


class FastCGI(Gateway):
    """A request for each connection, to a backend in the role of responder."""

    def encode(self, request: Request, address: Address, host: str) -> tuple[bytes, Iterator[bytes] | None]:
        """Variables and what is here of the body, in records."""
        own = {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "wsgikit"}
        if address.script:
            folder, _, name = address.script.rpartition("/")
            own |= {
                "SCRIPT_FILENAME": address.script,
                "SCRIPT_NAME": f"/{name}",
                "DOCUMENT_ROOT": folder or "/",
            }
        found = variables(request, address, host, **own)
        head = _records(_BEGIN, _BEGUN) + _records(_PARAMS, params(found)) + _records(_PARAMS, b"")
        if request.body:
            head += _records(_STDIN, request.body)
        if request.more is None:
            return head + _records(_STDIN, b""), None
        return head, _stdin(request.more)

    def decoder(self, parser: AnswerParser, address: Address) -> Records:
        """What reads the records of the answer."""
        return Records(parser, address.path or address.authority)


def params(found: dict[bytes, bytes]) -> bytes:
    """Names and values with their lengths before them."""
    parts: list[bytes] = []
    for name, value in found.items():
        parts += (_length(name), _length(value), name, value)
    return b"".join(parts)


def _length(text: bytes) -> bytes:
    size = len(text)
    return size.to_bytes(1) if size < 128 else (size | 1 << 31).to_bytes(4)


def _stdin(blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        yield _records(_STDIN, block)
    yield _records(_STDIN, b"")


def _records(kind: int, content: bytes) -> bytes:
    """As many records as the content needs; one for none, which ends a stream."""
    parts: list[bytes] = []
    for start in range(0, len(content) or 1, _MAX_CONTENT):
        piece = content[start : start + _MAX_CONTENT]
        parts += (_RECORD.pack(1, kind, _REQUEST, len(piece), 0), piece)
    return b"".join(parts)


class Records:
    """The records of an answer: what is in them goes to ``parser``, or to the log."""

    __slots__ = ("_answer", "_backend", "_held", "_loggable", "_parser")

    def __init__(self, parser: AnswerParser, backend: str) -> None:
        self._parser = parser
        self._backend = backend
        self._answer = CGIAnswer(parser, chunked=True)
        self._held = bytearray()
        self._loggable = MAX_STDERR

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        self._held += data
        while self._parser.fault is None and self._take_record():
            pass

    def end(self) -> None:
        """The backend has closed the connection without END_REQUEST."""
        self._parser.fail("the connection ended before the answer did")

    def _take_record(self) -> bool:
        """Take the first of the records that are here, if it is here whole."""
        held = self._held
        if len(held) < _RECORD.size:
            return False
        version, kind, request, size, padding = _RECORD.unpack_from(held)
        if version != 1:
            self._parser.fail("the answer is not FastCGI 1")
            return False
        end = _RECORD.size + size
        if len(held) < end + padding:
            return False
        content = bytes(held[_RECORD.size : end])
        del held[: end + padding]
        if request == _REQUEST:  # others are to be ignored (section 3.3)
            self._take(kind, content)
        return True

    def _take(self, kind: int, content: bytes) -> None:
        if kind == _END:
            self._end_request(content)
        elif (
            kind == _STDOUT and content
        ):  # without, it is the end of the stream, and END_REQUEST tells of that
            self._answer.feed(content)
        elif kind == _STDERR and content:
            self._log(content)

    def _end_request(self, content: bytes) -> None:
        if len(content) != _ENDED.size:
            self._parser.fail("the answer ends with a record that is none")
            return
        _, status = _ENDED.unpack(content)
        if status == _OVERLOADED and self._parser.silent:
            self._parser.fault = Overloaded("the FastCGI server says that it is overloaded")
        elif status:
            self._parser.fail(f"the FastCGI server ended the request with status {status}")
        else:
            self._answer.end()

    def _log(self, content: bytes) -> None:
        """What scripts complain about; %a escapes what is foreign in it."""
        if self._loggable:
            shown = content[: self._loggable]
            self._loggable -= len(shown)
            cut = "" if len(shown) == len(content) else " (and more)"
            text = shown.decode("utf-8", "replace").rstrip()
            _log.warning("FastCGI at %s, on stderr: %a%s", self._backend, text, cut)
