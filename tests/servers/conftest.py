"""What the tests of the matrix share: the server that is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.launch import SETUPS
from tests.servers.matrix.ask import Ask
from tests.servers.matrix.running import bare
from tests.servers.matrix.table import Row, asked_row


def wanted(name: str) -> str:
    """The name of a set-up that can be started here; otherwise the test is skipped, with the reason."""
    if reason := SETUPS[name].missing():
        pytest.skip(reason)
    return name


@pytest.fixture(scope="module")
def row(request: pytest.FixtureRequest) -> Iterator[Row]:
    """The gateway under the set-up that the parameter names."""
    with asked_row(wanted(request.param)) as row:
        yield row


@pytest.fixture(scope="module")
def bare_server(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """The bare promises under it."""
    with bare(wanted(request.param)) as ask:
        yield ask
