"""A format by its name or as a template, compiled once to a function from an exchange to a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.access.apache import apache
from wsgikit.access.escape import bare, quoted
from wsgikit.access.parts import clf_time, request_lines
from wsgikit.access.remembered import Remembered
from wsgikit.access.structured import json, logfmt
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
    people = Remembered(_person)

    def line(exchange: Exchange) -> str:
        get = exchange.environ.get
        return (
            f"{people[get('REMOTE_ADDR'), get('REMOTE_USER')]} [{clf_time(int(exchange.started))}]"
            f' "{request_line(exchange)}" {exchange.status} {exchange.sent or "-"}'
        )

    return line


def combined(redaction: Redaction) -> Format:
    """Common, then Referer and User-Agent, each in quotes."""
    request_line = request_lines(redaction)
    people = Remembered(_person)

    def browser(sent: tuple[str | None, str | None]) -> str:
        referer, agent = sent
        return (
            f'"{quoted(redaction.target(referer)) if referer else "-"}" "{quoted(agent) if agent else "-"}"'
        )

    browsers = Remembered(browser)

    def line(exchange: Exchange) -> str:
        get, sent = exchange.environ.get, exchange.request.get
        return (
            f"{people[get('REMOTE_ADDR'), get('REMOTE_USER')]} [{clf_time(int(exchange.started))}]"
            f' "{request_line(exchange)}" {exchange.status} {exchange.sent or "-"}'
            f" {browsers[sent('HTTP_REFERER'), sent('HTTP_USER_AGENT')]}"
        )

    return line


def _person(known: tuple[str | None, str | None]) -> str:
    address, user = known
    return f"{bare(address or '-')} - {bare(user or '-')}"


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
