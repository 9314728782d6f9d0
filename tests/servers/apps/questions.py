"""What each app in the middle is asked, over HTTP, when it is mounted somewhere under a gateway of ours.

``ask_app`` puts the short list, for a matrix of many servers; ``QUESTIONS`` has all of them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage, HTTPResponse

from tests.servers.apps import APPS, App, pages

PATIENCE = 30.0  # seconds that an answer may take
CLIENT = "203.0.113.9"  # whom the trusted proxy in front, which is the test itself, speaks for
UPLOAD = (
    b"\x00\xff\r\n0\r\n\r\nwsgikit" * 1500
)  # has what framing is made of, and does not fit into one buffer


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Asked:
    """An app under a running server: ``port`` on loopback, mounted ``at`` a path."""

    app: App
    port: int
    at: str
    host: str = "gateway.example"
    extra: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request for a page of the app; a body that is no bytes goes out chunked."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            response = self.send(connection, method, path, body, headers)
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def send(
        self, connection: HTTPConnection, method: str, path: str, body: object, headers: dict[str, str]
    ) -> HTTPResponse:
        sent = {
            "Host": self.host,
            "X-Forwarded-For": f"198.51.100.66, {CLIENT}",  # the first of them the client has made up
            **self.extra,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        connection.request(method, self.at + path, body, sent)  # type: ignore[arg-type]
        return connection.getresponse()


Question = Callable[[Asked], None]
QUESTIONS: dict[str, Question] = {}


def question(ask: Question) -> Question:
    QUESTIONS[ask.__name__] = ask
    return ask


@question
def its_link_holds_the_mount(ask: Asked) -> None:
    answer = ask("GET", "/")
    assert answer.status == 200, answer
    assert f'<title>{ask.app.name}</title><a href="{ask.at}/client">' in answer.text


@question
def its_redirect_holds_the_mount(ask: Asked) -> None:
    answer = ask("GET", "/redirect")
    assert answer.status == 302, answer
    assert answer.headers["Location"] in (f"{ask.at}/client", f"http://{ask.host}{ask.at}/client")


@question
def it_sees_the_client_that_a_trusted_proxy_names(ask: Asked) -> None:
    assert ask("GET", "/client").text == f"{CLIENT} http {ask.host}"


@question
def an_upload_with_length_arrives(ask: Asked) -> None:
    answer = ask("POST", "/echo", UPLOAD)
    assert answer.status == 200, answer
    assert answer.body == UPLOAD


@question
def an_upload_in_chunks_arrives(ask: Asked) -> None:
    if not ask.app.chunked:
        return
    pieces = [UPLOAD[:1], UPLOAD[1:9000], UPLOAD[9000:]]
    answer = ask("POST", "/echo", iter(pieces), Content_Type="application/octet-stream")
    assert answer.status == 200, answer
    assert answer.body == UPLOAD


@question
def its_stream_comes_chunk_by_chunk(ask: Asked) -> None:
    """The app makes the second line when it hears, on a line of its own, that the first has arrived."""
    with socket.create_server(("127.0.0.1", 0)) as reader:
        reader.settimeout(PATIENCE)
        port = reader.getsockname()[1]
        connection = HTTPConnection("127.0.0.1", ask.port, timeout=PATIENCE)
        try:
            response = ask.send(connection, "GET", f"/stream?port={port}", None, {})
            received = response.readline()
            assert received == pages.FIRST
            app, _ = reader.accept()
            with app:
                app.sendall(b"!")
            assert response.read() == pages.LAST
        finally:
            connection.close()


@question
def its_cookie_stays_within_the_mount(ask: Asked) -> None:
    first = ask("GET", "/cookie")
    (cookie,) = first.headers.get_all("Set-Cookie", [])
    pair, *attributes = (part.strip() for part in cookie.split(";"))
    assert pair == f"{pages.COOKIE}={ask.app.name}"
    assert [part for part in attributes if part.lower().startswith("path=")] == [f"Path={ask.at}"]
    assert first.text == "-"
    assert ask("GET", "/cookie", Cookie=pair).text == ask.app.name


@question
def its_file_comes_whole(ask: Asked) -> None:
    answer = ask("GET", "/file")
    assert answer.status == 200, answer
    assert answer.body == pages.FILE.read_bytes()


@question
def a_name_beyond_ascii_arrives(ask: Asked) -> None:
    assert ask("GET", "/unicode/J%C3%B6rg%E2%82%AC").text == "Jörg€"


@question
def head_has_the_headers_and_no_body(ask: Asked) -> None:
    with socket.create_connection(("127.0.0.1", ask.port), timeout=PATIENCE) as connection:
        connection.sendall(f"HEAD {ask.at}/ HTTP/1.0\r\nHost: {ask.host}\r\n\r\n".encode())
        raw = b""
        while piece := connection.recv(65536):
            raw += piece
    head, end, body = raw.partition(b"\r\n\r\n")
    assert (head.split(b" ", 2)[1], end, body) == (b"200", b"\r\n\r\n", b"")
    assert b"\r\ncontent-type: text/html" in head.lower()


@question
def what_it_does_not_have_is_404(ask: Asked) -> None:
    assert ask("GET", "/nothing").status == 404


@question
def its_error_is_a_500_that_tells_nothing(ask: Asked) -> None:
    answer = ask("GET", "/error")
    assert answer.status == 500, answer
    assert answer.body
    assert b"secret" not in answer.body
    assert ask("GET", "/client").status == 200  # and it lives on


SHORT: tuple[Question, ...] = (
    its_link_holds_the_mount,
    its_redirect_holds_the_mount,
    it_sees_the_client_that_a_trusted_proxy_names,
    an_upload_with_length_arrives,
    its_cookie_stays_within_the_mount,
)


def ask_app(
    port: int, name: str, *, at: str, questions: tuple[Question, ...] = SHORT, **options: object
) -> None:
    """Put ``questions`` to the app called ``name``, mounted ``at`` a path behind the gateway on ``port``.

    The gateway has to trust loopback with X-Forwarded-For, and to have ``Mount(cookies="scoped")``.
    ``options`` are Asked's (``host=``, ``extra=`` headers).
    """
    asked = Asked(APPS[name], port, at, **options)  # type: ignore[arg-type]
    for put in questions:
        put(asked)
