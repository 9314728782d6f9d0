"""Stats: what uWSGI's stats server tells, for any server."""

from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING, Any

from msgspec import json

from wsgikit.core.process import server_name
from wsgikit.operations.allow import answer
from wsgikit.operations.backlog import backlog
from wsgikit.operations.endpoint import Endpoint
from wsgikit.operations.scoreboard.layout import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.operations.scoreboard.records import Record, UpstreamRecord
    from wsgikit.operations.scoreboard.snapshot import Core, Snapshot, Worker

VERSION = "wsgikit"


class Stats(Endpoint):
    """Answers at ``path`` with what each worker has done and is doing, as JSON in uWSGI's schema.

    ``uwsgitop http://127.0.0.1:8000/-/stats`` reads it, as does whatever reads uWSGI's stats server. Any worker answers
    for all: they share a scoreboard. Requests for the page itself are not counted.

    - ``path`` (``"/-/stats"``): where, below the layer's own mount point.
    - ``allow`` (``"loopback"``): who may see it: networks as in TrustedProxies. Others are answered 404, as is whoever
      comes by a proxy while no TrustedProxies outside tells who that is: paths of requests in flight are private.
    - ``service`` (the project folder's name, or WSGIKIT_SERVICE): which workers belong together on this host.

    Counters belong to worker numbers, as in uWSGI: a worker that is recycled goes on with those of the one before.
    ``tx`` counts bodies without heads, ``exceptions`` what was raised or answered 5xx, ``harakiri_count`` requests
    that were lost with their worker, however it died. Raises ``ValueError`` or ``TypeError`` for an option that will
    not do.
    """

    def __init__(
        self,
        app: WSGIApplication,
        path: str = "/-/stats",
        *,
        allow: str | Iterable[str] = "loopback",
        service: str | None = None,
    ) -> None:
        super().__init__(app, path, allow, service)

    def _show(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        document = stats(self._accounting.snapshot(), environ)
        return answer(environ, start_response, "application/json", json.encode(document))


def stats(snapshot: Snapshot, environ: WSGIEnvironment) -> dict[str, Any]:
    """A snapshot in uWSGI's schema; what is not in that stands under ``wsgikit``."""
    return {
        "version": VERSION,
        "listen_queue": backlog(environ),
        "listen_queue_errors": 0,
        "signal_queue": 0,
        "load": 0,
        "pid": _master(environ),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "cwd": _folder(),
        "locks": [],
        "sockets": [],
        "workers": [_worker(worker) for worker in snapshot.workers],
        "wsgikit": {
            "service": snapshot.service,
            "since": int(snapshot.made),
            "lives": snapshot.lives,
            "exceptions": snapshot.exceptions,
            "lost": snapshot.lost,
            **_record(snapshot.total),
            "routes": {name: _record(record) for name, record in snapshot.routes.items()},
            "upstreams": {url: _upstream(record) for url, record in snapshot.upstreams.items()},
            "cache": snapshot.cache,
        },
    }


def _worker(worker: Worker) -> dict[str, Any]:
    requests = worker.record.requests
    return {
        "id": worker.number,
        "pid": worker.pid,
        "accepting": 1,
        "requests": requests,
        "delta_requests": worker.requests,
        "exceptions": worker.exceptions,
        "harakiri_count": worker.lost,
        "signals": 0,
        "signal_queue": 0,
        "status": "busy" if worker.busy else "idle",
        "rss": worker.rss,
        "vsz": worker.vsz,
        "running_time": worker.record.micros,
        "last_spawn": int(worker.started),
        "respawn_count": worker.lives,
        "tx": worker.record.sent,
        "avg_rt": worker.average,
        "apps": [
            {
                "id": 0,
                "modifier1": 0,
                "mountpoint": "",
                "startup_time": 0,
                "requests": requests,
                "exceptions": worker.exceptions,
                "chdir": "",
            }
        ],
        "cores": [_core(core) for core in worker.cores],
        "wsgikit": {"in_flight": worker.in_flight, **_record(worker.record)},
    }


def _core(core: Core) -> dict[str, Any]:
    request = core.request
    told: dict[str, Any] = {
        "id": core.number,
        "requests": core.requests,
        "static_requests": 0,
        "routed_requests": 0,
        "offloaded_requests": 0,
        "write_errors": 0,
        "read_errors": 0,
        "in_request": int(request is not None),
        "vars": [],  # uWSGI shows cookies and passwords here
        "req_info": {},
    }
    if request is not None:
        told["vars"] = [f"REQUEST_METHOD={request.method}", f"PATH_INFO={request.path}", ""]
        told["req_info"] = {"request_start": int(time() - request.seconds)}
        told["wsgikit"] = {
            "method": request.method,
            "path": request.path,
            "seconds": round(request.seconds, 3),
        }
    return told


def _record(record: Record) -> dict[str, Any]:
    return {
        "requests": record.requests,
        "classes": record.classes,
        "bytes": record.sent,
        "seconds": record.micros / 1e6,
        "durations": dict(zip([*map(str, BOUNDS), "inf"], record.buckets, strict=True)),
    }


def _upstream(record: UpstreamRecord) -> dict[str, Any]:
    return {
        "requests": record.requests,
        "failures": record.failures,
        "retries": record.retries,
        "seconds": record.micros / 1e6,
    }


def _folder() -> str:
    """Where the process was started; "" if that is gone, as that of a release may be after the next."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _master(environ: WSGIEnvironment) -> int:
    """The process that forks the workers, or this one where there is none."""
    return os.getppid() if server_name(environ) in ("gunicorn", "uwsgi") else os.getpid()
