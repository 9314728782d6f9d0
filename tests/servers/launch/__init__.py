"""Real servers, started by the tests: each a command, a place to listen, readiness, and a clean stop.

``launch("granian", folder, module_folder=app)`` serves the ``application`` of ``app/wsgi.py``; SETUPS has them all, in
the order of the table in docs/servers.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.launch import apache, nginx, python, uwsgi
from tests.servers.launch.base import Running, Setup, Site
from tests.servers.launch.gateway import GATEWAY, PROGRAMS, SERVERS, app_server, backend, command, server
from tests.servers.launch.needs import Need, distribution, program
from tests.servers.launch.ports import PATIENCE, Place, awaited, free_port, listening
from tests.servers.launch.processes import peak, started, stop

__all__ = [
    "GATEWAY",
    "PATIENCE",
    "PROGRAMS",
    "SERVERS",
    "SETUPS",
    "Need",
    "Place",
    "Running",
    "Setup",
    "Site",
    "app_server",
    "awaited",
    "backend",
    "command",
    "distribution",
    "free_port",
    "launch",
    "listening",
    "peak",
    "program",
    "server",
    "started",
    "stop",
]

SETUPS = {setup.name: setup for setup in (*python.SETUPS, *uwsgi.SETUPS, *nginx.SETUPS, *apache.SETUPS)}


@contextmanager
def launch(
    name: str,
    folder: Path,
    *,
    module_folder: Path,
    env: Mapping[str, str] | None = None,
    unix: bool = False,
) -> Iterator[Running]:
    """``module_folder/wsgi.py``'s application under the server ``name``, as long as the ``with`` lasts.

    ``folder`` takes what the server writes, ``env`` is added to its environment. With ``unix`` it listens on
    ``Running.socket`` instead of ``Running.port``. What fails in the ``with`` has the server's words as a note.
    """
    setup = SETUPS[name]
    if reason := setup.missing():
        raise LookupError(f"{name} cannot be started: {reason}")
    if unix and not setup.unix:
        raise ValueError(f"{name} listens on no unix socket")
    site = Site(folder, module_folder, dict(env or {}), unix)
    with setup.start(site) as running:
        try:
            yield running
        except Exception as error:
            error.add_note(f"{name} wrote:\n{running.output.read_text(errors='replace')}")
            raise
