"""What log templates share, whatever their syntax: how one is compiled, and the fields that both have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.access.escape import quoted, text_of
from wsgikit.access.exchange import length
from wsgikit.core.errors import wrong_value
from wsgikit.http.redact import HIDDEN

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from wsgikit.access.exchange import Exchange
    from wsgikit.http.redact import Redaction

    Field = Callable[[Exchange], object]


def compiled(
    text: str, pattern: re.Pattern[str], field: Callable[[re.Match[str]], Field], layer: str
) -> Callable[[Exchange], str]:
    """The function that fills ``text``: each match of ``pattern`` is the field that ``field`` makes of it.

    Every value is escaped for a place in quotes; one that is missing is a dash.
    """
    if not text.replace("\t", "").isprintable():
        raise wrong_value(layer, "format", text, "a template for one line, without control characters")
    literals: list[str] = []
    fields: list[Field] = []
    at = 0
    for match in pattern.finditer(text):
        literals.append(text[at : match.start()])
        fields.append(field(match))
        at = match.end()
    shape = "%s".join(literal.replace("%", "%%") for literal in [*literals, text[at:]])
    return lambda exchange: shape % tuple([_shown(field(exchange)) for field in fields])


class Ready(str):
    """Text that is escaped already, and stands as it is even if it is empty."""

    __slots__ = ()


def _shown(value: object) -> str:
    if type(value) is Ready:
        return value
    return "-" if value is None or value == "" else quoted(text_of(value))


def request_header(name: str, redaction: Redaction) -> Field:
    """A request header."""
    wanted, shown = name.lower(), veiled(name, redaction)
    return lambda exchange: shown(exchange.header(wanted))


def variable(name: str, redaction: Redaction) -> Field:
    """A key of the environ that came in."""
    shown = veiled(name, redaction)
    return lambda exchange: shown(exchange.request.get(name))


def veiled(name: str, redaction: Redaction) -> Callable[[Any], object]:
    """What may be shown of a value that goes by ``name``: nothing if that is telling, and no secret of a URL in it."""
    if redaction.names(name):
        return lambda value: HIDDEN if value else value
    clean = redaction.query if name.endswith("QUERY_STRING") else redaction.target
    return lambda value: clean(value) if isinstance(value, str) else value


def note(name: str, redaction: Redaction) -> Field:
    """A note that a layer or the app has left."""
    return lambda exchange: exchange.notes.get(name)


def head_size(exchange: Exchange) -> int:
    """Bytes of the answer's head as the app gave it; servers add a little of their own."""
    return 15 + sum(len(name) + len(value) + 4 for name, value in exchange.headers)


def request_size(exchange: Exchange) -> int:
    """Bytes of the request as far as environ tells: its line, its headers and the body that was announced."""
    get = exchange.request.get
    line = len(f"{get('REQUEST_METHOD', '')} {exchange.target} {get('SERVER_PROTOCOL', '')}\r\n")
    headers = sum(
        len(key) - len("HTTP_") + len(value) + len(": \r\n")
        for key, value in exchange.request.items()
        if key.startswith("HTTP_") and type(value) is str
    )
    return line + headers + len("\r\n") + (length(get("CONTENT_LENGTH")) or 0)
