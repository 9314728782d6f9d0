"""An app with everything operators look at, under real servers that meet in a folder of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from tests.servers.launch import awaited, free_port, listening, stop

APP = """
import os, time
from wsgikit.operations import service
service._folder = lambda: os.environ["MEETING"]
from wsgikit.operations.health import Health
from wsgikit.operations.metrics import Metrics
from wsgikit.operations.stats import Stats
from wsgikit.operations.status.layer import Status

def app(environ, start_response):
    path = environ["PATH_INFO"]
    environ["wsgikit.notes"]["route"] = "/<page>"
    if path == "/raise":
        raise LookupError("as asked for")
    if path == "/wait":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return wait()
    if path == "/kill":
        os.kill(os.getpid(), 9)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]

def wait():
    yield b"begun"
    while not os.path.exists(os.environ["MEETING"] + "/go"):
        time.sleep(0.01)
    yield b"done"

application = Health(Status(Metrics(Stats(app, service="test"), service="test"), service="test"))
"""


@dataclass
class Served:
    """A server that is up."""

    port: int
    meeting: Path
    process: subprocess.Popen[bytes]

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        """Ask on a connection of its own, and read the answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={"Connection": "close", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @contextmanager
    def waiting(self, path: str = "/wait") -> Iterator[HTTPResponse]:
        """A request whose answer has begun."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.read(5) == b"begun"
            yield answer
        finally:
            connection.close()

    def stats(self) -> dict[str, Any]:
        status, body = self.get("/-/stats")
        assert status == 200
        document: dict[str, Any] = json.loads(body)
        return document

    def stats_when(self, look: Any) -> dict[str, Any]:
        """The first stats for which ``look`` holds: a worker books an answer after the client has it."""
        found: list[dict[str, Any]] = []

        def holds() -> str:
            found[:] = [self.stats()]
            return "yes" if look(found[0]) else ""

        awaited(holds, f"such stats (the last were {found})")
        return found[0]


def command(server: str, port: int) -> list[str]:
    """What starts ``server`` on ``port`` with the app ``wsgi:application`` of the folder it runs in."""
    address = f"127.0.0.1:{port}"
    gunicorn = [
        *[sys.executable, "-m", "gunicorn", "--bind", address, "--log-level", "error", "wsgi:application"],
        *["--graceful-timeout", "2"],
    ]
    uwsgi = [
        str(Path(sys.executable).with_name("uwsgi")),
        "--http-socket",
        address,
        "--master",
        "--die-on-term",
    ]
    return {
        "gunicorn-sync": [*gunicorn, "--workers", "2"],
        "gunicorn-preload": [*gunicorn, "--workers", "2", "--preload"],
        "gunicorn-gthread": [*gunicorn, "--workers", "2", "--threads", "4"],
        "gunicorn-gevent": [*gunicorn, "--workers", "2", "--worker-class", "gevent"],
        "gunicorn-recycling": [*gunicorn, "--workers", "2", "--threads", "4", "--max-requests", "25"],
        "uwsgi": [*uwsgi, "--processes", "2", "--threads", "4", "--need-app", "--module", "wsgi"],
        "waitress": [sys.executable, "-m", "waitress", f"--listen={address}", "wsgi:application"],
    }[server]


SERVERS = ("gunicorn-sync", "gunicorn-preload", "gunicorn-gthread", "gunicorn-gevent", "uwsgi", "waitress")


@contextmanager
def served(server: str, folder: Path, app: str = APP, **environ: str) -> Iterator[Served]:
    """``app`` under ``server``, started in ``folder``."""
    meeting = folder / "meeting"
    meeting.mkdir()
    (folder / "wsgi.py").write_text(app)
    port, output = free_port(), folder / "output"
    root = str(Path(__file__).parents[2])
    with output.open("wb") as written:
        process = subprocess.Popen(
            command(server, port),
            cwd=folder,
            env={"PYTHONPATH": root, "MEETING": str(meeting), "PATH": sys.exec_prefix, **environ},
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        awaited(lambda: listening(port, process, output), f"{server} on port {port}")
        yield Served(port, meeting, process)
    finally:
        (meeting / "go").touch()
        stop(process)
