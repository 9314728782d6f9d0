"""The head of an answer as every server can carry it: exact text, no line breaks, one connection's fields left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wsgikit.core.headers import Headers, valid_name, valid_value
from wsgikit.core.reply import reason
from wsgikit.http.hop import HOP_BY_HOP
from wsgikit.servers.length import is_length

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATUS = re.compile(r"[2-5][0-9]{2}(?: .*)?")

# What an app must not send (PEP 3333): a connection's fields, and the one that CGI takes for the status.
NOT_THE_APPS = HOP_BY_HOP | {"status"}


class BadHead(ValueError):
    """A head that cannot be sent: raised out of the app's ``start_response()``, where the mistake is."""


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
    pairs = _pairs(headers)
    for name, value in pairs:
        for text in (name, value):
            if not isinstance(text, str):
                kind = type(text).__name__
                raise BadHead(
                    f"start_response(): header {name!r}: {text!r} will not do: it is {kind}, not str"
                )
    return [(str.__str__(name), str.__str__(value)) for name, value in pairs]


def _pairs(headers: Iterable[Any]) -> list[tuple[Any, Any]]:
    try:
        pairs = list(headers)
        if not any(isinstance(pair, str | bytes) for pair in pairs):  # two characters are no pair
            return [(name, value) for name, value in pairs]
    except (TypeError, ValueError):
        pass
    raise BadHead(f"start_response(): headers {headers!r} will not do: a list of pairs of str")


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
    return [pair for pair in headers if pair[0].lower() not in NOT_THE_APPS]


def one_length(headers: Headers) -> tuple[Headers, int | None]:
    """The Content-Length, once. Raises ``BadHead`` if it is no number, or two."""
    kept: Headers = []
    length: int | None = None
    for name, value in headers:
        if name.lower() == "content-length":
            if not is_length(value):
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
