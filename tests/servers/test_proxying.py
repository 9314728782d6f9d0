"""ReverseProxy under real servers, in front of backends that count."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.certificates import certificate, trusted
from tests.forwarding.backends.process import BackendProcess
from tests.forwarding.gateway.servers import uwsgi
from tests.servers.launch import PROGRAMS, SERVERS, awaited, command, free_port, listening, stop
from wsgikit.testing import ScriptedUpstream, cues
from wsgikit.testing.peer import Peer

FOLDER = Path(__file__).with_name("proxying")
LONG_BODIES = Path(__file__).parents[1] / "forwarding" / "backends" / "bodies.py"

Started = Callable[..., int]


@pytest.fixture
def started(tmp_path: Path, program: Callable[[str, str], str]) -> Iterator[Started]:
    """``started("uwsgi", {"/": url})``: starts a server with a proxy for each path, and gives its port."""
    with ExitStack() as stack:

        def start(name: str, upstreams: dict[str, str], *options: str) -> int:
            if name in PROGRAMS:
                program(name, PROGRAMS[name])
            return stack.enter_context(server(name, tmp_path, upstreams, *options))

        yield start


@contextmanager
def server(name: str, folder: Path, upstreams: dict[str, str], *options: str) -> Iterator[int]:
    port, output = free_port(), folder / f"{name}.out"
    environ = {**os.environ, "UPSTREAMS": json.dumps(upstreams), "AUTHORITY": trusted(folder)}
    with output.open("wb") as written:
        process = subprocess.Popen(
            [*command(name, port), *options],
            cwd=FOLDER,
            env=environ,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        awaited(lambda: listening(port, process, output), f"{name} on port {port}")
        yield port
    finally:
        if name == "uwsgi":  # a SIGTERM that comes before its last worker is there is lost
            os.killpg(process.pid, signal.SIGKILL)
        stop(process)


def test_thousands_of_requests_under_gunicorn_leave_no_connection_open(tmp_path: Path) -> None:
    clients, each = 16, 200
    threads = ("--workers", "2", "--threads", "8")
    with BackendProcess() as backend:
        with server("gunicorn-gthread", tmp_path, {"/": backend.url}, *threads) as port:
            answers = [0] * clients

            def send(client: int) -> None:
                with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
                    answers[client] = answered(sock, each)

            running = [threading.Thread(target=send, args=(client,)) for client in range(clients)]
            for thread in running:
                thread.start()
            for thread in running:
                thread.join()
            counts = backend.counts()
        assert answers == [each] * clients
        assert counts.requests == clients * each
        assert counts.connections <= 16, "no more than there are threads"
        assert backend.counts(once_open_are=0).open == 0


def answered(sock: socket.socket, requests: int) -> int:
    """How many of so many requests on one connection were answered 200; each answer is short, and has a length."""
    good = 0
    with sock.makefile("rb") as answer:
        for _ in range(requests):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: site.example\r\n\r\n")
            good += answer.readline().startswith(b"HTTP/1.1 200 ")
            length = 0
            while (line := answer.readline().lower()) not in (b"\r\n", b""):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            answer.read(length)
    return good


HINT = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n"
    b"Connection: X-Between-Us\r\nX-Between-Us: 1\r\nKeep-Alive: timeout=5\r\n\r\n"
)


@pytest.mark.parametrize("name", ["gunicorn-sync", "gunicorn-gthread"])
def test_early_hints_reach_the_client_without_what_belongs_to_one_connection(
    started: Started, name: str
) -> None:
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_body()
        peer.send(HINT, go_on)
        cues.answer(body=b"done")(peer)

    with ScriptedUpstream(script) as upstream:
        port = started(name, {"/": upstream.url})
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock, sock.makefile("rb") as answer:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n")
            hint = [answer.readline() for _ in range(3)]
            go_on.set()
            rest = answer.read()
    assert hint == [b"HTTP/1.1 103 Early Hints\r\n", b"Link: </style.css>; rel=preload\r\n", b"\r\n"]
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert rest.endswith(b"\r\n\r\ndone")


def test_a_server_that_cannot_pass_early_hints_gets_none(started: Started) -> None:
    with ScriptedUpstream(cues.raw(HINT, cues.OK)) as upstream:
        port = started("waitress", {"/": upstream.url})
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock, sock.makefile("rb") as answer:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n")
            got = answer.read()
    assert got.startswith(b"HTTP/1.1 200 ")
    assert b" 103 " not in got
    assert b"Link" not in got


@pytest.mark.parametrize("name", ["gunicorn-sync", "gunicorn-gthread", "waitress", "uwsgi"])
def test_a_client_that_leaves_in_a_download_ends_the_connection_to_the_backend(
    started: Started, name: str
) -> None:
    with BackendProcess() as backend:
        port = started(name, {"/": backend.url})
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(b"GET /length/1099511627776 HTTP/1.1\r\nHost: site.example\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.")
            sock.recv(65536)
            assert backend.counts().open == 1
        assert backend.counts(once_open_are=0).open == 0


@pytest.mark.parametrize("name", ["gunicorn-sync", "gunicorn-gthread", "uwsgi"])
def test_so_does_one_that_leaves_in_an_upload(started: Started, name: str) -> None:
    """Waitress is not among them: it reads a request to its end before it calls an app."""
    with BackendProcess() as backend:
        port = started(name, {"/": backend.url})
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(b"POST / HTTP/1.1\r\nHost: site.example\r\nContent-Length: 1000000000\r\n\r\n")
            sock.sendall(bytes(1 << 20))
            awaited(lambda: "yes" if backend.counts().requests else "", "request at the backend")
        assert backend.counts(once_open_are=0).open == 0


@pytest.mark.parametrize("name", SERVERS)
def test_a_drip_arrives_piece_by_piece(started: Started, name: str) -> None:
    go_on = threading.Event()
    with ScriptedUpstream(cues.answer(body=[b"first", go_on, b"second"], framing="chunked")) as upstream:
        port = started(name, {"/": upstream.url})
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\nHost: site.example\r\n\r\n")
            got = b""
            while b"first" not in got:
                got += sock.recv(65536)
            assert b"second" not in got
            go_on.set()
            assert to_the_end(sock).endswith(b"second")


BROKEN_OFF = {"length": cues.short_body(b"begun", length=100), "chunked": cues.short_chunked(b"begun")}

# What ends a body by closing cannot show that it was too early.
SHOWS = {
    "gunicorn-sync": ("length", "chunked"),
    "gunicorn-gthread": ("length", "chunked"),
    "waitress": ("length", "chunked"),
    "wsgiref": ("length",),
    "uwsgi": ("length",),
}


@pytest.mark.parametrize(("name", "framing"), [(name, how) for name in SHOWS for how in SHOWS[name]])
def test_an_answer_that_breaks_off_is_seen_to_break_off(started: Started, name: str, framing: str) -> None:
    with ScriptedUpstream(BROKEN_OFF[framing]) as upstream:
        port = started(name, {"/": upstream.url})
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n")
            head, _, body = to_the_end(sock).partition(b"\r\n\r\n")
    if framing == "length":
        assert b"content-length: 100" in head.lower()
        assert len(body) < 100
    else:
        assert b"transfer-encoding: chunked" in head.lower()
        assert not body.endswith(b"0\r\n\r\n")


def to_the_end(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize("name", ["gunicorn-gthread", "uwsgi"])
def test_every_protocol_is_spoken_under_a_real_server(
    started: Started, name: str, tmp_path: Path, program: Callable[[str, str], str]
) -> None:
    shown = tmp_path / "backend.pem"
    certificate().private_key_and_cert_chain_pem.write_to_path(str(shown))
    with (
        uwsgi(program("uwsgi", "pyuwsgi"), tmp_path, app=("--wsgi-file", str(LONG_BODIES))) as gateways,
        BackendProcess() as plain,
        BackendProcess(certificate=shown) as secure,
    ):
        urls = {**gateways, "http": plain.url, "https": secure.url}
        port = started(name, {f"/{scheme}": url for scheme, url in urls.items()})
        for scheme in urls:
            assert (scheme, *ask(port, "GET", f"/{scheme}/length/1048576")) == (scheme, 200, bytes(1 << 20))
            assert (scheme, *ask(port, "POST", f"/{scheme}/", bytes(300_000))) == (scheme, 200, b"300000")


def ask(port: int, method: str, path: str, body: bytes | Iterator[bytes] | None = None) -> tuple[int, bytes]:
    """Status and body of the answer; a body that is an iterator goes in chunks."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request(method, path, body, encode_chunked=True)
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


CHUNKED = {"gunicorn-gthread": 200, "waitress": 200, "uwsgi": 411}


@pytest.mark.parametrize("name", CHUNKED)
def test_a_chunked_body_comes_through_or_is_refused_by_name(started: Started, name: str) -> None:
    """uWSGI's http-socket hands chunks over undecoded: better no answer from the backend than half a body to it."""
    with BackendProcess() as backend:
        port = started(name, {"/": backend.url})
        status, body = ask(port, "POST", "/", iter([bytes(100_000)] * 3))
        assert status == CHUNKED[name]
        if status == 200:
            assert body == b"300000"
        assert backend.counts().requests == (status == 200)
