"""Mounting under real servers: what only they do to a path, a body or a thread."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.launch import awaited, free_port, listening, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

WSGI = """
import json
from wsgikit.mounting.cascade import Cascade
from wsgikit.mounting.lazy import Lazy
from wsgikit.mounting.mirror import Mirror
from wsgikit.mounting.mount import Mount

def answer(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}|".encode("latin-1"), environ["wsgi.input"].read()]

def unknown(environ, start_response):
    environ["wsgi.input"].read(1000)
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    yield b"unknown"

def snapshot(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(mirror.snapshot()).encode()]

mirror = Mirror(answer, answer)
application = Mount({
    "/": answer,
    "/cascade": Cascade(unknown, answer),
    "/mirror": mirror,
    "/snapshot": snapshot,
    "/broken": Lazy("module_that_is_not_there:app", on_error="503"),
})
"""

SERVERS = {
    "gunicorn": [
        "gunicorn",
        "--no-control-socket",
        "-k",
        "gthread",
        "--threads",
        "2",
        "-b",
        "{address}",
        "wsgi",
    ],
    "uwsgi": [
        "uwsgi",
        "--http-socket",
        "{address}",
        "--master",
        "--die-on-term",
        "--enable-threads",
        "--module",
        "wsgi",
    ],
    "waitress": ["waitress-serve", "--listen={address}", "wsgi:application"],
}


@contextmanager
def running(name: str, folder: Path) -> Iterator[int]:
    """The port of a server around the app above."""
    (folder / "wsgi.py").write_text(WSGI)
    port, output = free_port(), folder / "output"
    program, *arguments = [argument.format(address=f"127.0.0.1:{port}") for argument in SERVERS[name]]
    with output.open("wb") as written:
        process = subprocess.Popen(
            [Path(sys.executable).with_name(program), *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])},
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        awaited(lambda: listening(port, process, output), f"{name} on port {port}")
        yield port
    finally:
        stop(process)


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as port:
        yield request.param, port


def ask(port: int, method: str, path: str, body: bytes | list[bytes] | None = None) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, encode_chunked=isinstance(body, list))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "target", ["/cascade/../admin", "/cascade/%2e%2e/admin", "/cascade/..%5cadmin", "/cascade/%00"]
)
def test_no_app_sees_a_hostile_path(server: tuple[str, int], target: str) -> None:
    """Sent as it stands: the server may resolve it or refuse it, but what reaches an app lies under its mount."""
    name, port = server
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    if name == "uwsgi" and target == "/cascade/../admin":  # it resolves the plain form by itself
        assert answer.endswith(b"|/admin|")
    else:
        assert answer.split(b" ", 2)[1] == b"400"


def test_cascade_replays_a_body(server: tuple[str, int]) -> None:
    name, port = server
    pieces = [b"x" * 70_000, b"y" * 70_000]
    whole = b"".join(pieces)
    # A chunked body does not reach an app under uWSGI by itself: that is ServerFix's work.
    for body in (whole,) if name == "uwsgi" else (whole, pieces):
        assert ask(port, "POST", "/cascade/x", body) == (200, b"/cascade|/x|" + whole)


def test_a_broken_mount_leaves_the_others_alone(server: tuple[str, int]) -> None:
    _, port = server
    for _ in range(2):
        status, body = ask(port, "GET", "/broken")
        assert status == 503
        assert b"module_that_is_not_there" not in body
    assert ask(port, "GET", "/x") == (200, b"|/x|")


def test_mirror_has_its_thread(server: tuple[str, int]) -> None:
    _, port = server
    before = json.loads(ask(port, "GET", "/snapshot")[1])["mirrored"]
    assert ask(port, "GET", "/mirror/x")[1] == b"/mirror|/x|"
    assert ask(port, "POST", "/mirror/x", b"body")[1] == b"/mirror|/x|body"

    def both() -> str:
        return "yes" if json.loads(ask(port, "GET", "/snapshot")[1])["mirrored"] == before + 2 else ""

    assert awaited(both, "second mirrored request")
