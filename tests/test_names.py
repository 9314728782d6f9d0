"""What `from wsgikit import ...` gives."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import wsgikit


@pytest.mark.parametrize("name", wsgikit.__all__)
def test_every_name_opens(name: str) -> None:
    assert getattr(wsgikit, name).__module__.startswith("wsgikit.")


def test_type_checkers_see_the_names_that_open() -> None:
    tree = ast.parse(Path(wsgikit.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (alias.name, node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == set(wsgikit._HOMES.items())
    assert sorted(wsgikit.__all__) == sorted(wsgikit._HOMES)


def test_a_mistyped_name_is_told_the_nearest_right_one() -> None:
    with pytest.raises(AttributeError, match="did you mean 'Stack'"):
        wsgikit.Stak  # type: ignore[attr-defined]


def test_dir_lists_the_names() -> None:
    assert set(wsgikit.__all__) <= set(dir(wsgikit))
