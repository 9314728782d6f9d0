"""The evidence for each footnote of the matrix: the server does the same with a bare app, and no wsgikit in sight."""

from __future__ import annotations

import pytest

from tests.servers.launch import SETUPS
from tests.servers.matrix.ask import Ask
from tests.servers.matrix.limits import LIMITS, Limit

CELLS = [(name, limit) for name in SETUPS for limit in LIMITS if name in limit.setups]


@pytest.mark.parametrize(
    ("bare_server", "limit"),
    CELLS,
    indirect=["bare_server"],
    ids=[f"{name}: {limit.evidence.__name__}" for name, limit in CELLS],
)
def test_the_server_does_so_by_itself(bare_server: Ask, limit: Limit) -> None:
    limit.evidence(bare_server)
