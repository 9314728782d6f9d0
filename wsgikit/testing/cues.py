"""What a `ScriptedUpstream` does with a request: steps to build a script from.

A step is a function of the `Peer`, the upstream's end of a connection; each cue here builds one. Bodies and raw
answers are made of pieces: bytes are sent at once, a `threading.Event` among them is waited for, so that
a test says when the answer goes on, and nobody sleeps.

``reads`` says how much of the request is read before the answer begins: ``"all"``, ``"head"`` (the body is read
after the answer) or ``"none"``. ``then`` says what happens to the connection: ``"keep"``, ``"close"``, ``"reset"``
(RST), ``"linger"`` (closed for writing, read until the other side has closed), or ``"cut"`` (closed without the
close_notify that ends a TLS connection; without TLS the same as ``"close"``).
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wsgikit.testing.peer import Peer, Piece, Reads

    Step = Callable[[Peer], None]
    Pairs = Iterable[tuple[str, str]]

Framing = Literal["length", "chunked", "close", "none"]
Then = Literal["keep", "close", "reset", "linger", "cut"]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(
    status: int | str = 200,
    headers: Pairs = (),
    body: bytes | Sequence[Piece] = b"",
    *,
    framing: Framing = "length",
    trailers: Pairs = (),
    interim: Iterable[int | tuple[int, Pairs]] = (),
    body_anyway: bool = False,
    reads: Reads = "all",
    expect: Literal["continue", "ignore"] = "continue",
    then: Then = "keep",
) -> Step:
    """Answers as a right server does, within what is asked of it.

    - ``status``: a number, or number and reason.
    - ``body``: bytes, or pieces; a piece is a chunk where ``framing`` is ``"chunked"``.
    - ``framing``: how the body's end is told: ``"length"``, ``"chunked"``, ``"close"``, or ``"none"`` (not at all:
      for heads whose headers say it themselves).
    - ``trailers``: fields after the last chunk.
    - ``interim``: 1xx answers to go first, numbers or (number, headers).
    - ``body_anyway``: sends the body for HEAD, 204 and 304 too, where there must be none.
    - ``expect``: ``"ignore"`` reads the body without ever sending 100 Continue.
    """
    pieces: list[Piece] = [body] if isinstance(body, bytes) else list(body)
    line = _status_line(status)
    code = int(line.split()[1])
    bodiless = (code < 200 or code in (204, 304)) and not body_anyway
    head = _head(line, headers if bodiless else [*headers, *_framing_headers(framing, pieces)])
    message = _chunked(pieces, trailers) if framing == "chunked" else pieces
    first = _interim_heads(interim)

    def step(peer: Peer) -> None:
        if reads == "all":
            peer.read_body(send_continue=expect == "continue")
        peer.read(reads)
        if first:
            peer.send(first)
        peer.send(head)
        if not bodiless and (body_anyway or not _asked_by_head(peer)):
            peer.send(*message)
        _finish(peer, "close" if framing == "close" and then == "keep" else then)

    return step


def raw(*pieces: Piece, reads: Reads = "all", then: Then = "close") -> Step:
    """Sends these bytes, whatever they are."""

    def step(peer: Peer) -> None:
        peer.read(reads)
        peer.send(*pieces)
        _finish(peer, then)

    return step


def echo(peer: Peer) -> None:
    """Answers with what arrived, as JSON: method, target, version, headers, body (latin-1), connection."""
    request = peer.read_body()
    content = json.dumps(request.as_json()).encode()
    answer(headers=[("Content-Type", "application/json")], body=content)(peer)


def early(status: int | str = 413, body: bytes = b"too much\n", *, then: Then = "linger") -> Step:
    """Answers before the body is read; with ``then="keep"`` the body is read after the answer."""
    return answer(status, body=body, reads="head", then=then)


# ---- no answer


def never_answer(*, reads: Reads = "all") -> Step:
    """Says nothing until the other side leaves."""

    def step(peer: Peer) -> None:
        peer.read(reads)
        peer.wait_for_close()
        peer.close()

    return step


def close(*, reads: Reads = "all") -> Step:
    """Closes before answering."""
    return raw(reads=reads, then="close")


def reset(*, reads: Reads = "all") -> Step:
    """Resets the connection before answering."""
    return raw(reads=reads, then="reset")


def keep_for(requests: int, step: Step | None = None) -> Step:
    """Closes each connection after so many answers, without having said so."""
    inner = step or answer(body=b"ok")

    def limited(peer: Peer) -> None:
        inner(peer)
        if peer.exchanges >= requests:
            peer.close()

    return limited


# ---- no handshake, as `on_connect` of an upstream that speaks TLS

# Of a ServerHello that announces 122 bytes, the first 11.
_HALF_SERVER_HELLO = bytes.fromhex("160303007a 020000760303")


def cut_handshake(*, then: Then = "cut") -> Step:
    """Reads the ClientHello, and ends the connection in the middle of the answer to it."""

    def step(peer: Peer) -> None:
        peer.read_record()
        peer.send(_HALF_SERVER_HELLO)
        _finish(peer, then)

    return step


# ---- bodies cut short


def short_body(body: bytes = b"begun", *, length: int = 100, then: Then = "close") -> Step:
    """Promises ``length`` bytes and ends the connection after ``body``."""
    return answer(headers=[("Content-Length", str(length))], body=body, framing="none", then=then)


def short_chunked(body: bytes = b"begun", *, then: Then = "close") -> Step:
    """Sends a chunk, and ends the connection without the last one."""
    return raw(_head("HTTP/1.1 200 OK", [_CHUNKED]), _chunk(body), then=then)


def short_chunk(body: bytes = b"begun", *, length: int = 100, then: Then = "close") -> Step:
    """Promises a chunk of ``length`` bytes and ends the connection after ``body``."""
    return raw(_head("HTTP/1.1 200 OK", [_CHUNKED]), b"%x\r\n" % length + body, then=then)


# ---- malformed answers, each with a table of the ways it is known to go wrong

STATUS_LINES = {
    "no version": b"200 OK",
    "HTTP/0.9": b"<html>hello</html>",
    "letters for a code": b"HTTP/1.1 two OK",
    "two digits": b"HTTP/1.1 20 OK",
    "four digits": b"HTTP/1.1 2000 OK",
    "signed code": b"HTTP/1.1 +20 OK",
    "another protocol": b"ICY 200 OK",
    "empty": b"",
}
FIELDS = {
    "no colon": b"X-Bad",
    "space before the colon": b"X-Bad : 1",
    "no name": b": 1",
    "bad name": b"X(Bad): 1",
    "bare CR": b"X-Bad: 1\rX-Split: 1",
    "NUL": b"X-Bad: 1\x002",
}
LENGTHS = {
    "plus": b"+2",
    "minus": b"-2",
    "underscore": b"0_2",
    "hex": b"0x2",
    "letters": b"two",
    "unequal list": b"2, 3",
    "empty": b"",
}
CHUNK_SIZES = {
    "plus": b"+2",
    "minus": b"-2",
    "underscore": b"0_2",
    "prefix": b"0x2",
    "letters": b"xyz",
    "empty": b"",
    "too large": b"f" * 17,
}
CODINGS = {
    "twice": b"chunked, chunked",
    "two lines": b"chunked\r\nTransfer-Encoding: chunked",
    "unknown": b"unheard-of",
    "chunked not last": b"chunked, gzip",
    "identity": b"identity",
}


def bad_status_line(line: bytes = STATUS_LINES["letters for a code"]) -> Step:
    """Begins the answer with this line."""
    return raw(line + b"\r\nContent-Length: 2\r\n\r\nok")


def bad_field(line: bytes = FIELDS["no colon"]) -> Step:
    """Has this line among the answer's headers."""
    return raw(
        b"HTTP/1.1 200 OK\r\nX-Before: 1\r\n" + line + b"\r\nX-After: 1\r\nContent-Length: 2\r\n\r\nok"
    )


