"""``python serve.py SERVER PLACE``: the servers whose documentation starts them from a program of one's own.

PLACE is HOST:PORT or unix:PATH. It serves the ``application`` of the ``wsgi.py`` in the folder it runs in, or of one on
PYTHONPATH, and imports nothing of the tests.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication


def wsgiref(app: WSGIApplication, host: str, port: int, path: str) -> None:
    from wsgiref.simple_server import make_server

    with make_server(host, port, app) as server:
        server.serve_forever()


def werkzeug(app: WSGIApplication, host: str, port: int, path: str) -> None:
    from werkzeug.serving import run_simple

    run_simple(f"unix://{path}" if path else host, port, app, threaded=True)


def cheroot(app: WSGIApplication, host: str, port: int, path: str) -> None:
    from cheroot.wsgi import Server

    server = Server(path or (host, port), app)
    server.safe_start()  # which stops in order when it is interrupted


def bjoern(app: WSGIApplication, host: str, port: int, path: str) -> None:
    import bjoern

    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # its loop lets Python see SIGINT alone
    bjoern.listen(app, f"unix:{path}" if path else host, port or None)
    os.fork()  # a second worker, on the same socket: bjoern has no option for that
    bjoern.run()


def flup_fastcgi(app: WSGIApplication, host: str, port: int, path: str) -> None:
    from flup.server.fcgi import WSGIServer

    WSGIServer(app, bindAddress=path or (host, port)).run()


def flup_scgi(app: WSGIApplication, host: str, port: int, path: str) -> None:
    from flup.server.scgi import WSGIServer

    WSGIServer(app, bindAddress=path or (host, port)).run()


SERVERS: dict[str, Callable[[WSGIApplication, str, int, str], None]] = {
    server.__name__: server for server in (wsgiref, werkzeug, cheroot, bjoern, flup_fastcgi, flup_scgi)
}


def main(server: str, place: str) -> None:
    sys.path[0] = os.getcwd()  # not the folder of this file, as for all that is started with -m
    from wsgi import application

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # as it is stopped by a supervisor
    host, _, port = place.rpartition(":")
    path = place.removeprefix("unix:") if host == "unix" else ""
    SERVERS[server](application, host, 0 if path else int(port), path)


if __name__ == "__main__":
    main(*sys.argv[1:])
