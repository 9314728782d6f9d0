"""The matrix, behind nginx."""

from __future__ import annotations

from tests.servers.matrix.table import Table


class TestBehindNginx(Table):
    setups = ("nginx-uwsgi", "nginx-fastcgi", "nginx-scgi")
