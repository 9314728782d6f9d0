"""Log formats of uWSGI: the same names, so that a log-format can be pasted."""

from __future__ import annotations

import itertools
import os
import re
import sys
from time import asctime, localtime, time
from typing import TYPE_CHECKING, Any

from wsgikit.access.escape import bare
from wsgikit.access.parts import clf_time, user
from wsgikit.access.templates import Ready, compiled, head_size, note, request_header, variable
from wsgikit.core.errors import wrong_value
from wsgikit.core.memory import memory
from wsgikit.core.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.access.exchange import Exchange
    from wsgikit.access.templates import Field
    from wsgikit.http.redact import Redaction

_DEFAULT_LINE = (
    "[pid: %(pid)|app: 0|req: %(req)] %(addr) (%(user)) {%(vars) vars in %(pktsize) bytes} [%(ctime)] %(method) %(uri)"
    " => generated %(rsize) bytes in %(msecs) msecs (%(proto) %(status)) %(headers) headers in %(hsize) bytes"
    " (%(switches) switches on core %(core))"
)

# What --memory-report puts before it.
_MEMORY_REPORT = "{address space usage: %(vsz) bytes/%(vszM)MB} {rss usage: %(rss) bytes/%(rssM)MB} "

_VARIABLE = re.compile(r"%\(([^)]+)\)")
_PYTHONS = re.compile(r"%\((?:[A-Za-z]|[A-Z_]+|\{[^}]*\}[a-z])\)s")  # as gunicorn and Paste have it


def uwsgi(text: str, redaction: Redaction, *, layer: str = "AccessLog") -> Callable[[Exchange], str]:
    """A uWSGI log-format, as a function. A name that uWSGI does not know is a note, as it is a logvar there."""
    pasted = _PYTHONS.search(text)
    if pasted:
        wanted = f"uWSGI's names, as %(addr), or Apache's, as %h; {pasted[0]!r} is gunicorn's or Paste's"
        raise wrong_value(layer, "format", text, wanted)
    if "%(" in _VARIABLE.sub("", text):
        raise wrong_value(layer, "format", text, "each '%(' with a name and a ')' behind it, as in '%(addr)'")
    return compiled(text, _VARIABLE, lambda match: _variable(match[1], redaction), layer)


def uwsgi_line(redaction: Redaction, *, memory: bool = False) -> Callable[[Exchange], str]:
    """The line that uWSGI writes by default, as what reads its logs expects it: numbers, and ``()`` for nobody.

    ``req`` has the lines of this log in this process, twice: of the other workers' no layer knows (`Stats` does).
    """
    counts = PerProcess(lambda: itertools.count(1))

    def requests(_: Exchange) -> str:
        number = next(counts.get())
        return f"{number}/{number}"

    own: dict[str, Field] = {"req": requests, "user": lambda exchange: Ready(bare(user(exchange) or ""))}
    text = _MEMORY_REPORT + _DEFAULT_LINE if memory else _DEFAULT_LINE
    return compiled(
        text, _VARIABLE, lambda match: own.get(match[1]) or _variable(match[1], redaction), "AccessLog"
    )


def _variable(name: str, redaction: Redaction) -> Field:
    kind, dot, key = name.partition(".")
    if dot and kind == "var":
        return variable(key, redaction)
    if name == "uri":
        return lambda exchange: redaction.target(exchange.target)
    if name == "referer":
        return request_header("referer", redaction)
    return _FIELDS.get(name) or note(name, redaction)


def _ctime(exchange: Exchange) -> str:
    # English whatever the locale; strftime's %c is not.
    return asctime(localtime(exchange.started))


def _texts(exchange: Exchange) -> list[tuple[str, str]]:
    return [(key, value) for key, value in exchange.request.items() if type(value) is str]


def _packet(exchange: Exchange) -> int:
    """The size of the request as a uwsgi packet holds it: each key and value with two bytes of length."""
    return sum(len(key) + len(value) + 4 for key, value in _texts(exchange))


def measures(text: str) -> bool:
    """Whether a format asks for what has to be measured before the app is called too: by a ``MeasuredExchange``."""
    return any(match[1] == "rss_delta" for match in _VARIABLE.finditer(text))


def _worker(exchange: Exchange) -> object:
    module: Any = sys.modules.get("uwsgi")
    return 0 if module is None else module.worker_id()


_FIELDS: dict[str, Field] = {
    "method": lambda exchange: exchange.request.get("REQUEST_METHOD"),
    "user": user,
    "addr": lambda exchange: Ready(bare(exchange.client or "-")),
    "peer": lambda exchange: Ready(bare(exchange.peer or "-")),
    "host": lambda exchange: exchange.header("host"),
    "proto": lambda exchange: exchange.request.get("SERVER_PROTOCOL"),
    "uagent": lambda exchange: exchange.header("user-agent"),
    "status": lambda exchange: exchange.status,
    "rsize": lambda exchange: exchange.sent,
    "hsize": head_size,
    "size": lambda exchange: exchange.sent + head_size(exchange),
    "cl": lambda exchange: exchange.request.get("CONTENT_LENGTH"),
    "pktsize": _packet,
    "headers": lambda exchange: len(exchange.headers),
    "vars": lambda exchange: len(_texts(exchange)),
    "micros": lambda exchange: int(exchange.duration * 1e6),
    "msecs": lambda exchange: int(exchange.duration * 1e3),
    "secs": lambda exchange: f"{exchange.duration:f}",
    "time": lambda exchange: int(exchange.started),
    "tmsecs": lambda exchange: int(exchange.started * 1e3),
    "tmicros": lambda exchange: int(exchange.started * 1e6),
    "ctime": _ctime,
    "ltime": lambda exchange: clf_time(int(exchange.started)),
    "ftime": lambda exchange: clf_time(int(exchange.started)),
    "epoch": lambda exchange: int(time()),
    "pid": lambda exchange: os.getpid(),
    "wid": _worker,
    "core": lambda exchange: exchange.request.get("uwsgi.core", 0),
    "switches": lambda exchange: 1,
    "vsz": lambda exchange: memory()[0],
    "rss": lambda exchange: memory()[1],
    "vszM": lambda exchange: memory()[0] >> 20,
    "rssM": lambda exchange: memory()[1] >> 20,
    "modifier1": lambda exchange: 0,
    "modifier2": lambda exchange: 0,
    "werr": lambda exchange: 0,
    "rerr": lambda exchange: 0,
    "ioerr": lambda exchange: 0,
    "request_id": lambda exchange: exchange.request_id,
}
