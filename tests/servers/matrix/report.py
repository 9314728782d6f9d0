"""The tables of docs/servers.md, from what the last run found: ``python -m tests.servers.matrix.report RESULTS PAGE``.

What stands between the two marks on the page is made here; the rest of it is written by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.servers.launch import SETUPS
from tests.servers.matrix.limits import LIMITS, limit_of
from tests.servers.matrix.questions import QUESTIONS, THEMES

BEGIN = "<!-- made by `make server-matrix` from what the last run found -->"
END = "<!-- written by hand from here on -->"
RIGHT = "✓"


def cell(setup: str, title: str) -> str:
    """What stands in the table for a set-up and a question that were asked: a tick, or a footnote."""
    limit = limit_of(setup, title)
    return f"[^{LIMITS.index(limit) + 1}]" if limit else RIGHT


def tables(versions: Mapping[str, str]) -> str:
    """All of it, in Markdown; ``versions`` is what each set-up is made of."""
    return "\n".join([*summary(versions), *(line for theme in THEMES for line in table(theme)), *footnotes()])


def summary(versions: Mapping[str, str]) -> Iterator[str]:
    """A row for each set-up: what it is made of, and the footnotes that it has in each theme."""
    yield "### In short\n"
    yield row("set-up", "what it is made of", *(theme.lower() for theme in THEMES))
    yield row(*["---"] * (2 + len(THEMES)))
    for name in SETUPS:
        yield row(f"[{name}](#{name})", versions[name], *(score(name, theme) for theme in THEMES))
    yield ""


def score(setup: str, theme: str) -> str:
    """A tick where all is right, otherwise the footnotes."""
    cells = dict.fromkeys(cell(setup, title) for title in titles(theme))
    return " ".join(found for found in cells if found != RIGHT) or RIGHT


def table(theme: str) -> Iterator[str]:
    """A row for each set-up, a column for each question of the theme, and what their ticks say."""
    columns = titles(theme)
    yield f"### {theme}\n"
    yield row("", *columns)
    yield row("---", *[":-:"] * len(columns))
    for name in SETUPS:
        yield row(name, *(cell(name, title) for title in columns))
    yield ""
    for title in columns:
        yield f"- **{title}**: {QUESTIONS[title].claim}"
    yield ""


def titles(theme: str) -> list[str]:
    """The columns of a theme."""
    return [title for title, question in QUESTIONS.items() if question.theme == theme]


def footnotes() -> Iterator[str]:
    """What each number stands for, and what shows it."""
    yield "### Where a server is the cause\n"
    yield "`tests/servers/test_limits.py` has the evidence for each: the server itself, with no wsgikit in sight.\n"
    for number, limit in enumerate(LIMITS, 1):
        shown = " ".join((limit.evidence.__doc__ or "").split())
        said = f"{' and '.join(f'**{title}**' for title in limit.questions)} with {', '.join(limit.setups)}"
        yield f"[^{number}]: {said}: {limit.cause} *Evidence:* {shown}\n"


def row(*cells: str) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def found(results: Path) -> dict[str, str]:
    """The versions of each set-up, if each was asked everything; otherwise the run was not whole."""
    runs = [json.loads(file.read_text()) for file in results.glob("*.json")]
    asked = {run["setup"]: set(run["found"]) for run in runs}
    for name in SETUPS:
        if left := set(QUESTIONS) - asked.get(name, set()):
            raise SystemExit(
                f"{name} has not answered as it should, or was not asked: {', '.join(sorted(left))}"
            )
    return {run["setup"]: run["versions"] for run in runs}


def main(results: str, page: str) -> None:
    """Put the tables between the marks of the page."""
    file = Path(page)
    before, _, rest = file.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    file.write_text(f"{before}{BEGIN}\n\n{tables(found(Path(results)))}\n{END}{after}")


if __name__ == "__main__":
    main(*sys.argv[1:])
