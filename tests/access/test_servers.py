"""Client identity and log under real servers, asked over real sockets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.servers.launch import SERVERS, awaited, command, free_port, listening, stop

APP = """
import json, os
from wsgikit.access.log import AccessLog
from wsgikit.access.requestid import RequestId
from wsgikit.access.trust import TrustedProxies

KEYS = ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "wsgikit.request_id")

def show(environ, start_response):
    body = json.dumps({key: environ.get(key) for key in KEYS}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

def application(environ, start_response):
    # Who is trusted is said by the path, so that one server answers for both cases.
    return (trusting if environ["PATH_INFO"] == "/proxied" else wary)(environ, start_response)

trusting = TrustedProxies(RequestId(show), "loopback")
wary = TrustedProxies(RequestId(show), "192.0.2.1")
application = AccessLog(application, "json", to=os.environ["LOG"], queue=int(os.environ["QUEUE"]) or None)
"""
FORGED = ("X-Forwarded-For", "6.6.6.6, 203.0.113.9")


class Server:
    def __init__(self, port: int, log: Path) -> None:
        self.port, self._log = port, log

    def ask(self, path: str, *headers: tuple[str, str]) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest("GET", path)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()

    def line(self, request_id: str) -> dict[str, Any]:
        def look() -> str:
            lines = self._log.read_text().splitlines() if self._log.exists() else []
            return next((line for line in lines if request_id in line), "")

        entry: dict[str, Any] = json.loads(awaited(look, f"a line with {request_id}"))
        return entry


@pytest.fixture(scope="module", params=[(name, queue) for name in SERVERS for queue in (0, 100)], ids=str)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    name, queue = request.param
    folder = tmp_path_factory.mktemp(name)
    (folder / "wsgi.py").write_text(APP)
    port, log, output = free_port(), folder / "access.log", folder / "out"
    environ = {"PYTHONPATH": str(Path(__file__).parents[2]), "LOG": str(log), "QUEUE": str(queue)}
    with output.open("wb") as written:
        process = subprocess.Popen(
            command(name, port),
            cwd=folder,
            env={**environ, "PATH": sys.exec_prefix},
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        awaited(lambda: listening(port, process, output), f"{name} on port {port}")
        yield Server(port, log)
    finally:
        stop(process)


def test_behind_a_trusted_peer_the_client_is_known(server: Server) -> None:
    seen = server.ask("/proxied", FORGED, ("X-Forwarded-Proto", "https"))
    assert seen["REMOTE_ADDR"] == seen["HTTP_X_FORWARDED_FOR"] == "203.0.113.9"
    assert seen["wsgi.url_scheme"] == seen["HTTP_X_FORWARDED_PROTO"] == "https"
    entry = server.line(seen["wsgikit.request_id"])
    assert (entry["client.address"], entry["network.peer.address"]) == ("203.0.113.9", "127.0.0.1")
    assert (entry["url.path"], entry["http.response.status_code"]) == ("/proxied", 200)
    assert entry["http.response.body.size"] == len(json.dumps(seen))


@pytest.mark.parametrize("proto", ["https", "javascript", "https, http"])
def test_a_stranger_is_itself_whatever_it_says(server: Server, proto: str) -> None:
    """uWSGI believes X-Forwarded-Proto from anybody, gunicorn from loopback."""
    seen = server.ask("/direct", FORGED, ("X-Forwarded-Proto", proto))
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert seen["wsgi.url_scheme"] == "http"
    assert seen["HTTP_X_FORWARDED_FOR"] is seen["HTTP_X_FORWARDED_PROTO"] is None
    entry = server.line(seen["wsgikit.request_id"])
    assert (entry["client.address"], entry["network.peer.address"]) == ("127.0.0.1", "127.0.0.1")
    assert "6.6.6.6" not in json.dumps(entry)


def test_several_lines_are_one_list(server: Server) -> None:
    """A proxy may add its own line instead of going on with the client's."""
    lines = [("X-Forwarded-For", text) for text in ("6.6.6.6", "203.0.113.9, 127.0.0.3", "127.0.0.2")]
    seen = server.ask("/proxied", *lines)
    assert seen["REMOTE_ADDR"] == "203.0.113.9"
    assert seen["HTTP_X_FORWARDED_FOR"] == "203.0.113.9, 127.0.0.3, 127.0.0.2"


@pytest.mark.parametrize(
    "command",
    [
        [
            sys.executable,
            "-m",
            "gunicorn",
            "--log-level",
            "warning",
            "--bind",
            "unix:socket",
            "wsgi:trusting",
        ],
        [
            *[sys.executable, "-m", "waitress", "--unix-socket=socket"],
            *["--no-clear-untrusted-proxy-headers", "wsgi:trusting"],
        ],
    ],
    ids=["gunicorn", "waitress"],
)
def test_a_peer_on_a_unix_socket_can_be_trusted(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text(APP.replace('"loopback"', '"unix"'))
    environ = {"PYTHONPATH": str(Path(__file__).parents[2]), "LOG": str(tmp_path / "log"), "QUEUE": "0"}
    path = str(tmp_path / "socket")
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**environ, "PATH": sys.exec_prefix},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        awaited(lambda: os.path.exists(path), "the socket")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            awaited(lambda: client.connect_ex(path) == 0, "a server on the socket")
            client.sendall(b"GET / HTTP/1.0\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n\r\n")
            with client.makefile("rb") as answer:
                seen = json.loads(answer.read().partition(b"\r\n\r\n")[2])
    finally:
        stop(process)
    assert seen["REMOTE_ADDR"] == seen["HTTP_X_FORWARDED_FOR"] == "203.0.113.9"
