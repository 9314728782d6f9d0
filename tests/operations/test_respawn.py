from __future__ import annotations

import sys
from signal import SIGHUP, SIGINT, SIGTERM, Signals
from types import SimpleNamespace
from typing import Any

import pytest

from wsgikit.operations.respawn import NoRespawn, leaving_signal


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SERVER_SOFTWARE": "gunicorn/27.0.1"}, SIGTERM),
        (
            {
                "SERVER_SOFTWARE": "Apache/2.4",
                "mod_wsgi.version": (5, 0, 2),
                "mod_wsgi.process_group": "shop",
            },
            SIGINT,
        ),
    ],
)
def test_a_worker_leaves_by_the_signal_of_its_server(environ: dict[str, Any], expected: Signals) -> None:
    assert leaving_signal(environ) is expected


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"SERVER_SOFTWARE": "waitress"}, "'waitress' starts no new process in the place of one that leaves"),
        ({"SERVER_SOFTWARE": "WSGIServer/0.2 CPython/3.11.7"}, "'wsgiref' starts no new process"),
        ({"SERVER_SOFTWARE": "a\x1b[31m/1"}, r"'a\x1b[31m' starts no new process"),
        ({}, "this server starts no new process"),
        ({"mod_wsgi.version": (5, 0, 2), "mod_wsgi.process_group": ""}, "in mod_wsgi's embedded mode"),
    ],
)
def test_nobody_leaves_whom_nobody_would_replace(environ: dict[str, Any], reason: str) -> None:
    with pytest.raises(NoRespawn) as raised:
        leaving_signal(environ)
    assert str(raised.value).startswith(reason)


def uwsgi(monkeypatch: pytest.MonkeyPatch, masterpid: int, **opt: Any) -> None:
    module: Any = SimpleNamespace(masterpid=lambda: masterpid, opt=opt)
    monkeypatch.setitem(sys.modules, "uwsgi", module)


def test_uwsgi_with_a_master(monkeypatch: pytest.MonkeyPatch) -> None:
    uwsgi(monkeypatch, 17, threads=b"4")
    assert leaving_signal({"uwsgi.version": b"2.0.30"}) is SIGHUP


@pytest.mark.parametrize(
    ("masterpid", "opt", "reason"),
    [
        (0, {}, "uWSGI without --master"),
        (17, {"gevent": b"20"}, "uWSGI's asynchronous modes"),
        (17, {"async": b"20"}, "uWSGI's asynchronous modes"),
    ],
)
def test_uwsgi_that_would_lose_requests(
    monkeypatch: pytest.MonkeyPatch, masterpid: int, opt: dict[str, Any], reason: str
) -> None:
    uwsgi(monkeypatch, masterpid, **opt)
    with pytest.raises(NoRespawn, match=reason):
        leaving_signal({"uwsgi.version": b"2.0.30"})
