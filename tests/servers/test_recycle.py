"""Workers replaced under load, by real servers: not one request is lost on the way."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import KW_ONLY, dataclass
from http.client import HTTPConnection
from pathlib import Path

import gunicorn
import pytest

from tests.servers.launch import PATIENCE, SETUPS, awaited, command, free_port, launch, listening, stop

APP = """
import os, time
from wsgikit.operations.recycle import Recycle

LEAK = []

def page(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.05)
    if environ["PATH_INFO"] == "/leak":
        LEAK.append(bytearray(b"x" * 2**21))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    yield body

application = Recycle(page, min_age=0, service=os.environ["SERVICE"], {limit})
"""

# `WSGIKIT_TEST_SCALE=10 pytest tests/servers/test_recycle.py` replaces hundreds of workers.
SCALE = int(os.environ.get("WSGIKIT_TEST_SCALE", "1"))

# uWSGI with its HTTP router in front, which keeps the connections of clients while workers come and go.
ROUTER = ("--http", "127.0.0.1:{port}", "--http-keepalive", "--socket", "127.0.0.1:0")


@dataclass(frozen=True)
class Setting:
    """A server of launch.py, more words for its command, and how many workers are to answer."""

    server: str
    _: KW_ONLY
    more: tuple[str, ...] = ()
    kept: bool = False  # whether clients keep their connections
    workers: int


# Two settings are left out in which a worker that leaves always loses requests, whoever asked it to leave: gthread with
# kept connections before gunicorn 27.0.1, and kept connections of uWSGI's --http11-socket.
SETTINGS = {
    "gunicorn sync": Setting("gunicorn-sync", workers=20),
    "gunicorn gthread": Setting("gunicorn-gthread", more=("--workers", "2"), workers=20),
    "gunicorn gthread, kept": Setting("gunicorn-gthread", more=("--workers", "2"), kept=True, workers=20),
    "gunicorn gevent": Setting(  # which looks once a second whether it should end
        "gunicorn-gthread", more=("--workers", "2", "--worker-class", "gevent"), workers=5
    ),
    "uwsgi": Setting("uwsgi", workers=5),  # whose master looks once a second
    "uwsgi threads": Setting("uwsgi", more=("--enable-threads", "--threads", "4"), workers=5),
    "uwsgi router, kept": Setting("uwsgi-router", kept=True, workers=5),
}


class Load:
    """Six clients that ask until that many workers have answered, on connections of their own or kept ones."""

    def __init__(self, port: int, workers: int, *, kept: bool) -> None:
        self._port, self._kept = port, kept
        self._wanted = workers
        self._deadline = time.monotonic() + PATIENCE * SCALE
        self.requests = 0
        self.workers: set[int] = set()
        self.failures: list[str] = []

    def run(self) -> None:
        """Ask, and retry nothing."""
        clients = [threading.Thread(target=self._client, args=(path,)) for path in ("/", "/", "/slow") * 2]
        for client in clients:
            client.start()
        for client in clients:
            client.join()

    def _client(self, path: str) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)) as connection:
            while len(self.workers) < self._wanted and time.monotonic() < self._deadline:
                self.requests += 1
                try:
                    self.workers.add(ask(connection, path))
                except Exception as error:
                    self.failures.append(repr(error))
                    connection.close()
                if not self._kept:
                    connection.close()


def ask_once(port: int, path: str) -> int:
    """The pid of the worker that answered, over a connection of its own."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        return ask(connection, path)


def ask(connection: HTTPConnection, path: str) -> int:
    """The pid of the worker that answered; http.client itself closes where the answer says so."""
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    return int(body)


@contextmanager
def serving(name: str, folder: Path, limit: str, *more: str, without: str = "") -> Iterator[tuple[int, Path]]:
    """The port of a server whose app is recycled by ``limit``, and what it writes."""
    (folder / "wsgi.py").write_text(APP.replace("{limit}", limit))
    port, output = free_port(), folder / "out"
    service = f"test-{port}"  # of its own, as tests may run at the same time
    words = [word for word in command(name.removesuffix("-router"), port) if word != without]
    if name == "uwsgi-router":
        at = words.index("--http-socket")
        words[at : at + 2] = [word.format(port=port) for word in ROUTER]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "SERVICE": service}
    with output.open("wb") as written:
        process = subprocess.Popen(
            [*words, *more], cwd=folder, env=environ, stdout=written, stderr=written, start_new_session=True
        )
    try:
        awaited(lambda: listening(port, process, output), f"{name} on port {port}")
        yield port, output
    finally:
        stop(process)
        sweep(service)


