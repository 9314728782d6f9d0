"""UUIDs whose order is that of time, drawn from a supply of chance: a system call for each took a third of the time."""

from __future__ import annotations

from os import urandom
from time import time_ns

from wsgikit.core.process import PerProcess

_SUPPLY = 256
_MARK = 1 << 60  # makes hex() give "0x1" and then fifteen digits, in half the time of a format

# The last two groups, ready to use. Each process has its own: what a fork copied would be given out twice, which is
# also why they never come from `random`.
_supplies: PerProcess[list[str]] = PerProcess(list)


def uuid7() -> str:
    """60 bits of time, 62 of chance (RFC 9562 sections 5.7 and 6.2, method 3)."""
    when = hex(time_ns() * 4096 // 1_000_000 | _MARK)  # milliseconds, the last three digits their fraction
    supply = _supplies.get()
    try:
        chance = supply.pop()  # atomic: no two threads get the same
    except IndexError:
        chance, *more = _drawn()
        supply += more
    return f"{when[3:11]}-{when[11:15]}-7{when[15:]}-{chance}"


def _drawn() -> list[str]:
    digits = urandom(8 * _SUPPLY).hex()
    parts = (digits[at : at + 16] for at in range(0, len(digits), 16))
    return [f"{_VARIANT[part[0]]}{part[1:4]}-{part[4:]}" for part in parts]


_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
