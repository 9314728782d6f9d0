"""Requests that wait for a slot in greenlets, all of them in one thread."""

from __future__ import annotations

import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.servers.launch import PATIENCE, SETUPS, Place, Running, Site, awaited
from tests.servers.launch.python import gunicorn_gevent, serve

APP = """
import os, time
from wsgikit.operations.concurrency import ConcurrencyLimit

def page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return wait(environ["PATH_INFO"])

def wait(path):
    yield path.encode()
    while not os.path.exists("go" + path.replace("/", "-")):
        time.sleep(0.01)

limit = ConcurrencyLimit(page, 2, queue=2, timeout="20s")

def application(environ, start_response):
    if environ["PATH_INFO"] != "/numbers":
        return limit(environ, start_response)
    numbers = f"{limit.at_work} at work, {limit.waiting} waiting".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(numbers)))])
    return [numbers]
"""


class Client:
    """Asks for a path, in a thread of its own."""

    def __init__(self, running: Running, path: str) -> None:
        self.status = 0
        self.body = b""
        self._connection = HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
        self._connection.request("GET", path)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        answer = self._connection.getresponse()
        self.status, self.body = answer.status, answer.read()
        self._connection.close()

    def done(self) -> tuple[int, bytes]:
        """What was answered, once it is whole."""
        self._thread.join(PATIENCE)
        return self.status, self.body


def one_worker(place: Place) -> list[str]:
    return [*gunicorn_gevent(place), "--workers", "1"]


def test_two_are_at_work_two_wait_in_order_and_the_fifth_is_told(tmp_path: Path) -> None:
    if reason := SETUPS["gunicorn-gevent"].missing():
        pytest.skip(reason)
    site = tmp_path / "site"
    site.mkdir()
    (site / "wsgi.py").write_text(APP)
    with serve("gunicorn-gevent", one_worker, Site(tmp_path, site)) as running:

        def numbers(wanted: str) -> None:
            awaited(
                lambda: wanted if Client(running, "/numbers").done()[1].decode() == wanted else "", wanted
            )

        def let_go(path: str) -> None:
            (site / f"go-{path[1:]}").touch()

        clients: dict[str, Client] = {}
        for path, wanted in (
            ("/a", "1 at work, 0 waiting"),
            ("/b", "2 at work, 0 waiting"),
            ("/c", "2 at work, 1 waiting"),
            ("/d", "2 at work, 2 waiting"),
        ):
            clients[path] = Client(running, path)
            numbers(wanted)
        status, body = Client(running, "/e").done()
        assert (status, body.splitlines()[0]) == (503, b"503 Service Unavailable")
        let_go("/b")
        assert clients["/b"].done() == (200, b"/b")
        numbers("2 at work, 1 waiting")
        let_go("/d")  # which came last, and is not let in before /c
        let_go("/c")
        assert clients["/c"].done() == (200, b"/c")
        assert clients["/d"].done() == (200, b"/d")
        let_go("/a")
        assert clients["/a"].done() == (200, b"/a")
        numbers("0 at work, 0 waiting")