@contextmanager
def apache(name: str, folder: Path, limit: str) -> Iterator[tuple[int, Path]]:
    """The same under Apache, in one process with sixteen threads."""
    if reason := SETUPS[name].missing():
        pytest.skip(reason)
    (folder / "wsgi.py").write_text(APP.replace("{limit}", limit))
    service = f"test-{free_port()}"
    try:
        with launch(name, folder, module_folder=folder, env={"SERVICE": service}) as running:
            yield running.port, running.output
    finally:
        sweep(service)


def sweep(service: str) -> None:
    """Remove what the workers of a service have left in the host's memory."""
    for left in Path("/dev/shm").glob(f"wsgikit-*-{service}-*"):
        left.unlink()


@pytest.mark.parametrize("name", SETTINGS)
def test_workers_are_replaced_and_no_request_is_lost(name: str, tmp_path: Path) -> None:
    setting = SETTINGS[name]
    if name == "gunicorn gthread, kept" and gunicorn.version_info < (27, 0, 1):
        pytest.skip("this gunicorn closes kept connections on which a request may be under way")
    with serving(setting.server, tmp_path, "requests=10, jitter=0.5", *setting.more) as (port, _):
        load = Load(port, setting.workers * SCALE, kept=setting.kept)
        load.run()
    print(f"{name}: {load.requests} requests by {len(load.workers)} workers, {len(load.failures)} lost")
    assert load.failures == []
    assert len(load.workers) >= setting.workers * SCALE


@pytest.mark.parametrize("kept", [False, True])
def test_daemons_of_mod_wsgi_are_replaced_and_no_request_is_lost(kept: bool, tmp_path: Path) -> None:
    with apache("apache-mod_wsgi", tmp_path, "requests=10, jitter=0.5") as (port, _):
        load = Load(port, 5 * SCALE, kept=kept)  # Apache looks once a second
        load.run()
    print(f"mod_wsgi: {load.requests} requests by {len(load.workers)} workers, {len(load.failures)} lost")
    assert load.failures == []
    assert len(load.workers) >= 5 * SCALE


def test_processes_of_apaches_own_stay(tmp_path: Path) -> None:
    with apache("apache-mod_wsgi-embedded", tmp_path, "requests=1") as (port, output):
        workers = [ask_once(port, "/") for _ in range(20)]
        told = output.read_text()
    assert told.count("no worker is recycled: in mod_wsgi's embedded mode") == len(set(workers))


@pytest.mark.parametrize("name", ["gunicorn-sync", "uwsgi"])
def test_a_worker_that_grows_is_replaced(name: str, tmp_path: Path) -> None:
    workers: set[int] = set()

    def a_third() -> str:
        workers.add(ask_once(port, "/leak"))
        return "came" if len(workers) > 2 else ""

    with serving(name, tmp_path, 'rss="60MiB"') as (port, output):
        awaited(a_third, "worker beyond the two that were started")
    assert "MiB, its limit " in output.read_text()


@pytest.mark.parametrize(
    ("name", "without", "reason"),
    [
        ("waitress", "", "'waitress' starts no new process in the place of one that leaves"),
        ("uwsgi", "--master", "uWSGI without --master starts no new process in the place of one that leaves"),
    ],
)
def test_where_nobody_would_replace_it_a_worker_stays(
    name: str, without: str, reason: str, tmp_path: Path
) -> None:
    with serving(name, tmp_path, "requests=1", without=without) as (port, output):
        workers = {ask_once(port, "/") for _ in range(20)}
    assert len(workers) <= 2  # as many as were started
    assert output.read_text().count(f"no worker is recycled: {reason}") == len(workers)
