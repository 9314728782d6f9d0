"""Each server with its repairs and without: what is right with them, and which of it was wrong."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.servers.launch import SETUPS, launch
from tests.servers.launch.ports import PATIENCE

APP = Path(__file__).parent / "repairs"
BODY = b"x=1\ny=22\nz"

# The names by which ServerFix knows the set-ups, where they are not the same.
NAMES = {
    "gunicorn-sync": "gunicorn",
    "gunicorn-gthread": "gunicorn",
    "gunicorn-gevent": "gunicorn",
    "uvicorn-a2wsgi": "a2wsgi",
    "nginx-uwsgi": "uwsgi",
    "nginx-fastcgi": "flup",
    "nginx-scgi": "flup-scgi",
    "apache-mod_wsgi": "mod_wsgi",
    "apache-mod_wsgi-embedded": "mod_wsgi",
    "apache-cgi": "cgi",
    "apache-mod_python": "wsgikit.handlers.mod_python",
}


class Answer(NamedTuple):
    status: str
    headers: dict[str, str]
    body: bytes


class Ask:
    """A client of one request at a time, to the app with the repairs or without."""

    def __init__(self, port: int, prefix: str) -> None:
        self._port = port
        self._prefix = prefix

    def __call__(self, path: str, method: str = "GET", *fields: str, body: bytes = b"") -> Answer:
        lines = [
            f"{method} /{self._prefix}/{path} HTTP/1.1",
            "Host: shop.example",
            "Connection: close",
            *fields,
        ]
        with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE) as client:
            client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            raw = b"".join(iter(lambda: client.recv(65536), b""))
        head, _, content = raw.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        if headers.get("transfer-encoding", "").lower() == "chunked" and method != "HEAD":
            content = dechunked(content)
        return Answer(first.partition(" ")[2], headers, content)


def dechunked(framed: bytes) -> bytes:
    parts = []
    while match := re.match(rb"([0-9a-fA-F]+)\r\n", framed):
        size = int(match[1], 16)
        if not size:
            break
        parts.append(framed[match.end() : match.end() + size])
        framed = framed[match.end() + size + 2 :]
    return b"".join(parts)


QUESTIONS: dict[str, Callable[[Ask], None]] = {}


def question(function: Callable[[Ask], None]) -> Callable[[Ask], None]:
    QUESTIONS[function.__name__] = function
    return function


@question
def environ_is_text(ask: Ask) -> None:
    environ = json.loads(ask("show/a?q=1").body)
    wrong = {k: v for k, v in environ.items() if "." not in k and not isinstance(v, str)}
    assert not wrong
    assert (environ["SCRIPT_NAME"], environ["QUERY_STRING"], environ["REMOTE_ADDR"]) == (
        "",
        "q=1",
        "127.0.0.1",
    )
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & environ.keys()
    assert environ.get("CONTENT_TYPE", "x") == "x"


@question
def a_slash_that_is_encoded(ask: Ask) -> None:
    assert json.loads(ask("show/a%2Fb").body)["PATH_INFO"].endswith("/show/a/b")


@question
def bytes_that_are_no_utf8(ask: Ask) -> None:
    assert json.loads(ask("show/%E9").body)["PATH_INFO"].endswith("/show/\xe9")


@question
def a_forged_field(ask: Ask) -> None:
    answer = ask("show", "GET", "X-Real-IP: 10.0.0.1", "X_Real_IP: 6.6.6.6")
    assert json.loads(answer.body)["HTTP_X_REAL_IP"] == "10.0.0.1"


@question
def a_folded_field(ask: Ask) -> None:
    answer = ask("show", "GET", "X-Folded: one\r\n two")
    refused = answer.status.startswith("400")  # RFC 9112 section 5.2 has both
    assert refused or json.loads(answer.body)["HTTP_X_FOLDED"].split() == ["one", "two"]
    assert refused or "\n" not in json.loads(answer.body)["HTTP_X_FOLDED"]


@question
def a_claimed_scheme(ask: Ask) -> None:
    assert json.loads(ask("show", "GET", "X-Forwarded-Proto: https").body)["wsgi.url_scheme"] == "http"


@question
def the_body_by_lines(ask: Ask) -> None:
    answer = ask("lines", "POST", f"Content-Length: {len(BODY)}", body=BODY)
    assert answer.body == b"x=1|\n|y=22\n|z"


@question
def the_body_in_chunks(ask: Ask) -> None:
    framed = b"4\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (BODY[:4], len(BODY) - 4, BODY[4:])
    assert ask("read", "POST", "Transfer-Encoding: chunked", body=framed).body == BODY


@question
def no_body_at_all(ask: Ask) -> None:
    assert ask("read").status.startswith("200")


@question
def a_length_that_is_none(ask: Ask) -> None:
    assert ask("read", "POST", "Content-Length: +3", body=b"abc").status.startswith("400")


@question
def a_late_head(ask: Ask) -> None:
    answer = ask("late")
    assert (answer.status[:3], answer.headers.get("x-late"), answer.body) == ("201", "yes", b"late")


@question
def a_second_head(ask: Ask) -> None:
    answer = ask("replaced")
    assert (answer.status[:3], answer.headers.get("x-old"), answer.body) == ("503", None, b"new")


@question
def writing(ask: Ask) -> None:
    assert ask("written").body == b"one,two"


@question
def an_error(ask: Ask) -> None:
    assert ask("fails").status.startswith("500")


@question
def head(ask: Ask) -> None:
    answer = ask("page", "HEAD")
    assert (answer.headers.get("content-length"), answer.body) == ("4", b"")


@question
def no_content(ask: Ask) -> None:
    answer = ask("empty")
    assert (answer.status[:3], answer.body) == ("204", b"")


@question
def subclasses_of_str(ask: Ask) -> None:
    assert ask("subclasses").headers.get("x-text") == "yes"


@question
def a_status_without_a_reason(ask: Ask) -> None:
    assert ask("bare_status").body == b"ok"


@question
def a_field_of_the_connection(ask: Ask) -> None:
    answer = ask("connection")
    assert (answer.headers.get("x-a"), answer.headers.get("keep-alive")) == ("1", None)


@question
def an_injected_field(ask: Ask) -> None:
    answer = ask("injected")
    assert answer.status.startswith("500")
    assert "x-injected" not in answer.headers


@question
def more_than_its_length(ask: Ask) -> None:
    assert ask("too_long").body == b"1234"


# What no layer can reach (docs/serverfix.md).
BEYOND = {
    ("a_forged_field", "uwsgi"),
    ("a_forged_field", "granian"),
    ("a_forged_field", "hypercorn"),
    ("a_folded_field", "cheroot"),
    ("a_folded_field", "bjoern"),
    ("bytes_that_are_no_utf8", "hypercorn"),
    ("a_claimed_scheme", "gunicorn-sync"),
    ("a_claimed_scheme", "gunicorn-gthread"),
    ("a_claimed_scheme", "gunicorn-gevent"),
}

# Of those that are right with the repairs, the ones that are not without. Where a server would think for ever, it is
# not asked: wsgiref, Werkzeug, cheroot and flup's SCGI about the body by lines, wsgiref and flup's SCGI about chunks.
NEEDED = {
    "wsgiref": {
        "environ_is_text",
        "a_forged_field",
        "a_folded_field",
        "head",
        "subclasses_of_str",
        "a_status_without_a_reason",
        "a_field_of_the_connection",
        "an_injected_field",
        "more_than_its_length",
    },
    "werkzeug": {
        "environ_is_text",
        "bytes_that_are_no_utf8",
        "head",
        "a_field_of_the_connection",
        "an_injected_field",
        "more_than_its_length",
    },
    "waitress": {
        "a_second_head",
        "head",
        "a_field_of_the_connection",
    },
    "cheroot": {
        "a_slash_that_is_encoded",
        "a_forged_field",
        "a_length_that_is_none",
        "a_second_head",
        "head",
        "a_field_of_the_connection",
        "an_injected_field",
        "more_than_its_length",
    },
    "gunicorn-sync": {
        "a_second_head",
    },
    "gunicorn-gthread": {
        "a_second_head",
    },
    "gunicorn-gevent": {
        "a_second_head",
    },
    "granian": {
        "the_body_by_lines",
        "a_late_head",
        "writing",
        "a_field_of_the_connection",
        "an_injected_field",
    },
    "bjoern": {
        "writing",
        "head",
        "a_field_of_the_connection",
        "an_injected_field",
        "more_than_its_length",
    },
    "hypercorn": {
        "environ_is_text",
        "writing",
        "no_content",
        "a_status_without_a_reason",
        "a_field_of_the_connection",
        "more_than_its_length",
    },
    "uvicorn-a2wsgi": {
        "bytes_that_are_no_utf8",
        "a_forged_field",
        "the_body_by_lines",
        "a_second_head",
        "an_error",
        "a_status_without_a_reason",
        "a_field_of_the_connection",
        "an_injected_field",
        "more_than_its_length",
    },
    "uwsgi": {
        "a_folded_field",
        "a_claimed_scheme",
        "the_body_by_lines",
        "the_body_in_chunks",
        "a_length_that_is_none",
        "a_second_head",
        "an_error",
        "head",
        "a_field_of_the_connection",
        "an_injected_field",
        "more_than_its_length",
    },
    "nginx-uwsgi": {
        "environ_is_text",
        "a_claimed_scheme",
        "the_body_by_lines",
        "a_second_head",
        "an_error",
        "an_injected_field",
    },
    "nginx-fastcgi": {
        "environ_is_text",
        "the_body_by_lines",
        "subclasses_of_str",
        "a_status_without_a_reason",
        "an_injected_field",
    },
    "nginx-scgi": {
        "environ_is_text",
        "subclasses_of_str",
        "a_status_without_a_reason",
        "an_injected_field",
    },
    "apache-mod_wsgi": {
        "a_status_without_a_reason",
        "a_field_of_the_connection",
    },
    "apache-mod_wsgi-embedded": {
        "a_status_without_a_reason",
        "a_field_of_the_connection",
    },
    "apache-cgi": {
        "subclasses_of_str",
        "a_status_without_a_reason",
        "a_field_of_the_connection",
        "an_injected_field",
        "more_than_its_length",
    },
}


@pytest.fixture(scope="module")
def port(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    """The set-up that the parameter names, and where it listens."""
    if reason := SETUPS[request.param].missing():
        pytest.skip(reason)
    with launch(request.param, tmp_path_factory.mktemp(request.param), module_folder=APP) as running:
        yield request.param, running.port


@pytest.mark.parametrize("port", SETUPS, indirect=True)
def test_the_server_is_recognised(port: tuple[str, int]) -> None:
    shown: dict[str, Any] = json.loads(Ask(port[1], "bare")("show").body)
    assert shown["server"] == NAMES.get(port[0], port[0])


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("port", SETUPS, indirect=True)
def test_repaired_it_is_right(port: tuple[str, int], name: str) -> None:
    if (name, port[0]) in BEYOND:
        with pytest.raises(AssertionError):
            QUESTIONS[name](Ask(port[1], "fixed"))
    else:
        QUESTIONS[name](Ask(port[1], "fixed"))


@pytest.mark.parametrize("port", SETUPS, indirect=True)
def test_without_the_repairs_it_is_not(port: tuple[str, int]) -> None:
    """What is right without them now, the server has learned: the repair can go, once nobody has the old one."""
    ask = Ask(port[1], "bare")
    assert [
        name for name in QUESTIONS if name in NEEDED.get(port[0], ()) and answers(QUESTIONS[name], ask)
    ] == []


def answers(question: Callable[[Ask], None], ask: Ask) -> bool:
    """Whether a question is answered rightly."""
    try:
        question(ask)
    except (AssertionError, KeyError, ValueError, OSError):
        return False
    return True
