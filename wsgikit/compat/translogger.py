"""Paste's TransLogger, on the parts of `AccessLog`."""

from __future__ import annotations

import logging
from time import localtime, strftime
from typing import TYPE_CHECKING, Any

from wsgikit.access.escape import bare, quoted, text_of
from wsgikit.access.exchange import Exchange
from wsgikit.access.parts import offset
from wsgikit.compat.checks import checked_app
from wsgikit.core.errors import wrong_value
from wsgikit.core.middleware import Application
from wsgikit.http.redact import DEFAULT, Redaction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from time import struct_time
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_FIELDS = (
    *("REMOTE_ADDR", "REMOTE_USER", "REQUEST_METHOD", "REQUEST_URI", "HTTP_VERSION", "time", "status"),
    *("bytes", "HTTP_REFERER", "HTTP_USER_AGENT"),
)
_CONSOLE = "wsgikit.compat.TransLogger"

_redaction = Redaction(DEFAULT)
_log = logging.getLogger("wsgikit.access")


class TransLogger(Application):
    """Paste's: logs each request to a logger, in Apache's combined format unless told otherwise.

    - ``logger`` (None), ``logger_name`` (``"wsgi"``): the logger, itself or by its name; the rest of this list but the
      last two is for one by name.
    - ``setup_console_handler`` (True): whether lines also go to stderr, as they are, and to no logger above.
    - ``set_logger_level`` (DEBUG): the level the logger gets; None leaves it.
    - ``format`` (None, combined): with ``%(NAME)s`` for REMOTE_ADDR, REMOTE_USER, REQUEST_METHOD, REQUEST_URI,
      HTTP_VERSION, time, status, bytes, HTTP_REFERER and HTTP_USER_AGENT; another name raises ``ValueError``.
    - ``logging_level`` (INFO), ``time_format`` (``"%d/%b/%Y:%H:%M:%S "``, strftime's; the offset follows).

    Subclasses may override ``write_log``, ``format`` and ``default_time_format``, as they do with the original.

    Different from the original: one line for each request, once its body is closed or the app has raised, with
    the status and the bytes that the client was sent; REMOTE_ADDR is never taken from X-Forwarded-For, which
    anybody can write (put `TrustedProxies` inside or outside); what strangers send is escaped, and secrets in queries
    are hidden; the offset is that of the moment, minutes too; ``exc_info`` is handed on; several on one logger write
    one line each to the console, not several.
    """

    default_time_format = "%d/%b/%Y:%H:%M:%S "

    format = (
        "%(REMOTE_ADDR)s - %(REMOTE_USER)s [%(time)s] "
        '"%(REQUEST_METHOD)s %(REQUEST_URI)s %(HTTP_VERSION)s" '
        '%(status)s %(bytes)s "%(HTTP_REFERER)s" "%(HTTP_USER_AGENT)s"'
    )

    def __init__(
        self,
        application: WSGIApplication,
        logger: logging.Logger | None = None,
        format: str | None = None,  # noqa: A002 - the original's name
        logging_level: int = logging.INFO,
        logger_name: str = "wsgi",
        setup_console_handler: bool = True,
        set_logger_level: int | None = logging.DEBUG,
        time_format: str | None = None,
    ) -> None:
        self.application = checked_app("TransLogger", "application", application)
        if format is not None:
            self.format = format
        _check(self.format)
        self.time_format = time_format or self.default_time_format
        self.logging_level = logging_level
        self.logger_name = logger_name
        self.logger = logging.getLogger(logger_name) if logger is None else logger
        if logger is None:
            if setup_console_handler:
                _to_console(self.logger)
            if set_logger_level is not None:
                self.logger.setLevel(set_logger_level)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange = Exchange(environ, start_response, self._finished)
        try:
            body = self.application(environ, exchange.start_response)
        except BaseException as error:
            exchange.raised(error)
            raise
        return exchange.watched(body)

    def write_log(
        self,
        environ: WSGIEnvironment,
        method: str,
        req_uri: str,
        start: struct_time,
        status: str,
        bytes: str | None,  # noqa: A002 - the original's name
    ) -> None:
        """Log one request; ``req_uri`` has path and query, ``start`` is local, ``status`` the three digits."""
        referer = environ.get("HTTP_REFERER", "-")
        values = {
            "REMOTE_ADDR": bare(environ.get("REMOTE_ADDR") or "-"),
            "REMOTE_USER": bare(environ.get("REMOTE_USER") or "-"),
            "REQUEST_METHOD": quoted(method),
            "REQUEST_URI": quoted(req_uri),
            "HTTP_VERSION": quoted(environ.get("SERVER_PROTOCOL") or "-"),
            "time": strftime(self.time_format, start) + offset(start),
            "status": status,
            "bytes": "-" if bytes is None else bytes,
            "HTTP_REFERER": quoted(_redaction.target(referer)),
            "HTTP_USER_AGENT": quoted(environ.get("HTTP_USER_AGENT", "-")),
        }
        self.logger.log(self.logging_level, self.format % values)

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The one app inside."""
        return (("application", self.application),)

    def _finished(self, exchange: Exchange) -> None:
        try:
            method = exchange.request.get("REQUEST_METHOD", "")
            target, start = _redaction.target(exchange.target), localtime(exchange.started)
            self.write_log(exchange.environ, method, target, start, exchange.status, str(exchange.sent))
        except Exception as error:  # no log is worth an answer
            _log.warning("TransLogger: a line was lost: %s: %s", type(error).__name__, quoted(text_of(error)))


def _to_console(logger: logging.Logger) -> None:
    """Let the logger's lines go to stderr as they are, once however many layers share it."""
    logger.propagate = False
    if any(handler.get_name() == _CONSOLE for handler in logger.handlers):
        return
    console = logging.StreamHandler()
    console.set_name(_CONSOLE)
    console.setLevel(logging.DEBUG)
    console.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(console)


def _check(shape: Any) -> None:
    try:
        line = shape % dict.fromkeys(_FIELDS, "-")
    except (KeyError, TypeError, ValueError) as error:
        wanted = f"a template such as '%(status)s', of {', '.join(_FIELDS)}"
        raise wrong_value(
            "TransLogger", "format", shape, f"{wanted} ({type(error).__name__}: {error})"
        ) from None
    if not line.replace("\t", "").isprintable():
        raise wrong_value(
            "TransLogger", "format", shape, "a template for one line, without control characters"
        )
