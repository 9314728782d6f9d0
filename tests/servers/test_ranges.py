"""ConditionalGet, Ranges and ETag around a file, under real servers: each treats its file wrapper in its own way."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.launch import PROGRAMS, SERVERS, awaited, command, free_port, listening, peak, stop

MIB = 1024 * 1024
CONTENT = b"".join(b"%015d\n" % number for number in range(16 * MIB // 16))
HUGE = 96 * MIB
# KiB that a process may grow by while most of that is sent: waitress reads a socket's bufferful.
FLAT = 32 * 1024

APP = """
import os
from wsgikit.core.middleware import Layer, Stack
from wsgikit.responses.conditional.conditionalget import ConditionalGet
from wsgikit.responses.conditional.etag import ETag
from wsgikit.responses.heads.head import Head
from wsgikit.responses.conditional.ranges import Ranges


def files(environ, start_response):
    name, _, how = environ["PATH_INFO"].strip("/").partition("/")
    file = open(name, "rb")
    file.read(1)  # as a look at what kind of file it is: the descriptor then stands at the end of a buffer
    file.seek(0)
    start_response("200 OK", [
        ("Content-Type", "application/octet-stream"),
        ("Content-Length", str(os.fstat(file.fileno()).st_size)),
        ("X-Wrapper", str(environ.get("wsgi.file_wrapper"))),
    ])
    if how == "list":
        return [file.read()]
    if how == "stream":
        return iter(lambda: file.read(10_000), b"")
    return environ["wsgi.file_wrapper"](file, 8192)


application = Stack(
    Layer(Head), Layer(ConditionalGet), Layer(Ranges), Layer(ETag, weak=False, max_size="64KiB")
)(files)
"""

KINDS = ("wrapper", "list", "stream")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranges")
    (folder / "wsgi.py").write_text(APP)
    (folder / "large").write_bytes(CONTENT)
    with open(folder / "huge", "wb") as file:
        file.truncate(HUGE)  # sparse: nothing but a length
    (folder / "small").write_bytes(CONTENT[:20_000])
    return folder


class Server:
    """A server with the app above; each question has a connection of its own."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
            )
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def raw(self, path: str, wanted: str) -> tuple[list[str], bytes]:
        """The lines of the head, and all that is sent after it: a client that counts would not see a byte too many."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: x\r\nRange: {wanted}\r\nConnection: close\r\n\r\n".encode()
            )
            with connection.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        return head.decode("latin-1").split("\r\n"), body

    def peak_memory(self) -> int:
        """The largest resident size, in KiB, of any process so far."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return max(peak(pid) for pid in [self.pid, *map(int, children.split())])


@pytest.fixture(scope="module", params=SERVERS)
def name(request: pytest.FixtureRequest, program: Callable[[str, str], str]) -> str:
    if request.param in PROGRAMS:
        program(request.param, PROGRAMS[request.param])
    return str(request.param)


@pytest.fixture(scope="module")
def server(name: str, folder: Path) -> Iterator[Server]:
    with running(name, folder) as server:
        yield server


@contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    port, output = free_port(), folder / f"{name}.out"
    with output.open("ab") as written:
        process = subprocess.Popen(
            command(name, port),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        awaited(lambda: listening(port, process, output), f"{name} on port {port}")
        yield Server(port, process.pid)
    finally:
        stop(process)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (100, 5000), (9_000_001, 9_100_000), (len(CONTENT) - 5, len(CONTENT))]
)
def test_R8_R11_a_part_and_nothing_after_it(server: Server, kind: str, start: int, stop: int) -> None:
    head, body = server.raw(f"/large/{kind}", f"bytes={start}-{stop - 1}")
    assert head[0].split()[1] == "206"
    assert f"Content-Range: bytes {start}-{stop - 1}/{len(CONTENT)}" in head
    assert f"Content-Length: {stop - start}" in head
    assert body == CONTENT[start:stop]


@pytest.mark.parametrize("kind", KINDS)
def test_R9_several_parts(server: Server, kind: str) -> None:
    response, body = server.ask(f"/large/{kind}", Range="bytes=16-31,9000000-9000015")
    assert response.status == 206
    assert (response.getheader("Content-Type") or "").startswith("multipart/byteranges; boundary=")
    assert int(response.getheader("Content-Length") or 0) == len(body)
    assert b"\r\n\r\n" + CONTENT[16:32] + b"\r\n--" in body
    assert b"\r\n\r\n" + CONTENT[9_000_000:9_000_016] + b"\r\n--" in body


@pytest.mark.parametrize("kind", KINDS)
def test_R8_what_is_not_there(server: Server, kind: str) -> None:
    response, body = server.ask(f"/large/{kind}", Range=f"bytes={len(CONTENT)}-")
    assert response.status == 416
    assert response.getheader("Content-Range") == f"bytes */{len(CONTENT)}"
    assert int(response.getheader("Content-Length") or 0) == len(body)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hashed_body_arrives_whole_and_is_then_not_sent_again(server: Server, kind: str) -> None:
    response, body = server.ask(f"/small/{kind}")
    tag = response.getheader("ETag") or ""
    assert tag.startswith('"')
    assert (response.status, body) == (200, CONTENT[:20_000])
    assert response.getheader("Accept-Ranges") == "bytes"

    response, body = server.ask(f"/small/{kind}", If_None_Match=tag)
    assert (response.status, body) == (304, b"")
    assert response.getheader("ETag") == tag
    response, body = server.ask(f"/small/{kind}", Range="bytes=10-19", If_Range=tag)
    assert (response.status, body) == (206, CONTENT[10:20])
    response, body = server.ask(f"/small/{kind}", If_Match='"other"')
    assert response.status == 412


def test_head_names_the_length_and_is_never_cut(server: Server) -> None:
    response, body = server.ask("/large/wrapper", "HEAD", Range="bytes=0-1")
    assert (response.status, body) == (200, b"")
    assert response.getheader("Content-Length") == str(len(CONTENT))
    assert response.getheader("Accept-Ranges") == "bytes"


def test_a_file_is_not_read_into_memory(name: str, folder: Path) -> None:
    with running(name, folder) as server:  # one that has sent nothing else
        server.ask("/huge/wrapper", Range="bytes=0-100000")
        before = server.peak_memory()
        response, body = server.ask("/huge/wrapper", Range=f"bytes=1000000-{HUGE - 1}")
        assert (response.status, len(body)) == (206, HUGE - 1_000_000)
        assert server.peak_memory() - before < FLAT
