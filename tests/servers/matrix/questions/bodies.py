"""The bodies of answers: every byte of the app's, none else, and as they are made."""

from __future__ import annotations

from tests.servers.matrix.ask import FILE, Ask
from tests.servers.matrix.client import Cut
from tests.servers.matrix.question import question

THEME = "Bodies"


@question(THEME, "streaming")
def streaming(ask: Ask) -> None:
    """The first chunk is with the client before the app makes the last."""
    word = ask.word()
    with ask.connection() as connection:
        connection.send_request(ask.promise(f"stream?{word}"))
        head = connection.head()
        assert head.status == 200
        assert connection.first(head) == b"first"
        ask.go(word)
        answer = connection.rest(head, "GET")
    assert (answer.body, answer.whole) == (b"last", True)


@question(THEME, "write()")
def write(ask: Ask) -> None:
    """What goes through write() comes before what is returned."""
    answer = ask(ask.promise("written"))
    assert (answer.status, answer.get("X-Written"), answer.text) == (200, "yes", "one two three")
    assert answer.whole


@question(THEME, "empty body")
def empty(ask: Ask) -> None:
    """A body of no chunks is an answer without bytes, not an error."""
    for page in ("empty", "nothing"):
        answer = ask(ask.promise(page))
        assert (answer.status, answer.body, answer.whole) == (200, b"", True)


@question(THEME, "file")
def file(ask: Ask) -> None:
    """A file handed to the server's wrapper is sent from where it stands, no more and no less."""
    answer = ask(ask.promise("file"))
    assert (answer.status, answer.whole) == (200, True)
    assert answer.body == FILE[10:]
    assert ask("/file").body == FILE


@question(THEME, "too long")
def too_long(ask: Ask) -> None:
    """An app that gives more than its Content-Length: the client has the length, and nothing after it."""
    with ask.connection() as connection:
        answer = connection.ask(ask.promise("long"), keep=True)
        assert (answer.status, answer.body) == (200, b"hello")
        if not answer.keeps:
            return
        try:
            again = connection.ask(ask.promise("page"))
        except (Cut, ConnectionResetError):
            return  # it may close
        assert again.text == "hello"


@question(THEME, "too short")
def too_short(ask: Ask) -> None:
    """An app that gives less than its Content-Length: the client sees that the answer is broken."""
    with ask.connection() as connection:
        try:
            answer = connection.ask(ask.promise("short"), keep=True)
        except Cut:
            return  # Granian may drop the connection with the head still unsent: that is seen as well
    assert not answer.whole


@question(THEME, "HTTP/1.0")
def http_1_0(ask: Ask) -> None:
    """A client of HTTP/1.0 gets no chunks, and the connection's end after the body."""
    for page, body in (("unsized", "hello"), ("page", "hello"), ("written", "one two three")):
        with ask.connection() as connection:
            connection.send_request(ask.promise(page), version="HTTP/1.0")
            answer = connection.answer()
            assert not answer.all("Transfer-Encoding")
            assert connection.ended()
        assert (answer.status, answer.text, answer.whole) == (200, body, True)


@question(THEME, "kept connection")
def kept(ask: Ask) -> None:
    """Where a connection is kept, the second answer on it is the second request's, whatever the first was."""
    for page in ("page", "unsized", "empty", "204", "file"):
        with ask.connection() as connection:
            first = connection.ask(ask.promise(page), keep=True)
            if not first.keeps:
                continue
            try:
                again = connection.ask(ask.promise("bent"))
            except (Cut, ConnectionResetError):
                continue  # a server may close at any time
            assert (again.status, again.text) == (200, "bent")
