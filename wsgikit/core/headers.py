"""Header lists as WSGI has them: pairs of str, names without regard to case, order kept.

Names are given here in lower case, so that one side of each comparison is ready.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Headers = list[tuple[str, str]]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_UNSENDABLE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")  # RFC 9110 section 5.5, as the latin-1 view of WSGI


def get(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The first value of ``name``, or None."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


def get_all(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    """Every value of ``name``, in order."""
    return [value for key, value in headers if key.lower() == name]


def without(headers: Iterable[tuple[str, str]], *names: str) -> Headers:
    """A new list that lacks ``names``."""
    return [pair for pair in headers if pair[0].lower() not in names]


def replaced(headers: Iterable[tuple[str, str]], name: str, value: str) -> Headers:
    """A new list in which ``name`` has this one value, where it first stood or else at the end."""
    kept: Headers = []
    wanted = name.lower()
    pending = True
    for pair in headers:
        if pair[0].lower() != wanted:
            kept.append(pair)
        elif pending:
            kept.append((name, value))
            pending = False
    if pending:
        kept.append((name, value))
    return kept


def add_vary(headers: Headers, field: str) -> None:
    """Merge ``field`` into Vary in place: once, whatever its case, and not after ``*`` (RFC 9110 section 12.5.5)."""
    lines = get_all(headers, "vary")
    if not lines:
        headers.append(("Vary", field))
        return
    members = [member.strip() for line in lines for member in line.split(",") if member.strip()]
    if "*" in members or field.lower() in map(str.lower, members):
        return
    headers[:] = replaced(headers, "Vary", ", ".join([*members, field]))


def valid_name(name: str) -> bool:
    """Whether ``name`` is a token, as a field name has to be (RFC 9110 section 5.1)."""
    return _TOKEN.fullmatch(name) is not None


def valid_value(value: str) -> bool:
    """Whether ``value`` can stand in a header: no CR, LF, NUL or other control, nothing beyond latin-1."""
    return _UNSENDABLE.search(value) is None


def exact(headers: Iterable[tuple[str, str]]) -> Headers:
    """A fresh list of exact str pairs: wsgiref, CGI, flup and mod_python answer 500 to subclasses of str."""
    return [
        pair
        if type(pair) is tuple and type(pair[0]) is type(pair[1]) is str
        else (str.__str__(pair[0]), str.__str__(pair[1]))
        for pair in headers
    ]
