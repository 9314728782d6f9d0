"""The matrix, under servers that are not written in Python, or not for WSGI alone."""

from __future__ import annotations

from tests.servers.matrix.table import Table


class TestNativeServers(Table):
    setups = ("granian", "bjoern", "hypercorn", "uvicorn-a2wsgi", "uwsgi")
