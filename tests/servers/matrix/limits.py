"""Where a server is the cause: cells that no layer can make right, each with the evidence.

The evidence is asked of the bare promises, with no wsgikit in sight: it holds if the server does there what the
footnote says. A cell with a footnote whose question is answered as it should be is an error (see table.py): limits go
as servers get better.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from wsgiref.simple_server import demo_app, make_server

from tests.servers.launch.apache import HTTPD, MODULES
from tests.servers.matrix.ask import Ask
from tests.servers.matrix.client import Fields, request
from tests.servers.matrix.gateway.promises import PIECES
from tests.servers.matrix.questions.failures import broken, leave


@dataclass(frozen=True)
class Limit:
    """A footnote: the questions that these set-ups cannot answer, what they do instead, and what shows it.

    ``sometimes``: the server is in a race with itself there, and wins it now and then.
    """

    questions: tuple[str, ...]
    setups: tuple[str, ...]
    cause: str
    evidence: Callable[[Ask], None]
    sometimes: bool = False


def environ(ask: Ask, fields: Fields = (), target: str = "/seen") -> dict[str, str]:
    """What the server itself puts into environ, as text."""
    found = json.loads(ask(target, fields=fields).body)
    return {key: str(value) for key, value in found.items()}


def underscores_become_hyphens(ask: Ask) -> None:
    """The header with underscores is in environ under the name of the one with hyphens."""
    assert environ(ask, (("X_Forwarded_For", "198.51.100.66"),))["HTTP_X_FORWARDED_FOR"] == "198.51.100.66"


CHUNKED = (("Transfer-Encoding", "chunked"),)
TWO_LINES = (("X-Forwarded-For", "198.51.100.66"), ("X-Forwarded-For", "203.0.113.9"))


def the_last_line_stays(ask: Ask) -> None:
    """Of two header lines with one name environ has the last."""
    assert environ(ask, TWO_LINES)["HTTP_X_FORWARDED_FOR"] == "203.0.113.9"


def lines_are_glued(ask: Ask) -> None:
    """Two header lines with one name are one value without anything between them."""
    assert environ(ask, TWO_LINES)["HTTP_X_FORWARDED_FOR"] == "198.51.100.66203.0.113.9"


def bytes_are_replaced(ask: Ask) -> None:
    """What is no UTF-8 is U+FFFD, whatever it was; the path as it came is nowhere in environ."""
    found = environ(ask, target="/seen/%E9")
    assert found["PATH_INFO"].encode("latin-1") == "/seen/\ufffd".encode()
    assert not any("%E9" in value for value in found.values())


def wsgiref_binds_to_tcp(ask: Ask) -> None:
    """make_server takes a host and a port, and looks the host up."""
    try:
        make_server(str(ask.folder / "socket"), 0, demo_app).server_close()
    except OSError:
        return
    raise AssertionError("wsgiref listens on a unix socket")


def apache_binds_to_tcp(ask: Ask) -> None:
    """Apache takes no path for Listen."""
    conf = ask.folder / "unix.conf"
    conf.write_text(
        f"LoadModule mpm_event_module {MODULES}/mod_mpm_event.so\nListen unix:{ask.folder}/socket\n"
    )
    words = [str(HTTPD), "-t", "-f", str(conf)]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (told.returncode, "Port must be specified" in told.stderr) == (1, True), told.stderr


def apache_answers_itself(ask: Ask) -> None:
    """An app that answers 400 to a body it cannot read, and the client has Apache's own 500."""
    with ask.connection() as connection:
        connection.send(request("/careful", "POST", fields=(("Content-Length", "100"),), body=b"hello"))
        connection.shut()
        answer = connection.answer("POST")
    assert (answer.status, b"Internal Server Error" in answer.body) == (500, True)


def what_is_no_chunk_is_the_end(ask: Ask) -> None:
    """A chunk and then something else are read as that chunk."""
    body = b"5\r\nhello\r\nxyz\r\nhello\r\n0\r\n\r\n"
    assert ask("/chunked-read", "POST", fields=CHUNKED, body=body).text.startswith("5 ")


def cut_chunks_look_whole(ask: Ask) -> None:
    """A chunk without a last chunk after it is read as that chunk."""
    word = ask.word()
    with ask.connection() as connection:
        connection.send(request(f"/upload?{word}", "POST", fields=CHUNKED, body=b"5\r\nhello\r\n"))
        connection.shut()
        assert ask.sign(f"read-{word}") == "5"


