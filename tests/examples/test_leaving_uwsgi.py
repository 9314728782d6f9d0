"""docs/leaving-uwsgi.md: no empty cell, no flag that uWSGI or gunicorn lacks, and each line of wsgikit is one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gunicorn.config import KNOWN_SETTINGS  # type: ignore[import-untyped]

import wsgikit
from tests.test_docs import Theirs, app

PAGE = Path(__file__).parents[2] / "docs" / "leaving-uwsgi.md"
CODE = re.compile(r"`([^`]+)`")
FLAG = re.compile(r"(?<![\w-])(--[a-z0-9][\w-]*|-[a-zA-Z])\b")

# The flags that users have asked about, each of which has to be answered.
ASKED = re.findall(
    r"\S+",
    """
    -s -M -p -b --max-vars -C --pythonpath --wsgi-file --gid --uid --need-app --stats --log-x-forwarded-for
    --memory-report --reload-on-rss --logger -l --harakiri --harakiri-verbose --mount --manage-script-name --route
    --route-host --static-map --http --http-to --limit-post --cache2 --log-format --max-requests --lazy-apps
    --touch-reload --offload-threads --subscribe-to --threads --evil-reload-on-rss --max-worker-lifetime
    --min-worker-lifetime --cheaper --post-buffering
    """,
)


class Row(NamedTuple):
    """A line of a table, by the names of its columns."""

    cells: dict[str, str]

    def flags(self, column: str) -> list[str]:
        return [flag for code in CODE.findall(self.cells[column]) for flag in FLAG.findall(code)]


def rows() -> list[Row]:
    found, head = [], None
    for line in PAGE.read_text().splitlines():
        if not line.startswith("| "):
            head = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if head is None:
            head = cells
        elif set(line) - set("|- "):
            assert len(cells) == len(head), line
            found.append(Row(dict(zip(head, cells, strict=True))))
    return found


ROWS = rows()
LINES = [row.cells["wsgikit"] for row in ROWS if "wsgikit" in row.cells]


def test_no_cell_is_empty() -> None:
    assert len(ROWS) > 60
    assert [row for row in ROWS if not all(cell.strip(" -`") for cell in row.cells.values())] == []


def test_every_flag_asked_about_is_answered() -> None:
    answered = {flag for row in ROWS for flag in row.flags("uWSGI")}
    assert set(ASKED) - answered == set()


@pytest.mark.parametrize("line", LINES)
def test_each_line_makes_an_app(line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "shop", Theirs("shop"))
    (code,) = CODE.findall(line)
    names: dict[str, Any] = {name: getattr(wsgikit, name) for name in wsgikit.__all__}
    made = eval(code, {**names, "app": app})
    assert callable(made)
    assert type(made).__module__.startswith("wsgikit.")


def test_uwsgi_has_each_flag(program: Callable[[str, str], str]) -> None:
    told = subprocess.run([program("uwsgi", "pyuwsgi"), "--help"], capture_output=True, text=True, timeout=60)
    known = set(FLAG.findall(re.sub(r"\|", " ", told.stdout)))
    assert {flag for row in ROWS for flag in row.flags("uWSGI")} - known == set()


def test_gunicorn_has_each_setting() -> None:
    known = {flag for setting in KNOWN_SETTINGS for flag in setting.cli or ()}
    named = {flag for row in ROWS if "gunicorn" in row.cells for flag in row.flags("gunicorn")}
    for row in ROWS:
        if "wsgikit" in row.cells:
            told = re.findall(r"gunicorn(?:'s)?((?: ?,? ?`--[^`]+`)+)", row.cells["The difference"])
            named |= {flag for text in told for flag in FLAG.findall(text)}
    assert "--limit-request-fields" in named
    assert named - known == set()
