"""uWSGI, which is no module to start with the interpreter but a program beside it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.servers.launch.needs import program
from tests.servers.launch.ports import Place
from tests.servers.launch.python import setup

PYUWSGI = program("uwsgi", "pyuwsgi", ask="--version")
THREADS = ("--threads", "4")  # which are not there, for an app's own threads neither, without a word


def uwsgi(place: Place, *more: str, protocol: str = "--http-socket") -> list[str]:
    """Its command, to listen with that protocol."""
    return [
        *[str(Path(sys.executable).with_name("uwsgi")), protocol, str(place.path or place)],
        *["--master", "--processes", "2", "--module", "wsgi"],
        "--die-on-term",  # by itself it takes SIGTERM for a wish to be started anew
        "--need-app",  # by itself it goes on without the app that could not be loaded
        *[
            "--buffer-size",
            "12288",
        ],  # for a whole head: the 4 KiB it has by itself are less than browsers send
        *more,
    ]


SETUPS = (setup("uwsgi", "uWSGI, http-socket", lambda place: uwsgi(place, *THREADS), PYUWSGI),)