def extensions_are_refused(ask: Ask) -> None:
    """chunked_read() raises on a chunk with an extension."""
    answer = ask("/chunked-read", "POST", fields=CHUNKED, body=b"5;a=b\r\nhello\r\n0\r\n\r\n")
    assert answer.text == "OSError"
    answer = ask("/chunked-read", "POST", fields=CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n")
    assert answer.text.startswith("5 ")


def a_last_chunk_after_head(ask: Ask) -> None:
    """HEAD for a body of unknown length is followed by the chunk that ends one."""
    with ask.connection() as connection:
        connection.ask("/nothing", "HEAD")
        connection.more()
        assert bytes(connection.buffer) == b"0\r\n\r\n"


def nobody_says_continue(ask: Ask) -> None:
    """A request that expects 100 (Continue) is answered without it."""
    fields = (("Expect", "100-continue"), ("Content-Length", "5"))
    with ask.connection() as connection:
        connection.send(request("/unread", "POST", fields=fields, body=b"hello"))
        assert connection.head().status == 200


def half_looks_whole(ask: Ask) -> None:
    """A body without a length whose app has raised ends as one that is complete."""
    answer = broken(ask, "raises-unsized")
    assert answer.whole


def runs_to_the_end(ask: Ask) -> None:
    """The app is asked for all of its body though the client has left."""
    assert ask.sign(f"closed-{leave(ask)}-1") == str(PIECES)


NGINX = ("nginx-uwsgi", "nginx-fastcgi", "nginx-scgi")
APACHE = ("apache-mod_wsgi", "apache-mod_wsgi-embedded", "apache-cgi", "apache-mod_python")

LIMITS = (
    Limit(
        ("bytes that are no UTF-8",),
        ("hypercorn",),
        "the server decodes the path as UTF-8, puts U+FFFD in the place of what is none, and hands on neither "
        "the bytes nor the target as it came.",
        bytes_are_replaced,
    ),
    Limit(
        ("forwarded, unix socket",),
        ("wsgiref",),
        "`make_server` binds to a host and a port.",
        wsgiref_binds_to_tcp,
    ),
    Limit(
        ("forwarded, unix socket",),
        APACHE,
        "Apache listens on TCP alone, so that its peers always have an address.",
        apache_binds_to_tcp,
    ),
    Limit(
        ("forwarded, in two lines",),
        ("cheroot",),
        "of two header lines with one name the server hands on the last.",
        the_last_line_stays,
    ),
    Limit(
        ("forwarded, in two lines",),
        ("bjoern",),
        "the server appends the second line to the first with nothing between them: two addresses become one "
        "that is none.",
        lines_are_glued,
    ),
    Limit(
        ("forged with underscores",),
        ("granian", "hypercorn", "uwsgi"),
        "the server turns `X_Forwarded_For` into the very key of `X-Forwarded-For`, and environ does not say "
        "which it was. A proxy in front has to drop names with underscores, as nginx does by itself.",
        underscores_become_hyphens,
    ),
    Limit(
        ("body cut short", "malformed chunks"),
        ("apache-mod_wsgi",),
        "Apache answers 500 itself when it cannot read the body that it hands to the daemon, whatever the app "
        "answers.",
        apache_answers_itself,
    ),
    Limit(
        ("malformed chunks",),
        ("granian", "uwsgi"),
        "what is no chunk is the end of the body, without an error, and nothing tells it from one that is complete.",
        what_is_no_chunk_is_the_end,
    ),
    Limit(
        ("malformed chunks",),
        ("hypercorn",),
        "the body of a client that leaves before its last chunk is complete, as far as the app is told. Whether "
        "there is still an answer is a matter of chance.",
        cut_chunks_look_whole,
        sometimes=True,
    ),
    Limit(
        ("chunk extensions",),
        ("uwsgi",),
        "`uwsgi.chunked_read()`, the only way to a chunked body here, fails on them. The answer is 400.",
        extensions_are_refused,
    ),
    Limit(
        ("Expect",),
        ("wsgiref", "uwsgi"),
        "the server never says 100 (Continue), and a layer that said it would speak into whatever protocol a proxy in "
        "front has taken up. Clients send the body after a while, curl after a second.",
        nobody_says_continue,
    ),
    Limit(
        ("HEAD, no length",),
        ("waitress",),
        "the server takes the answer for a chunked one and sends its last chunk, five bytes, before it closes. "
        "Content-Length helps.",
        a_last_chunk_after_head,
    ),
    Limit(
        ("error after it, without length",),
        ("wsgiref", "bjoern"),
        "a body without a length ends with the connection, and so does one that is broken off. Content-Length helps.",
        half_looks_whole,
    ),
    Limit(
        ("error after it, without length",),
        ("granian",),
        "the server sends the last chunk also when the app has raised. Content-Length helps.",
        half_looks_whole,
    ),
    Limit(
        ("error after it, without length",),
        (*NGINX, "apache-mod_wsgi", "apache-cgi"),
        "between the process that serves the app and the server in front a body ends as it breaks off, and the "
        "server in front sends the last chunk. Content-Length helps.",
        half_looks_whole,
    ),
    Limit(
        ("client leaves: the app is stopped",),
        ("hypercorn", "uvicorn-a2wsgi"),
        "the server takes what the app gives and throws it away. A stream without an end is never stopped: let "
        "it end by itself from time to time.",
        runs_to_the_end,
    ),
)


def limit_of(setup: str, question: str) -> Limit | None:
    """The footnote of a cell, if it has one."""
    return next((limit for limit in LIMITS if question in limit.questions and setup in limit.setups), None)
