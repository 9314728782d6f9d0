"""How options of forwarding are read: times for sockets, shares, and sets of status codes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.units import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

Statuses = int | str | Collection[int | str]
"""A code (404), a class of codes (``"5xx"``), or several of them."""

LONGEST = 2_000_000.0
"""Seconds that a socket can be waited for, 23 days: ``poll`` and Python's sockets count milliseconds in 31 bits."""


def timeout(owner: str, option: str, value: float | str) -> float:
    """A time for which a socket may be waited for, in seconds."""
    length = duration(owner, option, value)
    if length > LONGEST:
        raise wrong_value(owner, option, value, f"{LONGEST:.0f} seconds at most")
    return length


def share(owner: str, option: str, value: float, *, none: bool = False) -> float:
    """A share of a whole: above 0 (or from 0 on, where ``none`` is a share too) up to 1."""
    wanted = f"a number {'from 0' if none else 'above 0'} up to 1"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(owner, option, value, wanted)
    if not (0 < value <= 1 or (none and value == 0)):
        raise wrong_value(owner, option, value, wanted)
    return value


def status_codes(owner: str, value: Statuses, *, least: int = 400) -> frozenset[int]:
    """The codes that ``statuses=`` names, each from ``least`` up to 599."""
    wanted = f'codes from {least} to 599, or classes such as "5xx"'
    if not isinstance(value, int | str) and (isinstance(value, bytes) or not isinstance(value, Collection)):
        raise wrong_type(owner, "statuses", value, wanted)
    codes: set[int] = set()
    for one in [value] if isinstance(value, int | str) else value:
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise wrong_type(owner, "statuses", one, wanted)
        for code in _codes(one):
            if not least <= code <= 599:
                raise wrong_value(owner, "statuses", one, wanted)
            codes.add(code)
    return frozenset(codes)


def _codes(one: Any) -> Iterator[int]:
    if isinstance(one, int):
        yield one
    elif one[:1] in ("1", "2", "3", "4", "5") and one[1:].lower() == "xx":
        yield from range(int(one[0]) * 100, int(one[0]) * 100 + 100)
    else:
        yield 0  # no code at all
