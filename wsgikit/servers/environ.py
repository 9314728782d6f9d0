"""Environ's keys and values: those that are promised, as the text that is promised."""

from __future__ import annotations

import os
import sys
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from wsgikit.servers.input import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

_PROMISED: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "",
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "",
    "SERVER_PROTOCOL": "HTTP/1.0",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": NOTHING,
    # Threads and processes that there may be do less harm than those that were not reckoned with.
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def promised_keys(environ: WSGIEnvironment) -> None:
    """Sets what PEP 3333 promises and is absent or None: mod_python's own handler gives no ``wsgi.run_once``."""
    for key, default in _PROMISED.items():
        if environ.get(key) is None:
            environ[key] = default
    if environ.get("wsgi.errors") is None:
        environ["wsgi.errors"] = sys.stderr  # which may be another one by now


def text_values(environ: WSGIEnvironment) -> None:
    """Makes every variable text: numbers and bytes by their look, None absent.

    SERVER_PORT is an int on Hypercorn, REMOTE_PORT on Werkzeug; SCRIPT_FILENAME is None on mod_python, and
    ``headers_raw`` a tuple on eventlet.
    """
    for key in [key for key, value in environ.items() if type(value) is not str]:
        if "." in key:
            continue
        value = environ.pop(key)
        if isinstance(value, bytes):
            environ[key] = value.decode("latin-1")
        elif isinstance(value, str):
            environ[key] = str.__str__(value)
        elif isinstance(value, int):
            environ[key] = str(int(value))
        elif value is not None:
            environ[f"server.{key}"] = value


def wide_values(environ: WSGIEnvironment) -> None:
    """Makes variables that were decoded as UTF-8 the latin-1 view of their bytes: fields on mod_python and fastwsgi.

    Only those with characters beyond latin-1, which cannot be such a view.
    """
    if _text(environ).isascii():
        return
    for key, value in environ.items():
        if type(value) is str and not value.isascii() and max(value) > "\xff" and "." not in key:
            environ[key] = utf8_bytes(value)


def utf8_bytes(text: str) -> str:
    """The latin-1 view of the bytes that ``text`` was decoded from."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode("utf-8", "replace").decode("latin-1")


def text_of(key: str) -> Callable[[WSGIEnvironment], None]:
    """The repair of one variable that a server gives as a number."""

    def text_value(environ: WSGIEnvironment) -> None:
        """Makes the variable text: SERVER_PORT is a number on Hypercorn, REMOTE_PORT on Werkzeug."""
        if type(environ.get(key, "")) is not str:
            environ[key] = str(environ[key])

    text_value.__name__ = f"text_{key.lower()}"
    return text_value


def empty_content_type(environ: WSGIEnvironment) -> None:
    """Drops a CONTENT_TYPE that is empty: nginx' gateways and twisted, where there is no body."""
    if environ.get("CONTENT_TYPE") == "":
        del environ["CONTENT_TYPE"]


def exported_headers(environ: WSGIEnvironment) -> None:
    """Drops variables of the process that look like header fields: wsgiref and Granian merge ``os.environ`` in.

    An exported HTTP_PROXY would be taken for a field of the request.
    """
    for key, value in _exported():
        if environ.get(key) == value:
            del environ[key]


@cache
def _exported() -> tuple[tuple[str, str], ...]:
    """The variables of the process that look so, at the first request."""
    return tuple((key, value) for key, value in os.environ.items() if key.startswith("HTTP_"))


def folded_fields(environ: WSGIEnvironment) -> None:
    """Puts the lines of a folded field on one (RFC 9112 section 5.2).

    wsgiref, uWSGI, gevent and eventlet hand on the line breaks, and who logs the value or sends it on writes two lines.
    """
    for value in environ.values():
        if type(value) is str and "\n" in value:
            _unfold(environ)
            return


def unusual_text(environ: WSGIEnvironment) -> None:
    """As ``folded_fields`` and ``wide_values``, on a server not known: all text is looked through once for both."""
    text = _text(environ)
    if "\n" in text or "\r" in text:
        _unfold(environ)
    if not text.isascii():
        wide_values(environ)


def _text(environ: WSGIEnvironment) -> str:
    return "".join([value for value in environ.values() if type(value) is str])


def _unfold(environ: WSGIEnvironment) -> None:
    for key, value in environ.items():
        field = key.startswith("HTTP_") or key == "CONTENT_TYPE"
        if field and type(value) is str and ("\n" in value or "\r" in value):
            environ[key] = _one_line(value)


def _one_line(value: str) -> str:
    """In time that is linear: a pattern for the blanks around a fold tries each of 60,000 blanks as the first."""
    return " ".join(
        [line.strip(" \t") for line in value.replace("\r", "\n").split("\n") if line.strip(" \t")]
    )


def proxy_field(environ: WSGIEnvironment) -> None:
    """Drops the field ``Proxy``, which no client has a use for, and CGI's libraries take for HTTP_PROXY (httpoxy)."""
    environ.pop("HTTP_PROXY", None)


def protocol(environ: WSGIEnvironment) -> None:
    """Writes ``HTTP/1.0`` in full: Granian says ``HTTP/1``."""
    if environ.get("SERVER_PROTOCOL") == "HTTP/1":
        environ["SERVER_PROTOCOL"] = "HTTP/1.0"


def text_errors(environ: WSGIEnvironment) -> None:
    """Gives ``wsgi.errors`` that takes text: asgiref's takes bytes, and nobody reads it."""
    if isinstance(environ.get("wsgi.errors"), BytesIO):
        environ["wsgi.errors"] = sys.stderr
