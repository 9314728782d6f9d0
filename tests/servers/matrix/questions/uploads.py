"""What a request brings: bodies with a length, in chunks, broken, late and large."""

from __future__ import annotations

import hashlib
import json

from tests.servers.matrix.ask import Ask
from tests.servers.matrix.client import Answer, Cut, request
from tests.servers.matrix.question import question

THEME = "Uploads"

BODY = bytes(range(256)) * 1200  # 300 KiB: more than fits into what lies between client and app
LINES = b"first\nsecond\nthird"
CHUNKED = (("Transfer-Encoding", "chunked"),)


def digest(body: bytes) -> str:
    """What the app answers that has read ``body``."""
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}"


def chunks(*pieces: bytes) -> bytes:
    """A chunked body."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def refusal_or_cut(ask: Ask, data: bytes) -> Answer | None:
    """The answer to a broken body: a 4xx, or None where the connection was closed without one. Never silence."""
    with ask.connection() as connection:
        connection.send(data)
        connection.shut()
        try:
            answer = connection.answer("POST")
        except (Cut, ConnectionResetError):
            return None
    assert 400 <= answer.status < 500, answer
    return answer


@question(THEME, "upload with length")
def with_length(ask: Ask) -> None:
    """A body with Content-Length arrives whole, read in pieces."""
    answer = ask(ask.promise("upload"), "POST", body=BODY)
    assert (answer.status, answer.text) == (200, digest(BODY))
    assert ask(ask.promise("upload"), "POST").text == digest(b"")
    assert ask(ask.promise("upload")).text == digest(b"")


@question(THEME, "read()")
def read_all(ask: Ask) -> None:
    """read() without a size ends where the body ends, on a connection that stays open, and where there is no body."""
    for method, body in (("POST", BODY), ("POST", b""), ("GET", b"")):
        with ask.connection() as connection:
            answer = connection.ask(ask.promise("whole"), method, body=body, keep=True)
            assert (answer.status, answer.text) == (200, digest(body))


@question(THEME, "read by lines")
def by_lines(ask: Ask) -> None:
    """readline(size), readline() and iteration give the body's lines."""
    answer = ask(ask.promise("lines"), "POST", body=LINES)
    assert json.loads(answer.body) == ["fir", "st\n", "second\n", "third", ""]


@question(THEME, "chunked upload")
def chunked(ask: Ask) -> None:
    """A chunked body arrives whole and decoded."""
    body = chunks(BODY[:1], BODY[1:70000], BODY[70000:])
    answer = ask(ask.promise("upload"), "POST", fields=CHUNKED, body=body)
    assert (answer.status, answer.text) == (200, digest(BODY))
    answer = ask(ask.promise("whole"), "POST", fields=CHUNKED, body=chunks(b"hello"))
    assert (answer.status, answer.text) == (200, digest(b"hello"))


@question(THEME, "chunk extensions")
def extensions(ask: Ask) -> None:
    """Chunk extensions and trailers are read over (RFC 9112 section 7.1)."""
    body = b"5;a=b\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n"
    answer = ask(ask.promise("whole"), "POST", fields=CHUNKED, body=body)
    assert (answer.status, answer.text) == (200, digest(b"hello"))


@question(THEME, "body cut short")
def cut_short(ask: Ask) -> None:
    """A body shorter than its length, and a length that is no number, are a 4xx or a cut: half is not whole."""
    for page in ("upload", "whole"):
        refusal_or_cut(
            ask, request(ask.promise(page), "POST", fields=(("Content-Length", "100"),), body=b"hello")
        )
    refusal_or_cut(
        ask, request(ask.promise("upload"), "POST", fields=(("Content-Length", "+5"),), body=b"hello")
    )
    assert ask(ask.promise("upload"), "POST", body=LINES).text == digest(LINES)


@question(THEME, "malformed chunks")
def malformed_chunks(ask: Ask) -> None:
    """The same for chunks that are malformed, and for a chunked body without its last chunk."""
    for page in ("upload", "whole"):
        for body in (b"5\r\nhello\r\nxyz\r\nhello\r\n0\r\n\r\n", b"ffff\r\nhello", b"5\r\nhello\r\n"):
            refusal_or_cut(ask, request(ask.promise(page), "POST", fields=CHUNKED, body=body))
    assert ask(ask.promise("upload"), "POST", body=LINES).text == digest(LINES)


@question(THEME, "Expect")
def expect(ask: Ask) -> None:
    """A client that waits for 100 (Continue) is told to go on, or gets its answer."""
    fields = (("Expect", "100-continue"), ("Content-Length", str(len(LINES))))
    with ask.connection() as connection:
        connection.socket.settimeout(6)  # what HTTP lets no server do is to say nothing
        connection.send(request(ask.promise("upload"), "POST", fields=fields))
        head = connection.head()
        if head.status == 100:
            connection.send(LINES)
        while head.status < 200:
            head = connection.head()
        answer = connection.rest(head, "POST")
    assert (answer.status, answer.text) == (200, digest(LINES))


@question(THEME, "body left unread")
def left_unread(ask: Ask) -> None:
    """An app that leaves the body unread is answered for, and the next request on the connection is not made of it."""
    with ask.connection() as connection:
        answer = connection.ask(ask.promise("unread"), "POST", body=LINES * 100, keep=True)
        assert (answer.status, answer.text) == (200, "not read")
        if not answer.keeps:
            return
        try:
            again = connection.ask(ask.promise("page"))
        except (Cut, ConnectionResetError):
            return  # it may close
        assert (again.status, again.text) == (200, "hello")


@question(THEME, "413, 429, 431")
def limits(ask: Ask) -> None:
    """Bodies, rates and headers beyond the gateway's limits are answered 413, 429 and 431."""
    assert ask("/limited/body/upload", "POST", body=b"x" * 1024).text == digest(b"x" * 1024)
    assert ask("/limited/body/upload", "POST", body=b"x" * 1025).status == 413
    assert (
        ask("/limited/body/upload", "POST", fields=CHUNKED, body=chunks(b"x" * 600, b"x" * 600)).status == 413
    )
    assert ask("/", fields=(("X-Large", "x" * 2000),)).status == 200
    assert ask("/", fields=(("X-Large", "x" * 2100),)).status == 431
    word = ask.word()
    assert [ask(f"/limited/rate/?{word}").status for _ in range(3)] == [200, 200, 429]
    assert ask("/limited/busy/").status == 200