def bad_length(value: bytes = LENGTHS["plus"]) -> Step:
    """Has this Content-Length."""
    return raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + value + b"\r\n\r\nok")


def bad_chunk_size(size: bytes = CHUNK_SIZES["plus"]) -> Step:
    """Has this size before its second chunk; the first is right."""
    return raw(_head("HTTP/1.1 200 OK", [_CHUNKED]), _chunk(b"begun") + size + b"\r\nok\r\n0\r\n\r\n")


def bad_coding(value: bytes = CODINGS["twice"]) -> Step:
    """Has this Transfer-Encoding, and a body framed as one chunked coding."""
    return raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + value + b"\r\n\r\n" + _chunk(b"ok") + b"0\r\n\r\n")


def cut_head(head: bytes = b"HTTP/1.1 200 OK\r\nX-Whole: 1\r\nContent-Le", *, then: Then = "close") -> Step:
    """Ends the connection in the middle of the head."""
    return raw(head, then=then)


# ---- right answers that are hard to take


def interims(count: int = 100, status: int = 102, final: Step | None = None) -> Step:
    """Sends many 1xx answers before the final one."""
    line = _head(_status_line(status), [])
    last = final or answer(body=b"ok")

    def step(peer: Peer) -> None:
        peer.read()
        peer.send(*[line] * count)
        last(peer)

    return step


