"""Which server is around us: by what only it has."""

from __future__ import annotations

import io
import sys
from types import ModuleType
from typing import Any

import pytest

from wsgikit.servers.plans import PLANS
from wsgikit.servers.recognition import recognise
from wsgikit.testing import build_environ


def of(module: str) -> Any:
    """An input whose class comes from ``module``."""
    return type("Input", (), {"__module__": module})()


@pytest.mark.parametrize(
    ("marks", "name"),
    [
        ({"uwsgi.version": b"2.0.30"}, "uwsgi"),
        ({"uwsgi.version": b"2.0.30", "SCGI": "1"}, "uwsgi"),
        ({"mod_wsgi.version": (4, 9, 4), "SERVER_SOFTWARE": "Apache/2.4.71"}, "mod_wsgi"),
        ({"SERVER_SOFTWARE": "gunicorn/27.0.1"}, "gunicorn"),
        ({"SERVER_SOFTWARE": "Werkzeug/3.1.9"}, "werkzeug"),
        ({"SERVER_SOFTWARE": "WSGIServer/0.2"}, "wsgiref"),
        ({"SERVER_SOFTWARE": "waitress"}, "waitress"),
        ({"SERVER_SOFTWARE": "Cheroot/11.1.2 Server"}, "cheroot"),
        ({"SERVER_SOFTWARE": "Granian"}, "granian"),
        ({"SERVER_SOFTWARE": "gevent/20.0 Python/3.11"}, "gevent"),
        ({"SERVER_SOFTWARE": "Rocket3 20260526.0"}, "rocket3"),
        ({"wsgi.input": of("a2wsgi.wsgi")}, "a2wsgi"),
        ({"wsgi.input": of("twisted.web.wsgi")}, "twisted"),
        ({"wsgi.input": of("eventlet.wsgi")}, "eventlet"),
        ({"wsgi.input": of("flup.server.fcgi_base"), "SERVER_SOFTWARE": "nginx/1.22.1"}, "flup"),
        ({"wsgi.input": io.StringIO(), "SCGI": "1"}, "flup-scgi"),
        ({"wsgi.input": of("wsgikit.handlers.mod_python.streams")}, "wsgikit.handlers.mod_python"),
        ({"SERVER_SOFTWARE": "Apache/2.4.71 (Debian) mod_python/3.5.0"}, "mod_python"),
        ({"wsgi.run_once": True, "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "Apache/2.4.71"}, "cgi"),
        ({"SERVER_SOFTWARE": "Somebody/1.0"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_server_is_known_by_its_marks(marks: dict[str, Any], name: str) -> None:
    assert recognise(build_environ(environ=marks)) == name
    assert name in PLANS


@pytest.mark.parametrize(
    ("module", "marks", "name"),
    [
        ("hypercorn", {"SERVER_PORT": 8000}, "hypercorn"),
        ("asgiref.wsgi", {"wsgi.errors": io.BytesIO()}, "asgiref"),
        ("_fastwsgi", {"REMOTE_ADDR": "127.0.0.1:54452"}, "fastwsgi"),
        ("tornado.wsgi", {}, "tornado"),
        ("bjoern", {"wsgi.file_wrapper": type("FileWrapper", (), {"__module__": "builtins"})}, "bjoern"),
        ("pyruvate", {"wsgi.file_wrapper": type("FileWrapper", (), {"__module__": "builtins"})}, "pyruvate"),
    ],
)
def test_one_without_a_name_is_known_by_its_module_and_a_trait(
    module: str, marks: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loaded in ("hypercorn", "asgiref.wsgi", "_fastwsgi", "tornado.wsgi", "bjoern", "pyruvate"):
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    assert recognise(build_environ(environ=marks)) == "unknown"  # the trait alone may be anybody's
    monkeypatch.setitem(sys.modules, module, ModuleType(module))
    assert recognise(build_environ(environ=marks)) == name


def test_an_environ_with_nothing_in_it_is_an_unknown_servers() -> None:
    assert recognise({}) == "unknown"
