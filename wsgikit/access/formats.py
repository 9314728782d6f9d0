"""A format by its name or as a template, compiled once to a function from an exchange to a line."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wsgikit.access.apache import apache
from wsgikit.access.escape import bare, json_text, quoted
from wsgikit.access.exchange import target_of
from wsgikit.access.parts import REMEMBERED, clf_time, iso_second, iso_time, request_lines, user
from wsgikit.access.uwsgi import DEFAULT_LINE, uwsgi
from wsgikit.core.errors import wrong_choice, wrong_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.access.exchange import Exchange
    from wsgikit.access.redact import Redaction

    Format = Callable[[Exchange], str]


def compiled(text: str, redaction: Redaction, *, layer: str = "AccessLog") -> Format:
    """The function for ``text``: a name out of ``NAMED``, an Apache template (``%h``) or a uWSGI one (``%(addr)``).

    Raises ``ValueError`` for an unknown name or directive.
    """
    if not isinstance(text, str):
        raise wrong_type(
            layer, "format", text, f"one of {', '.join(map(repr, NAMED))}, or a template such as '%a %s'"
        )
    named = NAMED.get(text)
    if named is not None:
        return named(redaction)
    if "%" not in text:
        raise wrong_choice(layer, "format", text, NAMED)
    return (uwsgi if "%(" in text else apache)(text, redaction, layer=layer)


def common(redaction: Redaction) -> Format:
    """NCSA Common Log Format: ``198.51.100.7 - - [05/Nov/2026:13:55:36 +0100] "GET / HTTP/1.1" 200 2326``."""
    request_line = request_lines(redaction)

    def line(exchange: Exchange) -> str:
        return (
            f"{bare(exchange.environ.get('REMOTE_ADDR') or '-')} - {user(exchange)}"
            f' [{clf_time(int(exchange.started))}] "{request_line(exchange)}"'
            f" {exchange.status} {exchange.sent or '-'}"
        )

    return line


def combined(redaction: Redaction) -> Format:
    """Common, then Referer and User-Agent, each in quotes."""
    request_line = request_lines(redaction)

    @lru_cache(maxsize=REMEMBERED)
    def browser(referer: str | None, agent: str | None) -> str:
        return (
            f'"{quoted(redaction.target(referer)) if referer else "-"}" "{quoted(agent) if agent else "-"}"'
        )

    def line(exchange: Exchange) -> str:
        get = exchange.request.get
        return (
            f"{bare(exchange.environ.get('REMOTE_ADDR') or '-')} - {user(exchange)}"
            f' [{clf_time(int(exchange.started))}] "{request_line(exchange)}"'
            f" {exchange.status} {exchange.sent or '-'} {browser(get('HTTP_REFERER'), get('HTTP_USER_AGENT'))}"
        )

    return line


def json(redaction: Redaction) -> Format:
    """One JSON object a line, under OpenTelemetry's names; a header that a request lacks is null. Each note follows."""

    @lru_cache(maxsize=REMEMBERED)
    def hosts(client: str | None, peer: str | None) -> str:
        return f'"client.address": {json_text(client or "")}, "network.peer.address": {json_text(peer or "")}'

    @lru_cache(maxsize=REMEMBERED)
    def request(method: str | None, *location: str | None) -> str:
        path, _, query = target_of(*location).partition("?")
        return (
            f'"http.request.method": {json_text(method or "")}, "url.path": {json_text(path)}, '
            f'"url.query": {json_text(redaction.query(query))}'
        )

    @lru_cache(maxsize=REMEMBERED)
    def browser(agent: str | None, referer: str | None) -> str:
        return (
            f'"user_agent.original": {json_value(agent)}, '
            f'"http.request.header.referer": {json_value(referer and redaction.target(referer))}'
        )

    def line(exchange: Exchange) -> str:
        environ, get, notes = exchange.environ, exchange.request.get, exchange.notes
        moment = exchange.started
        second = int(moment)
        text = _JSON % (
            iso_second(second),
            (moment - second) * 1000,
            hosts(environ.get("REMOTE_ADDR"), environ.get("wsgikit.original", environ).get("REMOTE_ADDR")),
            request(
                get("REQUEST_METHOD"),
                get("RAW_URI"),
                get("REQUEST_URI"),
                get("SCRIPT_NAME"),
                get("PATH_INFO"),
                get("QUERY_STRING"),
            ),
            exchange.status,
            exchange.sent,
            browser(get("HTTP_USER_AGENT"), get("HTTP_REFERER")),
            json_value(exchange.request_id),
            exchange.duration,
            exchange.ttfb,
        )
        return f"{text}{''.join(map(_member, notes, notes.values()))}}}" if notes else text + "}"

    return line


_JSON = (
    '{"time": "%s.%03dZ", %s, %s, "http.response.status_code": %s, "http.response.body.size": %d'
    ', %s, "request.id": %s, "duration": %.6f, "ttfb": %.6f'
)
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


def _member(name: object, value: object) -> str:
    """One note; a name that is the line's own gives way, as two members of one name are read in two ways."""
    key = str(name)
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
    return json_text(str(value))


def logfmt(redaction: Redaction) -> Format:
    """``name=value`` pairs with the names of json; what a request lacks is left out."""

    def line(exchange: Exchange) -> str:
        request = exchange.request
        referer = request.get("HTTP_REFERER")
        path, _, query = exchange.target.partition("?")
        pairs: dict[str, Any] = {
            "time": iso_time(exchange.started),
            "client.address": exchange.client,
            "network.peer.address": exchange.peer,
            "http.request.method": request.get("REQUEST_METHOD"),
            "url.path": path,
            "url.query": redaction.query(query) or None,
            "http.response.status_code": exchange.status,
            "http.response.body.size": exchange.sent,
            "user_agent.original": request.get("HTTP_USER_AGENT"),
            "http.request.header.referer": redaction.target(referer) if referer else None,
            "request.id": exchange.request_id,
            "duration": f"{exchange.duration:.6f}",
            "ttfb": f"{exchange.ttfb:.6f}",
        }
        for name, value in exchange.notes.items():
            if name != "request.id":
                pairs[f"note.{name}" if name in pairs else str(name)] = value
        return " ".join(f"{_key(name)}={_value(value)}" for name, value in pairs.items() if value is not None)

    return line


def _key(name: str) -> str:
    return bare(name).replace("=", "\\x3d")


def _value(value: object) -> str:
    text = str(value)
    safe = quoted(text)
    return safe if safe == text and text and " " not in text and "=" not in text else f'"{safe}"'


def uwsgi_line(redaction: Redaction) -> Format:
    """The line that uWSGI writes by default, memory report aside."""
    return uwsgi(DEFAULT_LINE, redaction)


NAMED: dict[str, Callable[[Redaction], Format]] = {
    "common": common,
    "combined": combined,
    "json": json,
    "logfmt": logfmt,
    "uwsgi": uwsgi_line,
}
