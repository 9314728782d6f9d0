"""The launchers: each server starts, answers, and leaves nothing behind; what fails is told in its own words."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.launch import SETUPS, Need, Place, Running, distribution, launch, program, stop
from tests.servers.launch.ports import awaited, free_port, listening, serving
from tests.servers.launch.processes import group

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]
"""
UNIX = [name for name, setup in SETUPS.items() if setup.unix]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return folder(tmp_path, APP)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    return site


def folder(parent: Path, code: str) -> Path:
    """A folder with that wsgi.py."""
    (parent / "app").mkdir()
    (parent / "app" / "wsgi.py").write_text(code)
    return parent / "app"


def need(name: str) -> None:
    if reason := SETUPS[name].missing():
        pytest.skip(reason)


def place(running: Running) -> Place:
    return Place(running.port, running.socket)


def ask(running: Running) -> bytes:
    """All that is sent for a request, until the server closes."""
    with place(running).connect(timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as answer:
            return answer.read()


def started_and_stopped(name: str, site: Path, app: Path, *, unix: bool) -> Running:
    """Started, asked, looked at and stopped."""
    need(name)
    with launch(name, site, module_folder=app, unix=unix) as running:
        answer = ask(running)
        pids = running.pids()
    assert answer.split(b" ", 2)[1] == b"200"
    assert answer.endswith(b"hello")
    assert {running.process.pid, *([running.behind.pid] if running.behind else [])} <= set(pids)
    assert running.pids() == []
    with pytest.raises(OSError, match=r"refused|No such file"):
        place(running).connect()
    return running


@pytest.mark.parametrize("name", SETUPS)
def test_a_server_answers_and_leaves_no_process_and_no_port(name: str, site: Path, app: Path) -> None:
    running = started_and_stopped(name, site, app, unix=False)
    assert running.socket is None
    assert running.name == name


@pytest.mark.parametrize("name", UNIX)
def test_it_does_so_on_a_unix_socket_too(name: str, site: Path, app: Path) -> None:
    running = started_and_stopped(name, site, app, unix=True)
    assert running.port == 0


# Apache loads the app when it is first asked for, and uvicorn starts another worker for each that ends, for ever.
EAGER = [name for name in SETUPS if not name.startswith(("apache-", "uvicorn-"))]


@pytest.mark.parametrize("name", EAGER)
def test_a_server_that_dies_at_the_start_says_why(name: str, site: Path, tmp_path: Path) -> None:
    need(name)
    app = folder(tmp_path, 'raise LookupError("no such setting")')
    with (
        pytest.raises(AssertionError, match=r"the server ended with \d+:\n(?s:.*)no such setting"),
        launch(name, site, module_folder=app),
    ):
        pytest.fail("it is said to serve")


def test_what_fails_while_it_runs_has_the_servers_words(site: Path, tmp_path: Path) -> None:
    app = folder(tmp_path, APP + "\nprint('said by the app')")
    with pytest.raises(ZeroDivisionError) as caught, launch("waitress", site, module_folder=app):
        raise ZeroDivisionError
    [note] = caught.value.__notes__
    assert note.startswith("waitress wrote:\n")
    assert "said by the app" in note


def test_an_app_has_the_environment_that_was_asked_for(site: Path, tmp_path: Path) -> None:
    app = folder(tmp_path, "import os\n" + APP.replace('b"hello"', 'os.environ["WORD"].encode()'))
    with launch("waitress", site, module_folder=app, env={"WORD": "world"}) as running:
        assert ask(running).endswith(b"world")


def test_a_program_that_is_missing_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, site: Path, app: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = "nginx is not installed: it comes with the package nginx-light (Debian)"
    assert SETUPS["nginx-fastcgi"].missing() == reason
    assert "uwsgi is not installed: it comes with the package pyuwsgi" in SETUPS["nginx-uwsgi"].missing()
    with pytest.raises(LookupError, match="nginx-scgi cannot be started: nginx is not installed"):
        launch("nginx-scgi", site, module_folder=app).__enter__()


def test_a_distribution_that_is_missing_is_named_with_its_package() -> None:
    absent = distribution("no-such-thing", "no-such-thing (PyPI), built with libev-dev")
    assert (
        absent.missing()
        == "no-such-thing is not installed: it comes with the package no-such-thing (PyPI), built with libev-dev"
    )
    assert absent.version() == ""


def test_versions_are_asked_for() -> None:
    assert distribution("pytest").version() == f"pytest {pytest.__version__}"
    python = program(Path(sys.executable).name, "python3", ask="--version")
    assert python.version() == f"{Path(sys.executable).name} {sys.version.split()[0]}"
    assert Need("a file", "some package", lambda: "").version() == ""
    assert SETUPS["gunicorn-gevent"].versions.startswith("gunicorn ")
    assert ", gevent " in SETUPS["gunicorn-gevent"].versions


def test_no_unix_socket_where_a_server_has_none(site: Path, app: Path) -> None:
    with pytest.raises(ValueError, match="wsgiref listens on no unix socket"):
        launch("wsgiref", site, module_folder=app, unix=True).__enter__()


def test_a_free_port_is_given_to_nobody_else() -> None:
    port = free_port()
    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(("127.0.0.1", port))
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))


SLEEPER = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
{more}
os.write(1, b"there\\n")
time.sleep(600)
"""
FORK = "os.fork()"


@contextmanager
def sleeper(more: str, *, processes: int = 1, own_group: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """Processes that take no SIGTERM, as soon as all are there."""
    words = [sys.executable, "-c", SLEEPER.format(more=more)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=own_group) as process:
        try:
            assert process.stdout
            assert [process.stdout.readline() for _ in range(processes)] == [b"there\n"] * processes
            yield process
        finally:
            process.kill()
            stop(process)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.launch.processes.GRACE", 0.1)


@pytest.mark.usefixtures("hasty")
def test_stop_ends_whatever_does_not_heed_it() -> None:
    with sleeper(FORK, processes=2) as process:
        assert len(group(process.pid)) == 2
        stop(process)
        assert group(process.pid) == []


@pytest.mark.usefixtures("hasty")
def test_stop_ends_what_has_no_group_of_its_own() -> None:
    with sleeper("", own_group=False) as process:
        stop(process)
        assert process.returncode == -signal.SIGKILL


def test_stop_ends_what_outlives_its_parent() -> None:
    heeded = "if os.fork(): signal.signal(signal.SIGTERM, signal.SIG_DFL)"
    with sleeper(heeded, processes=2) as process:
        stop(process)
        assert group(process.pid) == []


def test_a_process_lives_as_long_as_one_of_its_threads() -> None:
    others = "import threading; threading.Thread(target=time.sleep, args=[600]).start()"
    ended = "import ctypes; os.write(1, b'there\\n'); ctypes.CDLL(None).pthread_exit(None)"
    with sleeper(f"{others}; {ended}") as process:
        state = Path(f"/proc/{process.pid}/stat")
        assert awaited(lambda: "Z" if " Z " in state.read_text() else "", "end of the first thread")
        assert group(process.pid) == [process.pid]
        assert process.poll() is None


def test_who_listens_and_takes_nothing_serves_not_yet(tmp_path: Path) -> None:
    """As a server whose workers load the app."""
    with socket.create_server(("127.0.0.1", 0)) as listener, sleeper("") as process:
        here = Place(listener.getsockname()[1])
        assert listening(here, process, tmp_path) == listening(here.port, process, tmp_path) == "yes"
        assert serving(here, process, tmp_path) == ""
