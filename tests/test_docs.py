"""The documentation and the README: each piece of Python in them is Python, and names what there is."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_each_example_imports_what_there_is(block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "wsgikit":
            module = import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


def app(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Stands for the reader's own app."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app"]


class Theirs(ModuleType):
    """Stands for a module of the reader's: whatever is looked for in it is an app."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return app


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")  # WebOb, on Python before 3.13
@pytest.mark.parametrize("block", BLOCKS)
def test_each_example_runs(
    block: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "mounting.md" in request.node.name:
        return  # its examples build on each other: tests/mounting/test_docs.py runs them as they stand there
    for name in ("shop", "api"):
        monkeypatch.setitem(sys.modules, name, Theirs(name))
    exec(compile(block, "example", "exec"), {"__name__": "example", "app": app})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_index_lists_every_page() -> None:
    listed = set(re.findall(r"^([a-z-]+)$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE))
    assert {page.stem for page in PAGES} - {"README", "index"} <= listed


def test_the_package_index_is_never_asked_for_our_name() -> None:
    """The name there belongs to another project."""
    for page in PAGES:
        assert not re.search(r"pip install (-U )?['\"]?wsgikit", page.read_text()), page.name
