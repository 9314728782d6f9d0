"""The matrix, within Apache."""

from __future__ import annotations

from tests.servers.matrix.table import Table


class TestWithinApache(Table):
    setups = ("apache-mod_wsgi", "apache-mod_wsgi-embedded", "apache-mod_python")
