from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http import ranges


def parts(text: str, length: int = 10) -> list[ranges.Span] | None:
    wanted = ranges.parse(text)
    assert wanted is not None
    return ranges.select(wanted, length)


@pytest.mark.parametrize(
    "text",
    [
        *["", "bytes", "bytes=", "bytes=,", "bytes=1", "bytes=-", "bytes=a-b", "bytes=1-b", "bytes=--1"],
        *[
            "bytes=5-2",
            "bytes=0-1,5-2",
            "bytes=0-1;2-3",
            "bytes=0 - 1",
            "bytes =0-1",
            "bytes=+0-1",
            "bytes=0-1-2",
        ],
        *["items=0-1", "bytes:0-1", "bytes=0-1, bytes=3-4", "bytes=٠-١", "bytes=0.0-1", "bytes=0_0-1"],
    ],
)
def test_R7_another_unit_or_a_mistake_is_ignored(text: str) -> None:
    assert ranges.parse(text) is None


@pytest.mark.parametrize("text", ["bytes=0-1", "BYTES=0-1", " bytes=0-1 ", "bytes= 0-1 ,", "bytes=000-001"])
def test_R7_case_spaces_and_empty_elements_are_no_mistake(text: str) -> None:
    assert ranges.parse(text) == ((0, 1),)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("bytes=0-3", [(0, 4)]),
        ("bytes=4-", [(4, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=5-99", [(5, 10)]),
        ("bytes=-99", [(0, 10)]),
        ("bytes=0-", [(0, 10)]),
        ("bytes=0-" + "9" * 5000, [(0, 10)]),
        ("bytes=9-9", [(9, 10)]),
    ],
)
def test_R8_first_last_open_and_suffix(text: str, spans: list[ranges.Span]) -> None:
    assert parts(text) == spans


@pytest.mark.parametrize(
    "text", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-,-0", "bytes=" + "9" * 5000 + "-"]
)
def test_R8_what_is_not_there_leaves_nothing(text: str) -> None:
    assert parts(text) == []


def test_R8_of_several_those_that_are_there_count() -> None:
    assert parts("bytes=99-,0-1") == [(0, 2)]


def test_of_an_empty_representation_nothing_is_there_and_its_end_is_the_whole() -> None:
    assert parts("bytes=0-", 0) == []
    assert parts("bytes=-0", 0) == []
    assert parts("bytes=-5", 0) is None


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("bytes=0-1,5-6", [(0, 2), (5, 7)]),
        ("bytes=5-6,0-1", [(5, 7), (0, 2)]),
        ("bytes=0-1,2-3", [(0, 2), (2, 4)]),
        ("bytes=0-4,3-6", [(0, 7)]),
        ("bytes=3-6,0-4", [(0, 7)]),
        ("bytes=8-9,0-4,3-6", [(8, 10), (0, 7)]),
        ("bytes=3-6,8-9,0-4", [(0, 7), (8, 10)]),
        ("bytes=0-9,2-3", [(0, 10)]),
        ("bytes=0-0,0-0", [(0, 1)]),
    ],
)
def test_R9_several_stay_in_order_and_overlapping_ones_are_one(text: str, spans: list[ranges.Span]) -> None:
    assert parts(text) == spans


@pytest.mark.parametrize("text", ["bytes=0-,0-,0-", "bytes=0-4,3-6,5-8", "bytes=0-1,1-2,5-6,6-7"])
def test_R9_more_than_two_that_overlap_get_the_whole(text: str) -> None:
    assert parts(text) is None


def test_R9_more_than_ten_get_the_whole() -> None:
    ten = "bytes=" + ",".join(f"{n * 2}-{n * 2}" for n in range(10))
    assert len(parts(ten, 100) or ()) == 10
    assert ranges.parse(ten + ",90-91") is None


def test_content_range_counts_from_nought_and_names_the_last() -> None:
    assert ranges.content_range((0, 4), 10) == "bytes 0-3/10"
    assert ranges.unsatisfied(10) == "bytes */10"


SPECS = st.one_of(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: (min(pair), max(pair))),
    st.tuples(st.integers(0, 30), st.none()),
    st.tuples(st.none(), st.integers(0, 30)),
)


@given(st.lists(SPECS, min_size=1, max_size=10), st.integers(0, 25))
def test_the_parts_hold_each_wanted_byte_once(
    wanted: list[tuple[int | None, int | None]], length: int
) -> None:
    text = "bytes=" + ",".join("-".join("" if end is None else str(end) for end in spec) for spec in wanted)
    assert ranges.parse(text) == tuple(wanted)
    spans = ranges.select(tuple(wanted), length)
    if spans is None:
        return
    sent = [byte for start, stop in spans for byte in range(start, stop)]
    asked = set()
    for first, last in wanted:
        if first is None:
            asked |= set(range(max(length - (last or 0), 0), length))
        else:
            asked |= set(range(first, length if last is None else min(last + 1, length)))
    assert sorted(sent) == sorted(asked)
    assert all(start < stop for start, stop in spans)


@given(st.text(alphabet="bytes=0123456789-, \t", max_size=60))
def test_any_text_is_ranges_or_none(text: str) -> None:
    ranges.parse(text)
