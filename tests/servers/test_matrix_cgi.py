"""The matrix, where each request has a process of its own."""

from __future__ import annotations

from tests.servers.matrix.table import Table


class TestCGI(Table):
    setups = ("apache-cgi",)
