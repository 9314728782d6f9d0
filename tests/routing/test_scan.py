"""Linear matching of parts with several variables: the same values as `re`, whatever the text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.routing import BaseConverter, Map

from wsgikit.routing.pattern import Part, parts, tokens
from wsgikit.routing.reader import reader, row
from wsgikit.routing.scan import Scan

if TYPE_CHECKING:
    from wsgikit.routing.scan import Element


class Slug(BaseConverter):
    """A run of characters."""

    regex = "[a-z-]+"


class Language(BaseConverter):
    """Groups and alternatives: no row of runs."""

    regex = "(?:en|de)(-[A-Z]{2})?"


class Behind(BaseConverter):
    """An expression that looks around itself, and takes slashes."""

    regex = "(?<!x)[a-z/]+?"


MAP = Map(converters={"slug": Slug, "lang": Language, "behind": Behind})


def part_of(rule: str) -> Part:
    """The last part of a rule, or the one before its empty end."""
    made = list(parts(tokens(rule), MAP))
    return made[-2] if made[-1].content == "" and len(made) > 2 else made[-1]


def by_re(part: Part, text: str) -> tuple[str, ...] | None:
    match = re.compile(part.content).fullmatch(text)
    if match is None:
        return None
    values = [match[f"wsgikit_{index}"] for index in range(len(part.variables))]
    return tuple([*values, match.groups()[-1]] if part.suffixed else values)


def scan_of(part: Part) -> Scan:
    made = row(part)
    assert made is not None
    return Scan(*made)


RULES = [
    "/<path:a>/<path:b>/<path:c>/<path:d>",
    "/<path:a>/x/<path:b>/x/",
    "/<path:a>/",
    "/<path:a><path:b>",
    "/<path:a>.x",
    "/<path:a>/<int:b>/<c>",
    "/<path:a>/<float(signed=True):b>/<path:c>",
    "/<path:a>/<any('x', 'x/y', 'a'):b>/<path:c>",
    "/<path:a>/<lang:b>/<path:c>",
    "/<path:a>/<lang:b>/",
    "/<path:a>/<slug:b>-<slug:c>",
    "/<a>-<b>-<c>-<d>x",
    "/<a><b>",
    "/<string(minlength=2, maxlength=3):a><b>",
    "/<string(length=2):a><int:b>",
    "/x<int:a><int(signed=True):b>",
    "/<any(a, ab, b):a><any(b, bc):b>",
    "/<a>.<uuid:b>",
]


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=120, deadline=None)
@given(
    text=st.text(alphabet="ax1/-.\nb", max_size=24)
    | st.lists(st.sampled_from(["a", "x", "/", "en", "12", "x/"])).map("".join)
)
def test_values_are_those_of_re(rule: str, text: str) -> None:
    part = part_of(rule)
    assert scan_of(part)(text) == by_re(part, text)


@pytest.mark.parametrize(
    "rule", ["/<path:a>/<path:b>/<path:c>/<path:d>/end", "/<a>-<b>-<c>-<d>x", "/<path:a>/x<lang:b>/<path:c>/"]
)
def test_a_text_of_any_length_gets_the_same_values(rule: str) -> None:
    part = part_of(rule)
    read = reader(part)
    for text in ("a/" * 3 + "a/end", "a-b-c-dx", "a-b-c-d", "a/xen/b/", "a/xen/b", ""):
        assert read(text) == by_re(part, text)


class Counted:
    """An element that notes how many positions it is given and gives."""

    def __init__(self, element: Element, tally: list[int]) -> None:
        self.element, self.tally = element, tally

    def starts(self, text: str, before: Any) -> Any:
        found = self.element.starts(text, before)
        self.tally.append(len(before) + len(found))
        return found

    def ends(self, text: str, starts: Any, good: Any) -> dict[int, int]:
        self.tally.append(len(starts) + len(good))
        return self.element.ends(text, starts, good)


def steps_of(rule: str, text: str) -> int:
    tally: list[int] = []
    scan = scan_of(part_of(rule))
    Scan([Counted(element, tally) for element in scan.elements], scan.spans)(text)  # type: ignore[misc]
    return sum(tally)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("/<path:a>/<path:b>/<path:c>/<path:d>/end", "a/"),
        ("/<path:a>/<path:b>/<path:c>/<path:d>", "a//"),
        ("/<a>-<b>-<c>-<d>x", "-"),
        ("/<path:a>1<int:b>1<int:c>x", "1"),
        ("/<path:a>/<lang:b>/<path:c>/<lang:d>/", "en/"),
        ("/<a><b><c>/", "a"),
    ],
)
def test_the_work_grows_with_the_text_and_no_faster(rule: str, text: str) -> None:
    steps = [steps_of(rule, text * length) for length in (100, 200, 400)]
    assert steps[0] > 0
    assert steps[1] <= 2.1 * steps[0]
    assert steps[2] <= 2.1 * steps[1]


def test_a_text_on_which_re_would_never_end_is_read() -> None:
    read = reader(part_of("/<path:a>/<path:b>/<path:c>/<path:d>/end"))
    assert read("a/" * 20_000) is None
    values = read("a/" * 20_000 + "end")
    assert values is not None
    assert [len(value) for value in values] == [1, 1, 1, 2 * 20_000 - 7]


def test_an_expression_that_is_no_row_of_runs_is_left_to_re() -> None:
    part = part_of("/<behind:a>/<int:b>")
    assert row(part) is None
    assert reader(part)("ab/c/12") == ("ab/c", "12")
