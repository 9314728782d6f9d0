"""Statuses and fields that were seen before: nearly every head is made of these, and need not be looked over again.

A head that is not in order goes through the repairs of head.py, one after the other.
"""

from __future__ import annotations

from wsgikit.core.headers import valid_name, valid_value
from wsgikit.servers.head import NOT_THE_APPS, status_line
from wsgikit.servers.length import is_length

_REMEMBERED, _LONGEST = 2048, 128  # distinct statuses, names and fields, and the characters in one
_VALUES = 64  # distinct values of one name
_WITHOUT_CONTENT = ("204", "205", "304")

BENT, DATED, PLAIN, LENGTH, FLEETING = -1, -2, 0, 1, 2
_KINDS = {
    "content-length": LENGTH,
    "date": DATED,
    "server": DATED,
    "set-cookie": FLEETING,  # one client's: of no use again, and not ours to keep
    "location": FLEETING,
}


class Statuses(dict[str, tuple[str, bool]]):
    """For a status as the app gives it: the line to send, and whether an answer with it has no content."""

    def __missing__(self, status: str) -> tuple[str, bool]:
        line = status_line(status)
        found = line, line[:3] in _WITHOUT_CONTENT
        if len(self) < _REMEMBERED and len(status) <= _LONGEST:
            self[status] = found
        return found


class Fields(dict[tuple[str, str], int | None]):
    """For a field that is in order None, but for Content-Length its number, and for Date and Server DATED; else BENT.

    Of a name with many values (ETag, X-Request-Id) the first are kept, and the rest pass by quickly.
    """

    def __init__(self) -> None:
        self._kept: dict[str, int] = {}

    def __missing__(self, pair: tuple[str, str]) -> int | None:
        if type(pair) is not tuple:
            raise TypeError  # a text of two characters, say
        name, value = pair
        kind = _names[name]
        found: int | None = BENT
        if kind == LENGTH:
            if is_length(value):
                found = int(value)
        elif kind != BENT and ((value.isascii() and value.isprintable()) or valid_value(value)):
            found = DATED if kind == DATED else None
        if kind != FLEETING:
            kept = self._kept.get(name, 0)
            if kept < _VALUES and len(self) < _REMEMBERED and len(name) + len(value) <= _LONGEST:
                self._kept[name] = kept + 1
                self[pair] = found
        return found


class Names(dict[str, int]):
    """What a field's name says of it: PLAIN, LENGTH, DATED, FLEETING or BENT."""

    def __missing__(self, name: str) -> int:
        lower = name.lower()
        kind = _KINDS.get(lower, PLAIN) if valid_name(name) and lower not in NOT_THE_APPS else BENT
        if len(self) < _REMEMBERED and len(name) <= _LONGEST:
            self[name] = kind
        return kind


statuses = Statuses()
fields = Fields()
_names = Names()
