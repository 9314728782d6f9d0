"""Who asks: the client that trusted proxies name, the request's id, the line in the log."""

from __future__ import annotations

import json
from typing import Any

from tests.servers.matrix.ask import Ask
from tests.servers.matrix.client import Connection, Fields
from tests.servers.matrix.question import question

THEME = "Clients"

CHAIN = "198.51.100.66, 203.0.113.9"  # the client wrote the first of them itself; the proxy in front saw the second
FORWARDED: Fields = (
    ("X-Forwarded-For", CHAIN),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "public.example"),
)


def environ(ask: Ask, connection: Connection, fields: Fields) -> dict[str, Any]:
    """What an app behind the gateway finds in environ."""
    answer = connection.ask(ask.promise("seen"), fields=fields)
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found


def is_the_clients(found: dict[str, Any]) -> None:
    """The environ is that of the client that the proxy saw."""
    assert found["REMOTE_ADDR"] == "203.0.113.9"
    assert found["wsgi.url_scheme"] == "https"
    assert found["HTTP_HOST"] == "public.example"
    assert found["HTTP_X_FORWARDED_FOR"] == "203.0.113.9"
    assert found["HTTP_X_FROM_RULES"] == "yes"


@question(THEME, "forwarded, TCP")
def by_tcp(ask: Ask) -> None:
    """Behind a trusted proxy the app sees the verified client, scheme and host; without one, its peer."""
    with ask.connection() as connection:
        is_the_clients(environ(ask, connection, FORWARDED))
    with ask.connection() as connection:
        found = environ(ask, connection, ())
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["wsgi.url_scheme"] == "http"
    assert found["HTTP_HOST"] == "gateway.example"


@question(THEME, "forwarded, unix socket")
def by_unix_socket(ask: Ask) -> None:
    """The same where the proxy connects by a unix socket, and has no address that could be looked up."""
    with ask.connection(unix=True) as connection:
        is_the_clients(environ(ask, connection, FORWARDED))


@question(THEME, "forwarded, in two lines")
def in_two_lines(ask: Ask) -> None:
    """X-Forwarded-For sent as two header lines is one list, in order (RFC 9110 section 5.3)."""
    lines = (("X-Forwarded-For", "198.51.100.66"), ("X-Forwarded-For", "203.0.113.9, 127.0.0.1"))
    with ask.connection() as connection:
        found = environ(ask, connection, lines)
    assert found["REMOTE_ADDR"] == "203.0.113.9"
    with ask.connection() as connection:
        found = environ(ask, connection, (lines[0], ("X-Forwarded-For", "127.0.0.1")))
    assert found["REMOTE_ADDR"] == "198.51.100.66"


@question(THEME, "forged with underscores")
def underscore(ask: Ask) -> None:
    """X_Forwarded_For, with underscores, does not pass for the header with hyphens."""
    with ask.connection() as connection:
        found = environ(ask, connection, (("X_Forwarded_For", "198.51.100.66"),))
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    with ask.connection() as connection:
        found = environ(
            ask, connection, (("X-Forwarded-For", "203.0.113.9"), ("X_Forwarded_For", "198.51.100.66"))
        )
    assert found["REMOTE_ADDR"] == "203.0.113.9"


@question(THEME, "request id")
def request_id(ask: Ask) -> None:
    """A trusted peer's request id is echoed and logged; a request without one gets one of its own."""
    answer = ask("/", fields=(("X-Request-Id", "id-of-the-proxy-in-front"),))
    assert answer.get("X-Request-Id") == "id-of-the-proxy-in-front"
    made = ask("/").get("X-Request-Id")
    assert made
    assert made != ask("/").get("X-Request-Id")
    assert ask.log_line(made)


@question(THEME, "access log")
def access_log(ask: Ask) -> None:
    """One line for a request, with the verified client, the real status and the bytes of the body that were sent."""
    word = ask.word()
    answer = ask(f"/files/{word}?a=b", fields=FORWARDED)
    line = ask.log_line(word)
    assert line.startswith("203.0.113.9 "), line
    assert f'"GET /files/{word}?a=b HTTP/1.' in line
    assert f'" 200 {len(answer.body)} {answer.get("X-Request-Id")}\n' in line
    word = ask.word()
    answer = ask(f"/nothing/{word}")
    assert f'" 404 {len(answer.body)} ' in ask.log_line(word)
    word = ask.word()
    with ask.connection() as connection:
        connection.ask(ask.promise(f"stream?{released(ask, word)}"))
    assert '" 200 9 ' in ask.log_line(f"?{word}")


def released(ask: Ask, word: str) -> str:
    """The word, of an app that need not wait for it."""
    ask.go(word)
    return word
