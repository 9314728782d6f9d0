"""Servers that are started with the interpreter: each the words of its command, for a place to listen at.

They have two workers where they can have several, and threads in them: what is wrong with either shows.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.servers.launch.base import Running, Setup, Site
from tests.servers.launch.needs import Need, distribution
from tests.servers.launch.ports import Place
from tests.servers.launch.processes import started

Command = Callable[[Place], list[str]]

PYTHON = [sys.executable, "-W", "error::ImportWarning"]
PROGRAMS = Path(__file__).with_name("programs")


def program_of_ours(server: str, place: Place) -> list[str]:
    return [*PYTHON, str(PROGRAMS / "serve.py"), server, str(place)]


def uds_or_port(place: Place) -> list[str]:
    """The options of those that have two for it."""
    return ["--uds", str(place.path)] if place.path else ["--host", "127.0.0.1", "--port", str(place.port)]


def waitress(place: Place) -> list[str]:
    return [
        *[*PYTHON, "-m", "waitress"],
        f"--unix-socket={place.path}" if place.path else f"--listen={place}",
        # What proxies say is judged by TrustedProxies, which has to see it.
        "--no-clear-untrusted-proxy-headers",
        # By itself it holds 16 MiB of an answer, whichever app gives it.
        *["--outbuf-high-watermark=1048576", "wsgi:application"],
    ]


def gunicorn(place: Place, *more: str) -> list[str]:
    return [
        *[*PYTHON, "-m", "gunicorn", "--bind", str(place), "--log-level", "warning"],
        # It would be in the home of whoever runs it, one for all that run.
        "--no-control-socket",
        *["wsgi:application", *more],
    ]


def gunicorn_sync(place: Place) -> list[str]:
    return gunicorn(place, "--workers", "2")


def gunicorn_gthread(place: Place) -> list[str]:
    # With one worker, for tests that look at what one process does.
    return gunicorn(place, "--worker-class", "gthread", "--threads", "4")


def gunicorn_gevent(place: Place) -> list[str]:
    return gunicorn(place, "--worker-class", "gevent", "--workers", "2")


def granian(place: Place) -> list[str]:
    return [
        *[*PYTHON, "-m", "granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "4"],
        *[*uds_or_port(place), "wsgi:application"],
    ]


def hypercorn(place: Place) -> list[str]:
    return [*PYTHON, "-m", "hypercorn", "--bind", str(place), "--workers", "2", "wsgi:wsgi:application"]


def uvicorn(place: Place) -> list[str]:
    return [
        *[*PYTHON, "-m", "uvicorn", "--app-dir", str(PROGRAMS), "--workers", "2", *uds_or_port(place)],
        # It would put what X-Forwarded-For says in the place of the peer: that is for TrustedProxies to judge.
        *["--no-proxy-headers", "--no-access-log", "asgi:application"],
    ]


@contextmanager
def serve(name: str, command: Command, site: Site) -> Iterator[Running]:
    """The server that ``command`` starts, as long as it is looked at."""
    words = command(site.place)
    with started(words, site.place, site.output, cwd=site.module_folder, env=site.environ) as process:
        yield Running(name, process, site.output, site.place.port, site.place.path)


def setup(name: str, title: str, command: Command, *needs: Need, unix: bool = True) -> Setup:
    return Setup(name, title, partial(serve, name, command), needs, unix)


GUNICORN = distribution("gunicorn")

SETUPS = (
    setup(
        "wsgiref",
        "wsgiref",
        partial(program_of_ours, "wsgiref"),
        Need("Python", "python3", platform.python_version),
        unix=False,
    ),
    setup(
        "werkzeug", "Werkzeug's run_simple", partial(program_of_ours, "werkzeug"), distribution("werkzeug")
    ),
    setup("waitress", "waitress", waitress, distribution("waitress")),
    setup("cheroot", "cheroot", partial(program_of_ours, "cheroot"), distribution("cheroot")),
    setup("gunicorn-sync", "gunicorn, sync workers", gunicorn_sync, GUNICORN),
    setup(
        "gunicorn-gthread",
        "gunicorn, gthread workers",
        lambda place: [*gunicorn_gthread(place), "--workers", "2"],
        GUNICORN,
    ),
    setup("gunicorn-gevent", "gunicorn, gevent workers", gunicorn_gevent, GUNICORN, distribution("gevent")),
    setup("granian", "Granian", granian, distribution("granian")),
    setup(
        "bjoern",
        "bjoern",
        partial(program_of_ours, "bjoern"),
        distribution("bjoern", "bjoern (PyPI), which is built with libev-dev"),
    ),
    setup("hypercorn", "Hypercorn", hypercorn, distribution("hypercorn")),
    setup("uvicorn-a2wsgi", "uvicorn with a2wsgi", uvicorn, distribution("uvicorn"), distribution("a2wsgi")),
)
