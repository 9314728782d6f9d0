"""Regular expressions that mean the same on every Python that is supported."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import wsgikit

_ONE_CHARACTER = {codes.IN, codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.RANGE, codes.CATEGORY}


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every pattern that a module of ours holds, by its name."""
    for found in pkgutil.walk_packages(wsgikit.__path__, "wsgikit."):
        if found.name.endswith(".mod_python"):
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                yield f"{found.name}.{name}", value


def possessive_groups(parsed: Any) -> Iterator[Any]:
    """What a possessive quantifier repeats, where that is more than one character."""
    for code, argument in parsed:
        if code is codes.POSSESSIVE_REPEAT:
            repeated = argument[2]
            if len(repeated) != 1 or repeated[0][0] not in _ONE_CHARACTER:
                yield repeated
        for part in argument if isinstance(argument, tuple | list) else ():
            for inner in part if isinstance(part, list) else [part]:
                if isinstance(inner, parser.SubPattern):
                    yield from possessive_groups(inner)


def test_a_possessive_group_is_found() -> None:
    assert list(possessive_groups(parser.parse("a(?:b|(?:cd)*+)")))
    assert not list(possessive_groups(parser.parse("a(?:b|(?>(?:cd)*)[^e]*+)")))


PATTERNS = dict(patterns())


@pytest.mark.parametrize("name", PATTERNS)
def test_no_group_is_repeated_possessively(name: str) -> None:
    """Python 3.11.0 to 3.11.4 goes on from the wrong place where such a group has to backtrack (gh-106052).

    Debian 12 has 3.11.2. An atomic group says the same, and is right there: ``(?>(?:ab|c)*)`` for ``(?:ab|c)*+``.
    """
    pattern = PATTERNS[name]
    assert not list(possessive_groups(parser.parse(pattern.pattern, pattern.flags)))
