"""docs/servers.md: its tables are those of the matrix, its footnotes resolve, and each set-up has its how-to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import wsgikit
from tests.servers import (
    test_matrix_apache,
    test_matrix_cgi,
    test_matrix_native,
    test_matrix_nginx,
    test_matrix_python,
)
from tests.servers.launch import SETUPS
from tests.servers.matrix.ask import Ask
from tests.servers.matrix.limits import LIMITS
from tests.servers.matrix.questions import QUESTIONS, THEMES
from tests.servers.matrix.report import BEGIN, END, cell, main, score, titles
from tests.servers.matrix.running import GATEWAY
from tests.servers.matrix.table import Row

PAGE = Path(__file__).parents[2] / "docs" / "servers.md"

# What of wsgikit is not in the gateway, each with the reason.
ELSEWHERE = {
    "ClientIP Cookie Environ Header Host Method Percent Query Scheme ContentType": "conditions: PathIs is there",
    "SetEnviron RemoveHeader Send": "actions: Rewrite, Redirect, Respond, SetHeader and others are there",
    "MemoryStore RedisStore": "FileStore is what all processes of a host share",
    "HealthCheck PassiveHealth Sticky TLS": "about upstreams, not about the server in front",
    "XSLT": "changes bodies as Transform does",
    "Route Router": "in pages.py",
    "OrderWarning": "not a layer",
}


def section(heading: str) -> str:
    """What stands under a heading of the page."""
    _, _, rest = PAGE.read_text().partition(f"\n### {heading}\n")
    assert rest, f"no heading {heading!r}"
    return rest.partition("\n### ")[0]


def rows(text: str) -> list[list[str]]:
    """The table in a piece of the page: header, then each row, without the rule between them."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[part.strip() for part in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if set("".join(row)) - set("-:")]


@pytest.mark.parametrize("theme", THEMES)
def test_a_table_has_each_set_up_each_question_and_what_the_matrix_holds(theme: str) -> None:
    header, *found = rows(section(theme))
    assert header[1:] == titles(theme)
    assert found == [[name, *(cell(name, title) for title in titles(theme))] for name in SETUPS]


def test_the_summary_has_each_set_up_with_its_versions_and_footnotes() -> None:
    _, *found = rows(section("In short"))
    assert [row[0] for row in found] == [f"[{name}](#{name})" for name in SETUPS]
    assert all(any(character.isdigit() for character in row[1]) for row in found)
    assert [row[2:] for row in found] == [[score(name, theme) for theme in THEMES] for name in SETUPS]


def test_footnotes_resolve() -> None:
    text = PAGE.read_text()
    defined = re.findall(r"^\[\^(\d+)\]: ", text, re.MULTILINE)
    used = re.findall(r"\[\^(\d+)\](?!:)", text)
    assert defined == [str(number + 1) for number in range(len(LIMITS))]
    assert set(used) == set(defined)


@pytest.mark.parametrize("name", SETUPS)
def test_each_set_up_has_its_how_to(name: str) -> None:
    assert "```" in section(name)


@pytest.mark.parametrize(
    "program", re.findall(r"^```py\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
)
def test_a_program_that_serves_imports_what_there_is(program: str) -> None:
    """They serve until they are ended; launch/programs has what is run."""
    for node in ast.walk(ast.parse(program)):
        if not isinstance(node, ast.ImportFrom) or node.module == "wsgi":
            continue
        module = pytest.importorskip(str(node.module))
        for alias in node.names:
            assert hasattr(module, alias.name)


def test_each_set_up_is_asked_once() -> None:
    groups = (
        test_matrix_python.TestPythonServers,
        test_matrix_native.TestNativeServers,
        test_matrix_nginx.TestBehindNginx,
        test_matrix_apache.TestWithinApache,
        test_matrix_cgi.TestCGI,
    )
    assert sorted(name for group in groups for name in group.setups) == sorted(SETUPS)


def test_each_footnote_is_about_a_question_and_set_ups_that_there_are() -> None:
    for limit in LIMITS:
        assert set(limit.questions) <= set(QUESTIONS)
        assert set(limit.setups) <= set(SETUPS)
        assert limit.evidence.__doc__


def test_the_gateway_has_every_layer_that_makes_sense_in_it() -> None:
    words = set(re.findall(r"\w+", (GATEWAY / "wsgi.py").read_text() + (GATEWAY / "pages.py").read_text()))
    left_out = {name for names in ELSEWHERE for name in names.split()}
    assert set(wsgikit.__all__) - words <= left_out


def leave_out(folder: Path, name: str, left: str) -> None:
    """What a set-up leaves that was asked everything but one question."""
    row = Row(name, Ask(0, folder), [title for title in QUESTIONS if title != left])
    row.keep(folder)


def test_the_report_makes_the_tables_of_a_whole_run_and_leaves_the_rest_of_the_page(tmp_path: Path) -> None:
    for name in SETUPS:
        leave_out(tmp_path, name, "")
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nthe last run\n{END}\nafter\n")
    main(str(tmp_path), str(page))
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n\n### In short\n")
    assert text.endswith(f"\n{END}\nafter\n")
    assert "the last run\n" not in text.replace(BEGIN, "")


def test_there_is_no_report_of_half_a_run(tmp_path: Path) -> None:
    for name in SETUPS:
        leave_out(tmp_path, name, "HEAD" if name == "uwsgi" else "")
    with pytest.raises(SystemExit, match="uwsgi has not answered as it should, or was not asked: HEAD"):
        main(str(tmp_path), str(PAGE))
