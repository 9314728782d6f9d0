from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http import dates

MOMENT = 784111777


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT\t",
    ],
)
def test_R4_all_three_forms_are_read(text: str) -> None:
    assert dates.parse(text) == MOMENT


@pytest.mark.parametrize("text", ["SUN, 06 NOV 1994 08:49:37 GMT", "sun, 06 nov 1994 08:49:37 gmt"])
def test_the_case_of_letters_does_not_count(text: str) -> None:
    assert dates.parse(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "784111777",
        "yesterday",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 EST",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "06 Nov 1994 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Thu, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT; length=5",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, 06 Nov 1994 08:49:37 GMT" + " " * 100_000,
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    assert dates.parse(text) is None


def test_a_leap_second_is_the_second_before() -> None:
    assert dates.parse("Sat, 31 Dec 2016 23:59:60 GMT") == dates.parse("Sat, 31 Dec 2016 23:59:59 GMT")


@pytest.mark.parametrize(
    ("digits", "this_year", "year"),
    [
        (94, 2026, 1994),
        (26, 2026, 2026),
        (76, 2026, 2076),
        (77, 2026, 1977),
        (5, 2099, 2105),
        (99, 1999, 1999),
    ],
)
def test_two_digits_mean_a_year_at_most_fifty_ahead(digits: int, this_year: int, year: int) -> None:
    assert dates.full_year(digits, this_year) == year


def test_two_digits_are_read_by_the_clock() -> None:
    year = datetime.now(UTC).year
    moment = datetime(year, 7, 1, tzinfo=UTC)
    assert dates.parse(moment.strftime("%A, %d-%b-%y %H:%M:%S GMT")) == moment.timestamp()


def test_a_part_of_a_second_is_dropped() -> None:
    assert dates.format(MOMENT + 0.9) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert dates.format(-0.5) == "Wed, 31 Dec 1969 23:59:59 GMT"


@given(st.integers(-2_000_000_000, 250_000_000_000))
def test_what_is_written_is_read(seconds: int) -> None:
    assert dates.parse(dates.format(seconds)) == seconds


@given(st.text(max_size=50))
def test_any_text_is_a_date_or_none(text: str) -> None:
    dates.parse(text)
