"""A format by its name or as a template, compiled once to a function from an exchange to a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.access.apache import apache
from wsgikit.access.escape import bare, quoted, text_of
from wsgikit.access.parts import clf_time, request_lines
from wsgikit.access.structured import json, logfmt
from wsgikit.access.uwsgi import uwsgi, uwsgi_line
from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.core.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.access.exchange import Exchange
    from wsgikit.http.redact import Redaction

    Format = Callable[[Exchange], str]


def compiled(text: str, redaction: Redaction, *, memory: bool = False, layer: str = "AccessLog") -> Format:
    """The function for ``text``: a name out of ``NAMED``, an Apache template (``%h``) or a uWSGI one (``%(addr)``).

    ``memory`` says whether its lines are to have the memory of the process. Raises ``ValueError`` for an unknown name
    or directive, and where a format has no place for memory.
    """
    wanted = f"one of {', '.join(map(repr, NAMED))}, or a template such as '%a %s'"
    if not isinstance(text, str):
        raise wrong_type(layer, "format", text, wanted)
    if memory and text not in ("json", "logfmt", "uwsgi"):
        places = "False, or the format json, logfmt or uwsgi; a uWSGI template has %(rss) and %(rss_delta)"
        raise wrong_value(layer, "memory", memory, places)
    if memory and text == "uwsgi":
        return uwsgi_line(redaction, memory=True)
    named = NAMED.get(text)
    if named is not None:
        return named(redaction)
    if "%" not in text:
        raise wrong_value(layer, "format", text, wanted + suggestion(text, NAMED))
    return (uwsgi if "%(" in text else apache)(text, redaction, layer=layer)


def common(redaction: Redaction) -> Format:
    """NCSA Common Log Format: ``198.51.100.7 - - [05/Nov/2026:13:55:36 +0100] "GET / HTTP/1.1" 200 2326``."""
    request_line = request_lines(redaction)
    people = Remembered(_person)

    def line(exchange: Exchange) -> str:
        get = exchange.environ.get
        person = people[get("REMOTE_ADDR"), exchange.notes.get("user") or get("REMOTE_USER")]
        return (
            f"{person} [{clf_time(int(exchange.started))}]"
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
        person = people[get("REMOTE_ADDR"), exchange.notes.get("user") or get("REMOTE_USER")]
        return (
            f"{person} [{clf_time(int(exchange.started))}]"
            f' "{request_line(exchange)}" {exchange.status} {exchange.sent or "-"}'
            f" {browsers[sent('HTTP_REFERER'), sent('HTTP_USER_AGENT')]}"
        )

    return line


def _person(known: tuple[str | None, object]) -> str:
    """Who asked, from the address and what ``parts.user`` gives; an app may note its user as a number."""
    address, name = known
    return f"{bare(address or '-')} - {bare(text_of(name or '-'))}"


NAMED: dict[str, Callable[[Redaction], Format]] = {
    "common": common,
    "combined": combined,
    "json": json,
    "logfmt": logfmt,
    "uwsgi": uwsgi_line,
}
