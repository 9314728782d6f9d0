"""What the server owes before the application is called: the environ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wsgikit.testing.lint_head import TOKEN

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgikit.testing.rules import Referee

# SCRIPT_NAME, PATH_INFO and QUERY_STRING may be left out where they would be empty (PEP 3333).
REQUIRED = (
    "REQUEST_METHOD",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "wsgi.version",
    "wsgi.url_scheme",
    "wsgi.input",
    "wsgi.errors",
    "wsgi.multithread",
    "wsgi.multiprocess",
    "wsgi.run_once",
)
_DIGITS = re.compile("[0-9]+")  # not str.isdigit(), which takes the digits of every script


def check_environ(environ: WSGIEnvironment, referee: Referee) -> None:
    if type(environ) is not dict:
        referee.broken("environ-dict", type(environ).__name__)
    if missing := [key for key in REQUIRED if key not in environ]:
        referee.broken("environ-keys", f"no {', '.join(missing)}")
    _check_strings(environ, referee)
    _check_request(environ, referee)
    _check_path(environ, referee)
    _check_wsgi(environ, referee)


def _check_strings(environ: WSGIEnvironment, referee: Referee) -> None:
    for key, value in environ.items():
        if type(key) is not str:
            referee.broken("environ-str", f"the key {key!r}, {type(key).__name__}")
        elif "." in key:
            continue
        elif type(value) is not str:
            referee.broken("environ-str", f"{key}={value!r}, {type(value).__name__}")
        elif not _is_latin1(value):
            referee.broken("environ-latin1", f"{key}={value!r}")


def _is_latin1(text: str) -> bool:
    return text.isascii() or max(text) <= "\xff"


def _check_request(environ: WSGIEnvironment, referee: Referee) -> None:
    method = environ.get("REQUEST_METHOD", "GET")
    if not TOKEN.fullmatch(str(method)):
        referee.broken("environ-method", repr(method))
    for key in ("SERVER_NAME", "SERVER_PROTOCOL"):
        if environ.get(key) == "":
            referee.broken("environ-server", f"{key}=''")
    port = environ.get("SERVER_PORT", "80")
    if not _DIGITS.fullmatch(str(port)):
        referee.broken("environ-port", repr(port))
    for key in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
        if key in environ:
            referee.broken("http-content", f"{key}={environ[key]!r}")
    length = environ.get("CONTENT_LENGTH", "")
    if length and not _DIGITS.fullmatch(str(length)):
        referee.broken("request-length", repr(length))


def _check_path(environ: WSGIEnvironment, referee: Referee) -> None:
    script_name, path_info = str(environ.get("SCRIPT_NAME", "")), str(environ.get("PATH_INFO", ""))
    if script_name == "/" or (script_name and not script_name.startswith("/")):
        referee.broken("script-name", repr(script_name))
    # "OPTIONS *" asks about the server as a whole (RFC 9112, 3.2.4).
    asterisk = path_info == "*" and environ.get("REQUEST_METHOD") == "OPTIONS"
    if path_info and not path_info.startswith("/") and not asterisk:
        referee.broken("path-info", repr(path_info))
    if not script_name and not path_info:
        referee.broken("path-empty", "both are empty or absent")


def _check_wsgi(environ: WSGIEnvironment, referee: Referee) -> None:
    version = environ.get("wsgi.version", (1, 0))
    if type(version) is not tuple or version != (1, 0):
        referee.broken("environ-version", repr(version))
    scheme = environ.get("wsgi.url_scheme", "http")
    if scheme not in ("http", "https"):
        referee.broken("environ-scheme", repr(scheme))
    wrapper = environ.get("wsgi.file_wrapper", list)
    if not callable(wrapper):
        referee.broken("file-wrapper", repr(wrapper))
