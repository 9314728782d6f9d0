"""What goes wrong: apps that raise, heads withdrawn, clients that leave."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from tests.servers.matrix.ask import Ask, awaited
from tests.servers.matrix.client import Answer
from tests.servers.matrix.gateway.promises import PIECES
from tests.servers.matrix.question import question

THEME = "Errors"


def broken(ask: Ask, page: str) -> Answer:
    """The answer of an app that raises after its first chunk, which the client has by then."""
    word = ask.word()
    with ask.connection() as connection:
        connection.send_request(ask.promise(f"{page}?{word}"))
        head = connection.head()
        assert (head.status, connection.first(head)) == (200, b"begun")
        ask.go(word)
        if head.get("Content-Length"):
            left = connection.exactly(int(head.get("Content-Length")) - len(b"begun"))
            return Answer(head.version, 200, "", head.headers, left, whole=len(left) == 95, framing="length")
        return connection.rest(head, "GET")


@question(THEME, "error before the first byte")
def before(ask: Ask) -> None:
    """An app that raises before its first byte is answered 500 and tells nothing; the next request is served."""
    for page in ("raises", "raises-called", "raises-first"):
        answer = ask(ask.promise(page))
        assert (answer.status, answer.whole) == (500, True)
        assert b"secret" not in answer.body
        answer = ask(f"/caught/{page}")
        assert (answer.status, answer.text) == (500, "<p>Sorry: 500")
    assert ask(ask.promise("page")).text == "hello"


@question(THEME, "error after it, with length")
def after_with_length(ask: Ask) -> None:
    """An app that raises within a body of known length: the client sees that it is cut short."""
    answer = broken(ask, "raises-sized")
    assert not answer.whole
    assert b"secret" not in answer.body


@question(THEME, "error after it, without length")
def after_without_length(ask: Ask) -> None:
    """The same in a body of unknown length: the client sees it there too."""
    answer = broken(ask, "raises-unsized")
    assert b"secret" not in answer.body
    assert b"rror" not in answer.body, "another page after the first bytes"
    assert not answer.whole, "half an answer looks whole"


@question(THEME, "exc_info before the first byte")
def exc_info_before(ask: Ask) -> None:
    """A head withdrawn with exc_info before the first byte leaves nothing of itself."""
    answer = ask(ask.promise("changed"))
    assert (answer.status, answer.get("X-Second"), answer.text) == (503, "yes", "sorry")
    assert not answer.all("X-First")


@question(THEME, "exc_info after it")
def exc_info_after(ask: Ask) -> None:
    """With exc_info after the first byte start_response raises the error again, and the answer is cut."""
    word = ask.word()
    with ask.connection() as connection:
        connection.send_request(ask.promise(f"refused?{word}"))
        head = connection.head()
        ask.go(word)
        answer = connection.rest(head, "GET")
    assert head.status == 200
    assert ask.sign(f"refused-{word}") == "raised again"
    assert not answer.whole or not head.get("Content-Length")


@question(THEME, "close() once")
def close_once(ask: Ask) -> None:
    """The body's close() is called once at its end."""
    word = ask.word()
    assert ask(ask.promise(f"closed?{word}")).text == "hellohello"
    assert ask.sign(f"closed-{word}-1") == "2"
    assert ask(ask.promise("page")).status == 200
    assert not (ask.folder / f"closed-{word}-2").exists()


def leave(ask: Ask) -> str:
    """Ask for more than the connection holds, and leave with a reset after the head; gives the request's word."""
    word = ask.word()
    with ask.connection() as connection:
        connection.send_request(ask.promise(f"endless?{word}"))
        assert connection.head().status == 200
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return word


def asked_for(ask: Ask, word: str) -> int:
    """How many pieces the app was asked for before its body was closed; it must be, or its process be there still."""
    process = Path("/proc", ask.sign(f"pid-{word}"))
    closed = ask.folder / f"closed-{word}-1"
    awaited(lambda: "yes" if closed.exists() or not process.exists() else "", f"close() of {word}")
    assert closed.exists(), "the process has ended without close()"
    return int(closed.read_text())


@question(THEME, "client leaves: close() is called")
def leaves_and_is_closed(ask: Ask) -> None:
    """The body of a client that has left is closed, once."""
    word = leave(ask)
    assert asked_for(ask, word)
    assert ask(ask.promise("page")).status == 200
    assert not (ask.folder / f"closed-{word}-2").exists()


@question(THEME, "client leaves: the app is stopped")
def leaves_and_is_stopped(ask: Ask) -> None:
    """The app is not asked for the rest of what nobody reads."""
    assert asked_for(ask, leave(ask)) < PIECES
