"""The head of an answer: what start_response is given."""

from __future__ import annotations

import re
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgikit.testing.rules import Referee

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
    *("te", "trailer", "trailers", "transfer-encoding", "upgrade"),
}
_STATUS = re.compile(r"[1-5][0-9][0-9] .+", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIGITS = re.compile("[0-9]+")


class Head:
    """What status and headers promise about the body."""

    __slots__ = ("code", "length")

    def __init__(self, code: int, length: int | None) -> None:
        self.code = code
        self.length = length

    def forbids_body(self, method: str) -> bool:
        return method == "HEAD" or self.code < 200 or self.code in (204, 304)


def check_head(status: Any, headers: Any, referee: Referee) -> Head:
    """Checks the head, and reads from it what the body will be held to."""
    code = _check_status(status, referee)
    if type(headers) is not list:
        referee.broken("headers-list", f"{type(headers).__name__} {headers!r:.60}")
    pairs = [pair for pair in headers if _check_pair(pair, referee)]
    for name, value in pairs:
        _check_name(name, referee)
        _check_value(name, value, referee)
    return Head(code, _check_lengths(code, pairs, referee))


def check_exc_info(exc_info: Any, referee: Referee) -> None:
    if exc_info is None:
        return
    if (
        type(exc_info) is not tuple
        or len(exc_info) != 3
        or not isinstance(exc_info[1], BaseException)
        or not isinstance(exc_info[2], TracebackType | None)
    ):
        referee.broken("exc-info", f"{exc_info!r:.80}")


def _check_status(status: Any, referee: Referee) -> int:
    if type(status) is not str:
        referee.broken("status-str", f"{type(status).__name__} {status!r}")
    text = str(status)
    if not _STATUS.fullmatch(text):
        referee.broken("status-form", repr(status))
    if _CONTROL.search(text) or max(text, default="") > "\xff":
        referee.broken("status-controls", repr(status))
    return int(text[:3]) if _DIGITS.fullmatch(text[:3]) else 200


def _check_pair(pair: Any, referee: Referee) -> bool:
    if type(pair) is not tuple or len(pair) != 2:
        referee.broken("header-pair", f"{type(pair).__name__} {pair!r:.60}")
        return False
    for text in pair:
        if type(text) is not str:
            referee.broken("header-str", f"{type(text).__name__} {text!r:.60} in {pair!r:.80}")
    return all(isinstance(text, str) for text in pair)


def _check_name(name: str, referee: Referee) -> None:
    if not TOKEN.fullmatch(name):
        referee.broken("header-name", repr(name))
    elif name.lower() in HOP_BY_HOP:
        referee.broken("header-hop", repr(name))
    elif name.lower() == "status":
        referee.broken("header-status", repr(name))


def _check_value(name: str, value: str, referee: Referee) -> None:
    if _CONTROL.search(value):
        referee.broken("header-value", f"{name}: {value!r:.80}")
    if max(value, default="") > "\xff":
        referee.broken("header-latin1", f"{name}: {value!r:.80}")


def _check_lengths(code: int, pairs: list[tuple[str, str]], referee: Referee) -> int | None:
    """The one Content-Length, as a number; None where there is none to hold the body to."""
    lengths = [value for name, value in pairs if name.lower() == "content-length"]
    if not lengths:
        return None
    if len(lengths) > 1:
        referee.broken("length-once", ", ".join(lengths))
    if code < 200 or code == 204:
        referee.broken("length-none", f"Content-Length: {lengths[0]} with {code}")
    if not _DIGITS.fullmatch(lengths[0]):
        referee.broken("length-digits", repr(lengths[0]))
        return None
    return int(lengths[0])
