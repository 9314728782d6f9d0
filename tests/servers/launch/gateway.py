"""An app by its code, and the example gateway with its backend, under a few of the servers."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.servers.launch import python, uwsgi
from tests.servers.launch.base import ROOT, Running, Site
from tests.servers.launch.ports import Place
from tests.servers.launch.processes import stop

GATEWAY = ROOT / "examples" / "gateway"

COMMANDS: dict[str, python.Command] = {
    "waitress": python.waitress,
    "wsgiref": partial(python.program_of_ours, "wsgiref"),
    "gunicorn-sync": python.gunicorn_sync,
    "gunicorn-gthread": python.gunicorn_gthread,
    "uwsgi": uwsgi.uwsgi,
}
SERVERS = tuple(COMMANDS)

# Programs that are no module of ours to start with the interpreter, and the package that brings each.
PROGRAMS = {"uwsgi": "pyuwsgi"}


def command(server: str, port: int) -> list[str]:
    """What starts ``server`` on ``port`` with the app ``wsgi:application`` of the folder it runs in."""
    return COMMANDS[server](Place(port))


@contextmanager
def server(name: str, folder: Path, *, backend: str) -> Iterator[Running]:
    """The example gateway under the server ``name``, its files in ``folder``, its proxy pointed at ``backend``."""
    environ = {"GATEWAY_BACKEND": backend, "GATEWAY_LOG": str(folder / "access.log")}
    with python.serve(name, COMMANDS[name], Site(folder, GATEWAY, environ)) as running:
        yield running


@contextmanager
def app_server(name: str, app: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """The app with this code under the server ``name``: its port, and the file that the server writes to."""
    (folder / "wsgi.py").write_text(app)
    with python.serve(name, COMMANDS[name], Site(folder, folder)) as running:
        yield running.port, running.output


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
