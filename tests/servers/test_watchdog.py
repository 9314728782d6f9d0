"""A request that hangs in a real server is told while it hangs, with the place in its own thread or greenlet."""

from __future__ import annotations

import os
import subprocess
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.servers.launch import PATIENCE, awaited, command, free_port, listening, stop

APP = """
import os, time
from wsgikit.operations.watchdog import Watchdog

def hangs_in_here(environ):
    while not os.path.exists("go-on"):
        time.sleep(0.01)

def page(environ, start_response):
    if environ["PATH_INFO"] == "/hang":
        hangs_in_here(environ)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

application = Watchdog(page, "100ms")
"""

SERVERS = {
    "waitress": [],
    "gunicorn-sync": [],
    "gunicorn-gthread": [],
    "gunicorn-gthread gevent": ["--worker-class", "gevent"],
    "uwsgi": ["--enable-threads"],
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_hanging_request_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text(APP)
    port, output = free_port(), tmp_path / "out"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with output.open("wb") as written:
        process = subprocess.Popen(
            [*command(name.split()[0], port), *SERVERS[name]],
            cwd=tmp_path,
            env=environ,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    answers: list[bytes] = []
    client = threading.Thread(target=lambda: answers.append(get(port, "/hang?report=7")))
    try:
        awaited(lambda: listening(port, process, output), f"{name} on port {port}")
        client.start()
        told = awaited(lambda: report(output.read_text()), "line of the watchdog's")
        assert answers == []
        assert f"'GET' 'http://127.0.0.1:{port}/hang?report=7' has been running for 0." in told
        assert "client '127.0.0.1'" in told
        (tmp_path / "go-on").touch()
        client.join(PATIENCE)
    finally:
        stop(process)
    assert answers == [b"ok"]


def report(text: str) -> str:
    """What was written, as soon as the stack is complete in it."""
    return text if "has been running" in text and "in hangs_in_here\n    time.sleep(0.01)\n" in text else ""


def get(port: int, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
