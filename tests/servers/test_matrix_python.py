"""The matrix, under servers that come with Python packages."""

from __future__ import annotations

from tests.servers.matrix.table import Table


class TestPythonServers(Table):
    setups = (
        "wsgiref",
        "werkzeug",
        "waitress",
        "cheroot",
        "gunicorn-sync",
        "gunicorn-gthread",
        "gunicorn-gevent",
    )
