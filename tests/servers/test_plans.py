"""The table of repairs, and the page that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wsgikit.servers.plans import PLANS, Plan
from wsgikit.servers.stream import Stream

PAGE = Path(__file__).parents[2] / "docs" / "serverfix.md"
FLAGS = ("answers_errors", "blank", "dates", "chunks_for_all", "closes")
ROWS = re.findall(r"^\| `(\w+)` \| (?!`None`)(.+?) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)


def repairs(plan: Plan) -> set[str]:
    """The names of all that is done for a server, beside what is done for all."""
    found = {*plan.request, *plan.body, *plan.bare, plan.forged, plan.file, plan.stream} - {None, Stream}
    return {repair.__name__ for repair in found} | {flag for flag in FLAGS if getattr(plan, flag)}


def servers(cell: str) -> set[str]:
    """What the last column of a row says."""
    names = [name.strip() for name in cell.removeprefix("all but ").split(",")]
    if cell == "all":
        return set(PLANS)
    return set(PLANS) - set(names) if cell.startswith("all but ") else set(names)


def test_each_repair_stands_on_the_page_with_the_servers_it_runs_for() -> None:
    shown = {name: servers(cell) for name, _, cell in ROWS}
    wanted: dict[str, set[str]] = {}
    for server, plan in PLANS.items():
        for name in repairs(plan):
            wanted.setdefault(name, set()).add(server)
    assert shown == wanted


def test_no_repair_stands_on_the_page_twice_and_each_says_why() -> None:
    names = [name for name, _, _ in ROWS]
    assert len(names) == len(set(names))
    assert all(len(reason.split()) > 4 for _, reason, _ in ROWS)


@pytest.mark.parametrize("server", PLANS)
def test_each_repair_of_a_server_runs_once(server: str) -> None:
    for run in (PLANS[server].with_body, PLANS[server].without_body):
        assert len(run) == len(set(run))


@pytest.mark.parametrize("server", PLANS)
def test_each_repair_has_its_reason_beside_it(server: str) -> None:
    plan = PLANS[server]
    for repair in (*plan.with_body, *plan.without_body, plan.forged, plan.file, plan.stream):
        assert repair is None or repair.__doc__