def drip(message: bytes = OK, *, then: Then = "keep") -> Step:
    """Sends an answer byte by byte, each in a write of its own."""
    return raw(*[message[n : n + 1] for n in range(len(message))], then=then)


def huge_headers(count: int = 1, size: int = 1 << 16) -> Step:
    """Answers with so many headers, each with a value of so many bytes."""
    return answer(headers=[(f"X-Huge-{n}", "h" * size) for n in range(count)], body=b"ok")


def stray_bytes(stray: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray") -> Step:
    """Sends more than the answer, and keeps the connection: what comes after belongs to no request."""
    return raw(OK + stray, then="keep")


def unasked_body(status: int | str = 200, body: bytes = b"there must be none") -> Step:
    """Sends a body with the answer to HEAD, or with 204 and 304, and keeps the connection."""
    return answer(status, body=body, body_anyway=True)


# ---- the parts


_CHUNKED = ("Transfer-Encoding", "chunked")


def _status_line(status: int | str) -> str:
    if isinstance(status, str):
        return f"HTTP/1.1 {status}"
    known = {code.value: code.phrase for code in HTTPStatus}
    return f"HTTP/1.1 {status} {known.get(status, 'Unknown')}"


def _interim_heads(interim: Iterable[int | tuple[int, Pairs]]) -> bytes:
    pairs = [one if isinstance(one, tuple) else (one, ()) for one in interim]
    return b"".join(_head(_status_line(status), headers) for status, headers in pairs)


def _asked_by_head(peer: Peer) -> bool:
    return peer.request is not None and peer.request.method == "HEAD"


def _head(status_line: str, headers: Pairs) -> bytes:
    lines = [status_line, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _framing_headers(framing: Framing, pieces: list[Piece]) -> list[tuple[str, str]]:
    if framing == "length":
        return [("Content-Length", str(sum(len(piece) for piece in pieces if isinstance(piece, bytes))))]
    return {"chunked": [_CHUNKED], "close": [("Connection", "close")], "none": []}[framing]


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _chunked(pieces: list[Piece], trailers: Pairs) -> list[Piece]:
    chunks = [_chunk(piece) if isinstance(piece, bytes) else piece for piece in pieces if piece != b""]
    return [*chunks, _head("0", trailers)]


def _finish(peer: Peer, then: Then) -> None:
    if then == "close":
        peer.close()
    elif then == "reset":
        peer.reset()
    elif then == "linger":
        peer.linger()
    elif then == "cut":
        peer.cut()
