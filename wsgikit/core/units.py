"""Option values as people write them: sizes (``"64KiB"``), times (``"250ms"``), whole numbers, yes and no."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from wsgikit.core.errors import wrong_type, wrong_value

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", re.ASCII)

_SIZES = {
    "": 1,
    "b": 1,
    **{unit: 10 ** (3 * n) for n, unit in enumerate(("kb", "mb", "gb", "tb"), 1)},
    **{unit: 2 ** (10 * n) for n, unit in enumerate(("kib", "mib", "gib", "tib"), 1)},
}
_TIMES = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 10.0**9  # seconds, 31 years: more than that no lock or socket can wait for


def size(layer: str, option: str, value: int | str) -> int:
    """Bytes from a whole number of bytes, or from text with a unit (``"64KiB"``, ``"10MB"``)."""
    wanted = 'a number of bytes, or text like "64KiB" or "10MB"'
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise wrong_type(layer, option, value, wanted)
    # A float would round what is beyond 2**53.
    amount = value if isinstance(value, int) else _with_unit(value, _SIZES)
    if not 0 <= amount < math.inf or amount != int(amount):
        raise wrong_value(layer, option, value, wanted)
    return int(amount)


def seconds(layer: str, option: str, value: float | str) -> float:
    """Seconds from a number of seconds, or from text with a unit (``"250ms"``, ``"30s"``, ``"5m"``)."""
    wanted = 'a number of seconds, or text like "250ms", "30s" or "5m"'
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong_type(layer, option, value, wanted)
    amount = _with_unit(value, _TIMES) if isinstance(value, str) else value
    if not 0 <= amount <= _LONGEST:
        raise wrong_value(layer, option, value, wanted)
    return float(amount)


def duration(layer: str, option: str, value: float | str) -> float:
    """Seconds, as ``seconds`` reads them, and more than none."""
    length = seconds(layer, option, value)
    if not length:
        raise wrong_value(layer, option, value, "more than 0 seconds")
    return length


def whole(layer: str, option: str, value: int, *, least: int = 1) -> int:
    """A whole number, ``least`` or more."""
    wanted = f"a whole number, {least} or more"
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(layer, option, value, wanted)
    if value < least:
        raise wrong_value(layer, option, value, wanted)
    return value


def flag(layer: str, option: str, value: bool) -> bool:
    """True or False and nothing else: ``"no"`` from a config file is true to Python."""
    if not isinstance(value, bool):
        raise wrong_type(layer, option, value, "True or False")
    return value


def _with_unit(text: str, units: Mapping[str, float]) -> float:
    """The amount ``text`` names, or -1 when it names none."""
    match = _NUMBER.fullmatch(text.strip())
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        return -1.0
    return float(match[1]) * factor
