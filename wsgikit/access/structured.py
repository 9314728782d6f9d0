"""The formats that name each value: JSON and logfmt, with one set of names, OpenTelemetry's where it has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wsgikit.access.escape import bare, json_text, text_of
from wsgikit.access.exchange import target_of
from wsgikit.access.parts import iso_time
from wsgikit.core.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wsgikit.access.exchange import Exchange
    from wsgikit.http.redact import Redaction

# An exchange's parts that repeat, each a text of its own.
Ends = tuple[str | None, str | None]
Asked = tuple[str | None, ...]

_OWN = frozenset(
    {
        "time",
        "client.address",
        "network.peer.address",
        "http.request.method",
        "url.path",
        "url.query",
        "http.response.status_code",
        "http.response.body.size",
        "user_agent.original",
        "http.request.header.referer",
        "request.id",
        "duration",
        "ttfb",
    }
)


def json(redaction: Redaction) -> Callable[[Exchange], str]:
    """One JSON object a line; a header that a request lacks is null. Each note follows."""

    def pairs(values: Mapping[str, Any]) -> str:
        return ", ".join([f'"{name}": {json_value(value)}' for name, value in values.items()])

    hosts, requests, browsers = _parts(redaction, pairs)

    def line(exchange: Exchange) -> str:
        environ, request, notes = exchange.environ, exchange.request, exchange.notes
        get = request.get
        host = hosts[environ.get("REMOTE_ADDR"), environ.get("wsgikit.original", request).get("REMOTE_ADDR")]
        asked = requests[
            get("REQUEST_METHOD"),
            get("RAW_URI"),
            get("REQUEST_URI"),
            get("SCRIPT_NAME"),
            get("PATH_INFO"),
            get("QUERY_STRING"),
        ]
        text = (
            f'{{"time": "{iso_time(exchange.started)}", {host}, {asked}, "http.response.status_code": {exchange.status}'
            f', "http.response.body.size": {exchange.sent}, {browsers[get("HTTP_USER_AGENT"), get("HTTP_REFERER")]}'
            f', "request.id": {json_value(exchange.request_id)}'
            f', "duration": {exchange.duration:.6f}, "ttfb": {exchange.ttfb:.6f}'
        )
        return f"{text}{_each(_member, notes)}}}" if notes else text + "}"

    return line


def _each(write: Callable[[object, object], str], notes: dict[str, Any]) -> str:
    """Each note, as they are at the moment: what the app began may go on leaving some in other threads."""
    return "".join([write(name, value) for name, value in list(notes.items())])


def _member(name: object, value: object) -> str:
    """One note; a name that is the line's own gives way, as two members of one name are read in two ways."""
    key = text_of(name)
    if key == "request.id":
        return ""
    return f", {json_text(f'note.{key}' if key in _OWN else key)}: {json_value(value)}"


def json_value(value: Any) -> str:
    """A value as JSON: a text or number as it is, anything else as its text."""
    if value is None:
        return "null"
    if type(value) is str:
        return json_text(value)
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int and -(2**63) <= value < 2**63:
        return repr(value)
    if type(value) is float:
        return repr(value) if value - value == 0 else "null"  # JSON has no infinity and no NaN
    return json_text(text_of(value))


def logfmt(redaction: Redaction) -> Callable[[Exchange], str]:
    """``name=value`` pairs with the names of json; what a request lacks is left out."""

    def pairs(values: Mapping[str, Any]) -> str:
        return "".join([f" {name}={_value(value)}" for name, value in values.items() if value])

    hosts, requests, browsers = _parts(redaction, pairs)

    def line(exchange: Exchange) -> str:
        get, request_id = exchange.request.get, exchange.request_id
        asked = requests[
            get("REQUEST_METHOD"),
            get("RAW_URI"),
            get("REQUEST_URI"),
            get("SCRIPT_NAME"),
            get("PATH_INFO"),
            get("QUERY_STRING"),
        ]
        text = (
            f"time={iso_time(exchange.started)}{hosts[exchange.client, exchange.peer]}{asked}"
            f" http.response.status_code={exchange.status} http.response.body.size={exchange.sent}"
            f"{browsers[get('HTTP_USER_AGENT'), get('HTTP_REFERER')]}"
            f"{'' if request_id is None else f' request.id={_value(request_id)}'}"
            f" duration={exchange.duration:.6f} ttfb={exchange.ttfb:.6f}"
        )
        notes = exchange.notes
        return text + _each(_pair, notes) if notes else text

    return line


def _pair(name: object, value: object) -> str:
    key = text_of(name)
    if key == "request.id" or value is None:
        return ""
    return f" {_key(f'note.{key}' if key in _OWN else key)}={_value(value)}"


def _key(name: str) -> str:
    return bare(name).replace("=", "\\x3d").replace('\\"', "\\x22") or "_"


def _value(value: object) -> str:
    """A value that needs no quotes as it is, any other as a JSON string, which is how readers of logfmt take it."""
    text = text_of(value)
    return text if _PLAIN.fullmatch(text) else json_text(text)


# Printable ASCII without the space, the quote, the = and the backslash.
_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")


def _parts(
    redaction: Redaction, pairs: Callable[[Mapping[str, Any]], str]
) -> tuple[Remembered, Remembered, Remembered]:
    """Who, what was asked for, and by what: the values of each as ``pairs`` writes them, secrets hidden."""

    def hosts(ends: Ends) -> str:
        client, peer = ends
        return pairs({"client.address": client or "", "network.peer.address": peer or ""})

    def requests(asked: Asked) -> str:
        method, *location = asked
        path, _, query = target_of(*location).partition("?")
        return pairs(
            {"http.request.method": method or "", "url.path": path, "url.query": redaction.query(query)}
        )

    def browsers(sent: Ends) -> str:
        agent, referer = sent
        return pairs(
            {
                "user_agent.original": agent,
                "http.request.header.referer": referer and redaction.target(referer),
            }
        )

    return Remembered(hosts), Remembered(requests), Remembered(browsers)
