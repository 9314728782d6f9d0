"""One gateway under every server, asked the same questions: what docs/servers.md has as tables.

- ``gateway/wsgi.py`` is the gateway, from every layer and app of wsgikit; ``gateway/promises.py`` an app that takes PEP
  3333 at its word, also served bare (``bare/wsgi.py``).
- ``questions/`` has a function for each column, which asks over a socket of its own and asserts.
- ``limits.py`` names the cells in which a server itself is the cause, each with the evidence.
- ``report.py`` makes the tables.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.servers.matrix.questions", "tests.servers.matrix.limits")
