"""Real servers, started by the tests: each a command, a free port, and a clean stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "examples" / "gateway"
PATIENCE = 30.0  # seconds until something that should happen counts as not happening

_WSGIREF = """
import sys
from wsgiref.simple_server import make_server
from wsgi import application
make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
"""


def command(server: str, port: int) -> list[str]:
    """What starts ``server`` on ``port`` with the app ``wsgi:application`` of the folder it runs in."""
    address = f"127.0.0.1:{port}"
    python = [sys.executable, "-W", "error::ImportWarning"]
    gunicorn = [*python, "-m", "gunicorn", "--bind", address, "--log-level", "warning", "wsgi:application"]
    commands = {
        "waitress": [
            *[*python, "-m", "waitress", f"--listen={address}", "--no-clear-untrusted-proxy-headers"],
            # By itself it holds 16 MiB of an answer, whichever app gives it.
            *["--outbuf-high-watermark=1048576", "wsgi:application"],
        ],
        "wsgiref": [*python, "-c", _WSGIREF, str(port)],
        "gunicorn-sync": [*gunicorn, "--workers", "2"],
        "gunicorn-gthread": [*gunicorn, "--worker-class", "gthread", "--threads", "4"],
        "uwsgi": [
            *[
                str(Path(sys.executable).with_name("uwsgi")),
                "--http-socket",
                address,
                "--master",
                "--die-on-term",
            ],
            *["--processes", "2", "--need-app", "--module", "wsgi", "--buffer-size", "12288"],
        ],
    }
    return commands[server]


SERVERS = ("waitress", "wsgiref", "gunicorn-sync", "gunicorn-gthread", "uwsgi")

# Programs that are no module of ours to start with the interpreter, and the package that brings each.
PROGRAMS = {"uwsgi": "pyuwsgi"}


@dataclass
class Running:
    """A server that is up: where it listens, which processes it is, and what it has written."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    output: Path
    access_log: Path

    def pids(self) -> list[int]:
        """The server's process and those it has forked."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def peak_memory(self) -> int:
        """The largest resident size, in KiB, that any of the processes has had so far."""
        return max(peak(pid) for pid in self.pids())

    def log_line(self, part: str) -> str:
        """The access log's line that holds ``part``, as soon as it is there."""
        return awaited(
            lambda: next((line for line in self.log_lines() if part in line), ""), f"a line with {part!r}"
        )

    def log_lines(self) -> list[str]:
        """The access log so far."""
        return self.access_log.read_text().splitlines() if self.access_log.exists() else []


def peak(pid: int) -> int:
    """VmHWM of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def awaited(look: Callable[[], str], what: str) -> str:
    """What ``look`` finds, asked until it finds something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.01)  # between two processes there is no event to wait for
    raise AssertionError(f"no {what} within {PATIENCE:.0f} s")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def server(name: str, folder: Path, *, backend: str) -> Iterator[Running]:
    """The example gateway under the server ``name``, its files in ``folder``, its proxy pointed at ``backend``."""
    port, output, log = free_port(), folder / f"{name}.out", folder / f"{name}.access.log"
    environ = {**os.environ, "GATEWAY_BACKEND": backend, "GATEWAY_LOG": str(log), "PYTHONUNBUFFERED": "1"}
    with output.open("wb") as written:
        process = subprocess.Popen(
            command(name, port),
            cwd=GATEWAY,
            env=environ,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        awaited(lambda: listening(port, process, output), f"{name} on port {port}")
        yield Running(name, port, process, output, log)
    finally:
        stop(process)


@contextmanager
def app_server(name: str, app: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """The app with this code under the server ``name``: its port, and the file that the server writes to."""
    (folder / "wsgi.py").write_text(app)
    port, output = free_port(), folder / "output"
    with output.open("wb") as written:
        process = subprocess.Popen(
            command(name, port),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}:{folder}"},
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        awaited(lambda: listening(port, process, output), f"{name} on port {port}")
        yield port, output
    finally:
        stop(process)


def listening(port: int, process: subprocess.Popen[bytes], output: Path) -> str:
    """Whether ``port`` answers yet; the server's own words if it has ended instead."""
    if process.poll() is not None:
        raise AssertionError(f"the server ended with {process.returncode}:\n{output.read_text()}")
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return ""
    return "yes"


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it forked: the group is its own."""
    process.terminate()
    try:
        process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        pass
    try:  # workers outlive the first process of a uWSGI without a master
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@contextmanager
def backend() -> Iterator[str]:
    """The gateway's fourth application in its own process; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        fd = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, str(GATEWAY / "backend.py"), str(fd)], pass_fds=[fd], start_new_session=True
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)
