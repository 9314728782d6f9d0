"""How a worker leaves so that its server starts another in its place, with nothing in flight lost.

Each server has one signal for it, measured on gunicorn 27.0.1, uWSGI 2.0.30 and mod_wsgi 4.9.4 with other requests in
flight:

    server                      the signal to itself     what another one does
    gunicorn, any worker        SIGTERM                  SIGHUP kills it in the middle of its requests
    uWSGI with a master         SIGHUP                   SIGTERM, SIGINT end it at once; uwsgi.reload() ends them all
    mod_wsgi, daemon mode       SIGINT                   what takes longer than its shutdown-timeout is broken off

No other server is known to put a new process in the place of one that leaves.
"""

from __future__ import annotations

import sys
from signal import SIGHUP, SIGINT, SIGTERM, Signals
from typing import TYPE_CHECKING

from wsgikit.core.process import server_name

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


class NoRespawn(RuntimeError):
    """Nobody would start a process in the place of this one, or it cannot leave without losing requests."""


def leaving_signal(environ: WSGIEnvironment) -> Signals:
    """What this process sends itself to leave after the requests it has; raises `NoRespawn` where it should stay."""
    server = server_name(environ)
    if server == "gunicorn":
        return SIGTERM
    if server == "uwsgi":
        return _uwsgi(sys.modules.get("uwsgi"))
    if server == "mod_wsgi":
        if environ.get("mod_wsgi.process_group"):
            return SIGINT
        raise NoRespawn("in mod_wsgi's embedded mode the process is Apache's own; its daemon mode is needed")
    name = ascii(server) if server else "this server"
    raise NoRespawn(f"{name} starts no new process in the place of one that leaves")


def _uwsgi(uwsgi: object) -> Signals:
    masterpid = getattr(uwsgi, "masterpid", None)
    if masterpid is None or not masterpid():
        raise NoRespawn("uWSGI without --master starts no new process in the place of one that leaves")
    options = getattr(uwsgi, "opt", {})
    if any(name in options for name in _CORES_IN_ONE_THREAD):
        raise NoRespawn("uWSGI's asynchronous modes lose the requests in flight when a worker leaves")
    return SIGHUP


_CORES_IN_ONE_THREAD = ("async", "gevent", "asyncio")
