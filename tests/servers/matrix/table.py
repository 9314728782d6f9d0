"""The tests of the matrix: each cell is right, or has a footnote that says why the server cannot have it so."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.launch import SETUPS
from tests.servers.matrix.ask import Ask
from tests.servers.matrix.limits import limit_of
from tests.servers.matrix.questions import QUESTIONS
from tests.servers.matrix.running import asked

# Where `make server-matrix` wants what was found: a file for each set-up.
RESULTS = "MATRIX_RESULTS"


@dataclass
class Row:
    """A set-up that is up, and what has been asked of it so far."""

    name: str
    ask: Ask
    found: list[str] = field(default_factory=list)

    def keep(self, folder: Path) -> None:
        """Leave what was found for the report."""
        words = {"setup": self.name, "versions": SETUPS[self.name].versions, "found": self.found}
        (folder / f"{self.name}.json").write_text(json.dumps(words))


@contextmanager
def asked_row(name: str) -> Iterator[Row]:
    """The set-up's row, kept for the report at the end if somebody wants one."""
    with asked(name) as ask:
        row = Row(name, ask)
        yield row
    if results := os.environ.get(RESULTS):
        row.keep(Path(results))


class Table:
    """The rows of ``setups``; a subclass is a test class."""

    setups: tuple[str, ...]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        metafunc.parametrize("row", self.setups, indirect=True, scope="module")
        metafunc.parametrize("title", QUESTIONS)

    def test_the_answer_is_as_promised(self, row: Row, title: str) -> None:
        limit = limit_of(row.name, title)
        try:
            QUESTIONS[title].ask(row.ask)
        except Exception:
            if limit is None:
                raise
        else:
            assert limit is None or limit.sometimes, (
                f"a stale footnote: {row.name} answers {title!r}: {limit}"
            )
        row.found.append(title)
