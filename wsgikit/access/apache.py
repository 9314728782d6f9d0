"""Log formats of Apache: the directives of mod_log_config and mod_logio (2.4).

What a server knows and WSGI does not (keep-alive, trailers) is a dash; sizes of heads are as far as environ tells.
"""

from __future__ import annotations

import os
import re
from threading import get_ident
from time import localtime, strftime
from typing import TYPE_CHECKING

from wsgikit.access.escape import bare, quoted
from wsgikit.access.parts import clf_time, request_lines, user
from wsgikit.access.templates import (
    Ready,
    compiled,
    head_size,
    note,
    request_header,
    request_size,
    variable,
    veiled,
)
from wsgikit.core.errors import wrong_value
from wsgikit.http.cookies import value_of
from wsgikit.http.redact import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.access.exchange import Exchange
    from wsgikit.access.templates import Field
    from wsgikit.http.redact import Redaction

    Maker = Callable[[str, Redaction], Field]

_DIRECTIVE = re.compile(r"%(!?[0-9]{3}(?:,[0-9]{3})*)?[<>]?(?:\{([^}]*)\})?(\^[A-Za-z]{2}|.|$)", re.DOTALL)


def apache(text: str, redaction: Redaction, *, layer: str = "AccessLog") -> Callable[[Exchange], str]:
    """An Apache LogFormat, as a function; ``ValueError`` for a directive that Apache does not have."""
    return compiled(text, _DIRECTIVE, lambda match: _directive(match, redaction, layer), layer)


def _directive(match: re.Match[str], redaction: Redaction, layer: str) -> Field:
    statuses, argument, letter = match.groups()
    maker = _FIELDS.get(letter)
    if maker is None:
        known = " ".join(f"%{name}" for name in _FIELDS)
        raise wrong_value(layer, "format", match.string, f"{match[0]!r} is no directive; these are: {known}")
    allowed = _ARGUMENTS.get(letter)
    if argument and allowed is not None and argument not in allowed:
        raise wrong_value(
            layer, "format", match.string, f"in {match[0]!r} one of {', '.join(map(repr, allowed))}"
        )
    field = maker(argument or "", redaction)
    if not statuses:
        return field
    negated = statuses.startswith("!")
    listed = frozenset(statuses.lstrip("!").split(","))
    return lambda exchange: field(exchange) if (exchange.status in listed) is not negated else "-"


def _address(argument: str, redaction: Redaction) -> Field:
    return (
        (lambda exchange: Ready(bare(exchange.peer or "-")))
        if argument == "c"
        else (lambda exchange: Ready(bare(exchange.client or "-")))
    )


def _response_header(name: str, redaction: Redaction) -> Field:
    wanted, shown = name.lower(), veiled(name, redaction)
    return lambda exchange: shown(exchange.response_header(wanted))


def _cookie(name: str, redaction: Redaction) -> Field:
    secret = redaction.names("cookie") or redaction.names(name)

    def field(exchange: Exchange) -> object:
        # Not by SimpleCookie: 64 KB of backslashes in quotes keep Python 3.11's busy for 13 seconds.
        value = value_of(exchange.header("cookie") or "", name)
        return HIDDEN if value and secret else value

    return field


def _port(argument: str, redaction: Redaction) -> Field:
    key = "REMOTE_PORT" if argument == "remote" else "SERVER_PORT"
    return lambda exchange: exchange.request.get(key)


def _process(argument: str, redaction: Redaction) -> Field:
    if argument == "hextid":
        return lambda exchange: f"{get_ident():x}"
    return (lambda exchange: get_ident()) if argument == "tid" else (lambda exchange: os.getpid())


_FRACTIONS: dict[str, Callable[[float], str]] = {
    "sec": lambda moment: str(int(moment)),
    "msec": lambda moment: str(int(moment * 1e3)),
    "usec": lambda moment: str(int(moment * 1e6)),
    "msec_frac": lambda moment: f"{int(moment * 1e3) % 1000:03d}",
    "usec_frac": lambda moment: f"{int(moment * 1e6) % 1000000:06d}",
}


def _time(argument: str, redaction: Redaction) -> Field:
    which, colon, shape = argument.partition(":")
    if not colon or which not in ("begin", "end"):
        which, shape = "begin", argument
    if which == "end":
        return lambda exchange: _moment(shape, exchange.started + exchange.duration)
    return lambda exchange: _moment(shape, exchange.started)


def _moment(shape: str, moment: float) -> str:
    if not shape:
        return f"[{clf_time(int(moment))}]"
    fraction = _FRACTIONS.get(shape)
    return strftime(shape, localtime(moment)) if fraction is None else fraction(moment)


def _duration(argument: str, redaction: Redaction) -> Field:
    factor = {"us": 1e6, "ms": 1e3}.get(argument, 1.0)
    return lambda exchange: int(exchange.duration * factor)


def _query(argument: str, redaction: Redaction) -> Field:
    def field(exchange: Exchange) -> str:
        _, mark, query = exchange.target.partition("?")
        return Ready(quoted(mark + redaction.query(query)))  # no dash where there is none: %U%q is a URL

    return field


def _request_line(argument: str, redaction: Redaction) -> Field:
    line = request_lines(redaction)
    return lambda exchange: Ready(line(exchange))


def _plain(field: Field) -> Maker:
    return lambda argument, redaction: field


_FIELDS: dict[str, Maker] = {
    "%": _plain(lambda exchange: "%"),
    "a": _address,
    "A": _plain(lambda exchange: exchange.request.get("SERVER_ADDR")),
    "b": _plain(lambda exchange: exchange.sent or "-"),
    "B": _plain(lambda exchange: exchange.sent),
    "C": _cookie,
    "D": lambda argument, redaction: _duration("us", redaction),
    "e": variable,
    "f": _plain(lambda exchange: exchange.request.get("SCRIPT_FILENAME")),
    "h": _address,
    "H": _plain(lambda exchange: exchange.request.get("SERVER_PROTOCOL")),
    "i": request_header,
    "k": _plain(lambda exchange: None),
    "l": _plain(lambda exchange: None),
    "L": _plain(lambda exchange: exchange.request_id),
    "m": _plain(lambda exchange: exchange.request.get("REQUEST_METHOD")),
    "n": note,
    "o": _response_header,
    "p": _port,
    "P": _process,
    "q": _query,
    "r": _request_line,
    "R": _plain(lambda exchange: exchange.notes.get("route")),
    "s": _plain(lambda exchange: exchange.status),
    "t": _time,
    "T": _duration,
    "u": _plain(lambda exchange: Ready(bare(user(exchange) or "-"))),
    "U": _plain(lambda exchange: exchange.target.partition("?")[0]),
    "v": _plain(lambda exchange: exchange.request.get("SERVER_NAME")),
    "V": _plain(lambda exchange: exchange.header("host") or exchange.request.get("SERVER_NAME")),
    "X": _plain(lambda exchange: "X" if exchange.error else None),
    "I": _plain(request_size),
    "O": _plain(lambda exchange: exchange.sent + head_size(exchange)),
    "S": _plain(lambda exchange: request_size(exchange) + exchange.sent + head_size(exchange)),
    "^FB": _plain(lambda exchange: int(exchange.ttfb * 1e6)),
    "^ti": _plain(lambda exchange: None),
    "^to": _plain(lambda exchange: None),
}

# What may stand in the braces, where that is not a name: anything else is a slip of the pen.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "a": ("c",),
    "h": ("c",),
    "p": ("canonical", "local", "remote"),
    "P": ("pid", "tid", "hextid"),
    "T": ("s", "ms", "us"),
}
