from __future__ import annotations

from typing import Any

import pytest

from wsgikit.core.units import duration, flag, seconds, size, whole


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        (0, 0),
        (500, 500),
        ("500", 500),
        ("64KiB", 65536),
        ("10MB", 10_000_000),
        ("1.5 kb", 1500),
        ("2GiB", 2**31),
        ("3 B", 3),
        (2**53 + 1, 2**53 + 1),
    ],
)
def test_sizes(value: Any, bytes_: int) -> None:
    assert size("Layer", "limit", value) == bytes_


@pytest.mark.parametrize(
    "value",
    [-1, "64Kib ib", "ten", "", "-5", "1e3", "0.5", "5 parsecs", "١KB", pytest.param("9" * 400, id="huge")],
)
def test_a_wrong_size_is_named(value: Any) -> None:
    with pytest.raises(ValueError, match="Layer: limit="):
        size("Layer", "limit", value)


@pytest.mark.parametrize("value", [None, 1.5, True, b"1"])
def test_a_size_of_a_wrong_type_is_named(value: Any) -> None:
    with pytest.raises(TypeError, match="Layer: limit="):
        size("Layer", "limit", value)


@pytest.mark.parametrize(
    ("value", "wanted"), [(0, 0.0), (1.5, 1.5), ("250ms", 0.25), ("30s", 30.0), ("5m", 300.0), ("1h", 3600.0)]
)
def test_times(value: Any, wanted: float) -> None:
    assert seconds("Layer", "timeout", value) == pytest.approx(wanted)


@pytest.mark.parametrize(
    "value",
    [
        -1,
        "30",
        "soon",
        float("inf"),
        float("nan"),
        "1M s",
        1e10,
        pytest.param(10**400, id="huge"),
        "1" + "0" * 40 + "s",
    ],
)
def test_a_wrong_time_is_named(value: Any) -> None:
    with pytest.raises(ValueError, match="Layer: timeout="):
        seconds("Layer", "timeout", value)


@pytest.mark.parametrize("value", [None, True, b"1s"])
def test_a_time_of_a_wrong_type_is_named(value: Any) -> None:
    with pytest.raises(TypeError, match="Layer: timeout="):
        seconds("Layer", "timeout", value)


def test_a_flag_is_true_or_false_and_nothing_else() -> None:
    assert flag("Layer", "on", True) is True
    assert flag("Layer", "on", False) is False
    for value in ("no", 0, None):
        with pytest.raises(TypeError, match="Layer: on="):
            flag("Layer", "on", value)  # type: ignore[arg-type]


def test_whole_numbers() -> None:
    assert whole("Retry", "attempts", 1) == 1
    assert whole("Retry", "attempts", 0, least=0) == 0


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (True, TypeError), (1.0, TypeError), ("2", TypeError)]
)
def test_a_wrong_whole_number_is_named(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"Retry: attempts={value!r}.* a whole number, 1 or more"):
        whole("Retry", "attempts", value)


def test_durations() -> None:
    assert duration("HealthCheck", "interval", "250ms") == 0.25


@pytest.mark.parametrize("value", [0, "0s"])
def test_no_time_at_all_is_no_duration(value: Any) -> None:
    with pytest.raises(ValueError, match=f"HealthCheck: interval={value!r} will not do: more than 0 seconds"):
        duration("HealthCheck", "interval", value)
