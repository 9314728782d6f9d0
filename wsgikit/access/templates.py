"""What log templates share, whatever their syntax: how one is compiled, and the fields that both have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wsgikit.access.escape import quoted
from wsgikit.access.redact import HIDDEN
from wsgikit.core.errors import wrong_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.access.exchange import Exchange
    from wsgikit.access.redact import Redaction

    Field = Callable[[Exchange], object]

_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


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
    return "-" if value is None or value == "" else quoted(str(value))


def request_header(name: str, redaction: Redaction) -> Field:
    """A request header; its query hidden where it is a URL."""
    wanted = name.lower()
    if wanted == "referer":
        return lambda exchange: redaction.target(exchange.header(wanted) or "")
    return lambda exchange: hidden(redaction, name, exchange.header(wanted))


def hidden(redaction: Redaction, name: str, value: Any) -> object:
    """The value unless its name is to be redacted."""
    return value if value in (None, "") or not redaction.names(name) else HIDDEN


def variable(name: str, redaction: Redaction) -> Field:
    """A key of the environ that came in."""
    if name == "QUERY_STRING":
        return lambda exchange: redaction.query(exchange.request.get(name) or "")
    if name in ("REQUEST_URI", "RAW_URI", "HTTP_REFERER"):
        return lambda exchange: redaction.target(exchange.request.get(name) or "")
    return lambda exchange: hidden(redaction, name, exchange.request.get(name))


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
    announced = str(get("CONTENT_LENGTH") or "")
    return line + headers + len("\r\n") + (int(announced) if _LENGTH.fullmatch(announced) else 0)
