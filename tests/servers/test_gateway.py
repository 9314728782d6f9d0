"""The example gateway, unchanged, under real servers: each is asked the same questions over real sockets."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.servers.launch import PROGRAMS, SERVERS, Running, backend, free_port, server

MIB = 1024 * 1024
FLAT = 8 * 1024  # KiB that a process may grow by while 20 MB pass through it


@pytest.fixture(scope="module", params=SERVERS)
def gateway(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    program: Callable[[str, str], str],
) -> Iterator[Running]:
    need(request.param, program)
    with backend() as url, server(request.param, tmp_path_factory.mktemp("gateway"), backend=url) as running:
        yield running


def need(name: str, program: Callable[[str, str], str]) -> None:
    """Skip, by name, a server that is not on this machine."""
    if name in PROGRAMS:
        program(name, PROGRAMS[name])


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(running: Running, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "The gateway"),
        ("/hello/J%C3%B6rg", "Hello, Jörg!"),
        ("/flask/", "<h1>Flask</h1>"),
        ("/django/", "<h1>Django</h1>"),
        ("/bottle/", "<h1>Bottle</h1>"),
        ("/remote/", "The backend, process"),
    ],
)
def test_pages_of_every_app(gateway: Running, path: str, text: str) -> None:
    answer = ask(gateway, "GET", path)
    assert answer.status == 200
    assert text in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"]


def test_links_hold_the_mount(gateway: Running) -> None:
    assert "action='/flask/greet'" in ask(gateway, "GET", "/flask/").text
    assert "href='/django/client'" in ask(gateway, "GET", "/django/").text
    assert "href='/bottle/ticks'" in ask(gateway, "GET", "/bottle/").text


def test_what_is_not_there_is_404(gateway: Running) -> None:
    for path in ("/nothing", "/flask/nothing", "/django/nothing", "/bottle/nothing", "/remote/nothing"):
        assert ask(gateway, "GET", path).status == 404


def test_the_mount_itself_is_redirected_to_its_slash(gateway: Running) -> None:
    answer = ask(gateway, "GET", "/flask?a=1")
    assert answer.status == 308
    assert answer.headers["Location"].endswith("/flask/?a=1")


def test_cookies_come_back_within_their_mount(gateway: Running) -> None:
    first = ask(gateway, "GET", "/flask/")
    cookie = first.headers["Set-Cookie"]
    assert "Path=/flask" in cookie
    again = ask(gateway, "GET", "/flask/", Cookie=cookie.split(";")[0])
    assert "Visit 2." in again.text


def test_a_form_is_posted(gateway: Running) -> None:
    form = urlencode({"name": "Ada"}).encode()
    answer = ask(gateway, "POST", "/flask/greet", form, Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 200
    assert '"hello":"Ada"' in answer.text.replace(" ", "")


def test_20_mb_go_up_through_the_proxy_with_flat_memory(gateway: Running) -> None:
    block = b"\x00\x01\x02wsgikit" * 6554
    body = (block * (20 * MIB // len(block) + 1))[: 20 * MIB]
    ask(gateway, "POST", "/remote/upload", b"warm")
    before = gateway.peak_memory()
    answer = ask(gateway, "POST", "/remote/upload", body)
    assert answer.text == f"{len(body)} {hashlib.sha256(body).hexdigest()}\n"
    assert gateway.peak_memory() - before < FLAT


def test_20_mb_come_down_through_the_proxy_with_flat_memory(gateway: Running) -> None:
    ask(gateway, "GET", "/remote/")
    before = gateway.peak_memory()
    answer = ask(gateway, "GET", "/remote/download")
    assert answer.headers["Content-Length"] == str(20 * MIB)
    assert len(answer.body) == 20 * MIB
    assert answer.body[:16] == b"0123456789abcdef" == answer.body[-16:]
    assert gateway.peak_memory() - before < FLAT


def test_a_slow_generator_arrives_chunk_by_chunk(gateway: Running) -> None:
    """Each line says when it was made, on the clock of this machine: the first is here before the last is made."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as connection:
        connection.sendall(b"GET /bottle/ticks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        first_here = 0.0
        while piece := connection.recv(65536):
            received += piece
            if not first_here and any(is_tick(line) for line in received.splitlines()):
                first_here = time.monotonic()
    ticks = [float(line) for line in received.splitlines() if is_tick(line)]
    assert len(ticks) == 5
    assert first_here < ticks[-1]


def is_tick(line: bytes) -> bool:
    whole, dot, fraction = line.partition(b".")
    return whole.isdigit() and dot == b"." and fraction.isdigit() and len(fraction) == 6


def test_head_has_the_headers_and_no_body(gateway: Running) -> None:
    for path in ("/", "/flask/", "/django/", "/bottle/", "/remote/"):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as connection:
            connection.sendall(f"HEAD {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
            raw = b""
            while piece := connection.recv(65536):
                raw += piece
        head, _, body = raw.partition(b"\r\n\r\n")
        assert head.split(b" ", 2)[1] == b"200"
        assert body == b""


def test_text_is_compressed_for_who_takes_it(gateway: Running) -> None:
    plain = ask(gateway, "GET", "/django/")
    packed = ask(gateway, "GET", "/django/", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Content-Encoding" not in plain.headers


def test_the_log_has_the_client_that_a_trusted_proxy_names(gateway: Running) -> None:
    ask(gateway, "GET", "/hello/named-client", X_Forwarded_For="203.0.113.9")
    assert gateway.log_line("/hello/named-client").startswith("203.0.113.9 ")


def test_the_log_and_the_app_do_not_have_a_forged_one(gateway: Running) -> None:
    """A client wrote 198.51.100.66 itself; the trusted proxy in front appended what it saw."""
    answer = ask(gateway, "GET", "/django/client?forged", X_Forwarded_For="198.51.100.66, 203.0.113.9")
    assert answer.text.split()[1] == "203.0.113.9"
    line = gateway.log_line("/django/client?forged")
    assert line.startswith("203.0.113.9 ")
    assert "198.51.100.66" not in line


def test_the_backend_is_told_the_verified_client(gateway: Running) -> None:
    text = ask(gateway, "GET", "/remote/", X_Forwarded_For="198.51.100.66, 203.0.113.9").text
    assert "HTTP_X_FORWARDED_FOR: 203.0.113.9" in text
    assert "198.51.100.66" not in text
    assert "HTTP_X_FORWARDED_PREFIX: /remote" in text


def test_the_log_line_has_the_real_status_and_size(gateway: Running) -> None:
    answer = ask(gateway, "GET", "/remote/?sized")
    line = gateway.log_line("/remote/?sized")
    assert f'" 200 {len(answer.body)} ' in line


FORBIDDEN = {
    "a NUL in a header": b"GET /remote/?%s HTTP/1.1\r\nHost: x\r\nX-Bad: a\x00b\r\nConnection: close\r\n\r\n",
    "a signed length": b"POST /remote/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\nConnection: close\r\n\r\nbody",
    "two lengths": b"POST /remote/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 3\r\n"
    b"Connection: close\r\n\r\nbody",
    "a climb above the mount": b"GET /remote/%%2e%%2e/%%2e%%2e/?%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}


# What a server hides from the app, so that no layer can refuse it.
HIDDEN = {("wsgiref", "two lengths"): "it hands on the first Content-Length alone"}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_http_forbids_is_answered_400(gateway: Running, what: str) -> None:
    if (gateway.name, what) in HIDDEN:
        return  # one length is seen and one is forwarded: the backend reads what the gateway read
    raw = b""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as connection:
        connection.sendall(FORBIDDEN[what] % b"forbidden")
        try:
            while piece := connection.recv(65536):
                raw += piece
        except ConnectionResetError:
            pass  # it was refused with its body unread
    if not raw:
        pytest.fail(f"{gateway.name} closed the connection without an answer")
    assert raw.split(b" ", 2)[1] == b"400"


@pytest.fixture(params=SERVERS)
def orphaned(
    request: pytest.FixtureRequest, tmp_path: Path, program: Callable[[str, str], str]
) -> Iterator[Running]:
    need(request.param, program)
    with server(request.param, tmp_path, backend=f"http://127.0.0.1:{free_port()}") as running:
        yield running


def test_a_backend_that_is_down_is_502_and_the_other_apps_are_unharmed(orphaned: Running) -> None:
    answer = ask(orphaned, "GET", "/remote/?down")
    assert answer.status == 502
    assert "502 Bad Gateway" in answer.text
    assert '" 502 ' in orphaned.log_line("/remote/?down")
    assert ask(orphaned, "GET", "/flask/").status == 200
    assert ask(orphaned, "GET", "/django/").status == 200
