"""What is asked: a function for each column of the table, the same for every server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.servers.matrix.ask import Ask


@dataclass(frozen=True)
class Question:
    """A column: what its head says, the table it stands in, and the function that asks and asserts."""

    title: str
    theme: str
    ask: Callable[[Ask], None]

    @property
    def claim(self) -> str:
        """What a tick in the column says."""
        return " ".join((self.ask.__doc__ or "").split())


ASKED: list[Question] = []


def question(theme: str, title: str) -> Callable[[Callable[[Ask], None]], Callable[[Ask], None]]:
    """Put a function into the table."""

    def keep(function: Callable[[Ask], None]) -> Callable[[Ask], None]:
        assert title not in {asked.title for asked in ASKED}, f"two questions are called {title!r}"
        assert function.__doc__, f"{title!r} does not say what its tick means"
        ASKED.append(Question(title, theme, function))
        return function

    return keep
