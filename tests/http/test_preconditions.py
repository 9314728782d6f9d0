from __future__ import annotations

from typing import Any

import pytest

from wsgikit.http.preconditions import failing, range_holds

CHANGED = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sat, 05 Nov 1994 08:49:37 GMT"
LATER = "Mon, 07 Nov 1994 08:49:37 GMT"
HEADERS = [("ETag", '"x"'), ("Last-Modified", CHANGED)]


def environ(**fields: str) -> dict[str, Any]:
    return {f"HTTP_{name}": value for name, value in fields.items()}


def test_R3_a_weak_tag_of_the_answer_fails_if_match() -> None:
    assert failing(environ(IF_MATCH='W/"x"'), [("ETag", 'W/"x"')]) == 412
    assert failing(environ(IF_MATCH='"x"'), [("ETag", 'W/"x"')]) == 412


def test_without_a_tag_only_a_star_matches() -> None:
    assert failing(environ(IF_NONE_MATCH='"x"'), []) is None
    assert failing(environ(IF_NONE_MATCH="*"), []) == 304
    assert failing(environ(IF_MATCH='"x"'), []) == 412
    assert failing(environ(IF_MATCH="*"), []) is None


def test_R4_dates_are_ignored_without_last_modified_and_where_either_is_no_date() -> None:
    for headers in ([], [("Last-Modified", "long ago")]):
        assert failing(environ(IF_MODIFIED_SINCE=LATER), headers) is None
        assert failing(environ(IF_UNMODIFIED_SINCE=EARLIER), headers) is None
    assert failing(environ(IF_UNMODIFIED_SINCE="now"), HEADERS) is None


def test_R4_if_modified_since_is_ignored_beside_an_if_none_match_that_is_garbage() -> None:
    assert failing(environ(IF_NONE_MATCH="x", IF_MODIFIED_SINCE=CHANGED), HEADERS) is None


SECOND = 784111777


@pytest.mark.parametrize(
    ("date", "now", "holds"),
    [
        (None, SECOND + 100, True),
        (None, SECOND + 0.9, False),
        (CHANGED, SECOND + 100, False),
        (LATER, SECOND, True),
        ("no date", SECOND + 100, True),
    ],
)
def test_R10_a_date_is_strong_when_its_second_was_over(date: str | None, now: float, holds: bool) -> None:
    headers = [*HEADERS, *([("Date", date)] if date else [])]
    assert range_holds(environ(IF_RANGE=CHANGED), headers, now) is holds


@pytest.mark.parametrize("condition", ['W/"x"', '"y"', "x", "", "*", EARLIER, LATER, '"x", "y"'])
def test_R10_anything_but_the_strong_tag_or_the_exact_date_does_not_hold(condition: str) -> None:
    assert not range_holds(environ(IF_RANGE=condition), HEADERS, SECOND + 100)


def test_R10_a_weak_tag_of_the_answer_does_not_hold() -> None:
    assert not range_holds(environ(IF_RANGE='W/"x"'), [("ETag", 'W/"x"')], SECOND)
    assert not range_holds(environ(IF_RANGE='"x"'), [("ETag", 'W/"x"')], SECOND)
