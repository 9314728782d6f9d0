"""The policy for hostile paths, and that it costs no more than reading the path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.mounting.hostile import hostile


@pytest.mark.parametrize(
    "rest",
    [
        "/..",
        "/../admin",
        "/a/../../admin",
        "/./../admin",
        "/a//../../admin",
        "//..",
        "/..\\admin",
        "/a\\..\\..\\admin",
        "/%2e%2e/admin",
        "/%2E./admin",
        "/..%2fadmin",
        "/a%5c..%5C../admin",
        "..",
    ],
)
def test_a_path_that_climbs_above_its_mount_is_refused(rest: str) -> None:
    assert hostile(rest) == "The path climbs above the place where this application is mounted."


@pytest.mark.parametrize("rest", ["/a\0", "/a%00b"])
def test_a_nul_is_refused(rest: str) -> None:
    assert hostile(rest) == "The path holds a NUL."


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/",
        "/a/../b",
        "/a/..",
        "/...",
        "/..a",
        "/a..",
        "/a/./b",
        "//a",
        "/100%",
        "/%zz",
        "/a\nb",
        "/\xff",
        "/a\\b",
    ],
)
def test_everything_else_goes_on(rest: str) -> None:
    assert hostile(rest) == ""


@given(st.lists(st.sampled_from(["..", ".", "", "a", "%2e%2e", "\\"]), max_size=12))
def test_a_path_that_passes_never_rises_above_its_start(segments: list[str]) -> None:
    rest = "".join(f"/{segment}" for segment in segments)
    depth = 0
    lowest = 0
    for segment in segments:
        depth += {"..": -1, "%2e%2e": -1, "a": 1}.get(segment, 0)
        lowest = min(lowest, depth)
    assert bool(hostile(rest)) is (lowest < 0)
