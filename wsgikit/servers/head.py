"""The head of an answer as every server can carry it: exact text, no line breaks, one connection's fields left out.

Nearly every head is in order. So heads are looked over quickly, against what was seen before, and only one
that is not in order goes through the repairs, one after the other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wsgikit.core.headers import Headers, valid_name, valid_value
from wsgikit.core.reply import reason
from wsgikit.http.hop import HOP_BY_HOP

if TYPE_CHECKING:
    from collections.abc import Iterable

_REMEMBERED, _LONGEST = 2048, 128  # distinct statuses, names and fields, and the characters in one
_VALUES = 64  # distinct values of one name
_WITHOUT_CONTENT = ("204", "205", "304")
_STATUS = re.compile(r"[2-5][0-9]{2}(?: .*)?")

# What an app must not send (PEP 3333): a connection's fields, and the one that CGI takes for the status.
_NOT_THE_APPS = HOP_BY_HOP | {"status"}


class BadHead(ValueError):
    """A head that cannot be sent: raised out of the app's ``start_response()``, where the mistake is."""


class _Statuses(dict[str, tuple[str, bool]]):
    """For a status as the app gives it: the line to send, and whether an answer with it has no content."""

    def __missing__(self, status: str) -> tuple[str, bool]:
        line = status_line(status)
        found = line, line[:3] in _WITHOUT_CONTENT
        if len(self) < _REMEMBERED and len(status) <= _LONGEST:
            self[status] = found
        return found


class _Names(dict[str, int]):
    """What a field's name says of it: PLAIN, LENGTH, DATED, PRIVATE or BENT."""

    def __missing__(self, name: str) -> int:
        lower = name.lower()
        kind = _KINDS.get(lower, PLAIN) if valid_name(name) and lower not in _NOT_THE_APPS else BENT
        if len(self) < _REMEMBERED and len(name) <= _LONGEST:
            self[name] = kind
        return kind


class _Fields(dict[tuple[str, str], int | None]):
    """For a field that is in order None, but for Content-Length its number, and for Date and Server DATED; else BENT.

    A name with many values (X-Request-Id, ETag) would drive out all others: of each only the first are kept.
    """

    def __init__(self) -> None:
        self._kept: dict[str, int] = {}

    def __missing__(self, pair: tuple[str, str]) -> int | None:
        name, value = pair
        kind = _names[name]
        found = _judged(kind, value)
        if kind != PRIVATE and len(value) <= _LONGEST:
            kept = self._kept.get(name, 0)
            if kept < _VALUES and len(self) < _REMEMBERED:
                self._kept[name] = kept + 1
                self[pair] = found
        return found


BENT, DATED, PLAIN, LENGTH, PRIVATE = -1, -2, 0, 1, 2
_KINDS = {
    "content-length": LENGTH,
    "date": DATED,
    "server": DATED,
    "set-cookie": PRIVATE,  # one client's: of no use again, and not ours to keep
    "location": PRIVATE,
}

statuses = _Statuses()
fields = _Fields()
_names = _Names()


def _judged(kind: int, value: str) -> int | None:
    if kind == BENT or not ((value.isascii() and value.isprintable()) or valid_value(value)):
        return BENT
    if kind == LENGTH:
        return int(value) if value.isascii() and value.isdigit() else BENT
    return DATED if kind == DATED else None


def repaired(headers: Iterable[Any]) -> tuple[Headers, int | None]:
    """The headers in order, and their Content-Length. Raises ``BadHead`` for what can only be a mistake."""
    found = exact_text(headers)
    line_breaks(found)
    return one_length(connection_fields(found))


def exact_text(headers: Iterable[Any]) -> Headers:
    """Makes a list of pairs of exact str from what has subclasses of these.

    A subclass of str is a 500 on wsgiref, CGI, flup, rocket3 and mod_python; a tuple of headers on 24 servers, and
    nothing at all on uWSGI; a pair that is a list on 10. A value that is no text is refused: it is a 500 on most, left
    out silently by uWSGI, and the client of tornado waits for ever.
    """
    try:
        pairs = [(name, value) for name, value in headers]
    except (TypeError, ValueError):
        raise BadHead(f"start_response(): headers {headers!r} will not do: a list of pairs of str") from None
    for name, value in pairs:
        for text in (name, value):
            if not isinstance(text, str):
                kind = type(text).__name__
                raise BadHead(
                    f"start_response(): header {name!r}: {text!r} will not do: it is {kind}, not str"
                )
    return [(str.__str__(name), str.__str__(value)) for name, value in pairs]


def line_breaks(headers: Headers) -> None:
    """Refuses control characters and names that are none.

    CR and LF in a value end the header on 30 servers, and what follows is a header, or a page, of whoever wrote it.
    """
    for name, value in headers:
        if not valid_name(name):
            raise BadHead(f"start_response(): header {name!a}: this is no field name (RFC 9110 section 5.1)")
        if not valid_value(value):
            raise BadHead(
                f"start_response(): header {name!a}: {value!a} will not do: a value has no control characters,"
                " and none beyond latin-1 (RFC 9110 section 5.5)"
            )


def connection_fields(headers: Headers) -> Headers:
    """Leaves out fields that are the server's to send (Connection, Transfer-Encoding, ...), and ``Status``.

    They are an AssertionError, and so a 500, on wsgiref, CGI and waitress; an app's Transfer-Encoding loses the body
    on 19 servers. ``Status`` changes the status on CGI and its like.
    """
    return [pair for pair in headers if pair[0].lower() not in _NOT_THE_APPS]


def one_length(headers: Headers) -> tuple[Headers, int | None]:
    """The Content-Length, once. Raises ``BadHead`` if it is no number, or two."""
    kept: Headers = []
    length: int | None = None
    for name, value in headers:
        if name.lower() == "content-length":
            if not (value.isascii() and value.isdigit()):
                raise BadHead(f"start_response(): Content-Length {value!a} is no number")
            if length is not None and length != int(value):
                raise BadHead(f"start_response(): two Content-Lengths, {length} and {int(value)}")
            if length is not None:
                continue
            length = int(value)
        kept.append((name, value))
    return kept, length


def status_line(status: Any) -> str:
    """The status as ``NNN Reason``, exact; its standard reason where it has none.

    A bare ``200`` is a 500, a closed or a hanging connection on 24 servers. Raises ``BadHead`` for what is none from
    200 to 599: 099 ends Granian's worker for good, 999 drops the connection on uvicorn.
    """
    if not isinstance(status, str):
        raise BadHead(f'start_response(): status {status!r} will not do: it is a str such as "200 OK"')
    text = str.__str__(status)
    if not _STATUS.fullmatch(text) or not valid_value(text) or "\t" in text:
        raise BadHead(
            f'start_response(): status {text!a} will not do: it is three digits and a reason, "200 OK"'
        )
    return text if text[4:].strip() else f"{text[:3]} {reason(int(text[:3]))}"
