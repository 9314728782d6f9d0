"""Environ's keys and values: those that are promised, as the text that is promised."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from wsgikit.servers.input import NOTHING
from wsgikit.servers.refusal import Refused

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


def text_of(key: str) -> Callable[[WSGIEnvironment], None]:
    """The repair of one variable that a server gives as a number."""

    def text_value(environ: WSGIEnvironment) -> None:
        """Makes the variable text: SERVER_PORT is a number on Hypercorn, REMOTE_PORT on Werkzeug."""
        if type(environ.get(key, "")) is not str:
            environ[key] = str(environ[key])

    text_value.__name__ = f"text_{key.lower()}"
    return text_value


def request_length(environ: WSGIEnvironment) -> None:
    """Leaves one CONTENT_LENGTH of digits, or none; refuses what two readers could read in two ways.

    It is ``''`` without a body on nginx' gateways, twisted and wsgiref, and a number on pyruvate. What is none (``+5``,
    ``4, 4``) reaches the app on wsgiref, Werkzeug, uWSGI and rocket3, and ``int()`` reads some of it (RFC 9110 section
    8.6).
    """
    given = environ.get("CONTENT_LENGTH")
    if given is None or given == "":
        environ.pop("CONTENT_LENGTH", None)
        return
    text = environ["CONTENT_LENGTH"] = str(given)
    if not (text.isascii() and text.isdigit()):
        raise Refused("Content-Length is not one number.")


def content_fields_twice(environ: WSGIEnvironment) -> None:
    """Drops HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE, copies of what has names of its own.

    nginx' gateways, twisted, rocket3, and lighttpd for the length. Refuses two lengths that differ.
    """
    copy = environ.pop("HTTP_CONTENT_LENGTH", "")
    if copy and environ.setdefault("CONTENT_LENGTH", copy) != copy:
        raise Refused("Content-Length was given twice.")
    copy = environ.pop("HTTP_CONTENT_TYPE", "")
    if copy:
        environ.setdefault("CONTENT_TYPE", copy)


def empty_content_type(environ: WSGIEnvironment) -> None:
    """Drops a CONTENT_TYPE that is empty: nginx' gateways and twisted, where there is no body."""
    if environ.get("CONTENT_TYPE") == "":
        del environ["CONTENT_TYPE"]


def length_beside_chunks(environ: WSGIEnvironment) -> None:
    """Refuses a request with both Content-Length and Transfer-Encoding (RFC 9112 section 6.1).

    21 servers do so themselves. uvicorn, Hypercorn, cheroot and bjoern decode the chunks and leave the length in
    environ; uWSGI gives the framing as the body.
    """
    if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" in environ:
        raise Refused("The request has both Content-Length and Transfer-Encoding.")


def decoded_by_nginx(environ: WSGIEnvironment) -> None:
    """Drops the Transfer-Encoding of a body that nginx has decoded, and given a length: it refuses both in one request.

    uWSGI's own sockets give no DOCUMENT_ROOT.
    """
    if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" in environ and "DOCUMENT_ROOT" in environ:
        del environ["HTTP_TRANSFER_ENCODING"]


def length_of_framing(environ: WSGIEnvironment) -> None:
    """Drops the CONTENT_LENGTH of a chunked body: on pyruvate the length of all its framing."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        environ.pop("CONTENT_LENGTH", None)


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
    for key in [key for key, value in environ.items() if type(value) is str and "\n" in value]:
        if key.startswith("HTTP_") or key == "CONTENT_TYPE":
            environ[key] = _FOLD.sub(" ", environ[key])


_FOLD = re.compile(r"[ \t]*[\r\n]+[ \t]*")


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
