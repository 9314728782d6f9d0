from __future__ import annotations

from typing import Any

import pytest

from wsgikit.forwarding.options import share, status_codes


def test_shares() -> None:
    assert share("Retry", "budget", 0, none=True) == 0
    assert share("Retry", "budget", 0.2) == 0.2
    assert share("Retry", "budget", 1) == 1


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-0.1, ValueError),
        (1.01, ValueError),
        (float("nan"), ValueError),
        ("0.5", TypeError),
        (True, TypeError),
    ],
)
def test_a_wrong_share_is_named(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"Retry: budget=.* a number above 0 up to 1"):
        share("Retry", "budget", value)


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ((), set()),
        (503, {503}),
        ([502, 503], {502, 503}),
        (range(500, 503), {500, 501, 502}),
        ("5xx", set(range(500, 600))),
        (("5XX", 429), {429, *range(500, 600)}),
    ],
)
def test_statuses_are_codes_and_classes(value: Any, codes: set[int]) -> None:
    assert status_codes("Retry", value) == codes


@pytest.mark.parametrize(
    "value", [399, 600, -1, "3xx", "6xx", "503", "xx", "", "x5x", [500, 200], range(200, 10**12)]
)
def test_a_wrong_status_is_named(value: Any) -> None:
    with pytest.raises(
        ValueError, match=r'Retry: statuses=.* codes from 400 to 599, or classes such as "5xx"'
    ):
        status_codes("Retry", value)


@pytest.mark.parametrize("value", [None, 5.0, b"5xx", True, [True], [None], [b"5xx"], iter([500])])
def test_statuses_of_a_wrong_type_are_named(value: Any) -> None:
    with pytest.raises(TypeError, match="Retry: statuses="):
        status_codes("Retry", value)
