"""Which server is around us, from what its environ looks like.

``start_response`` is never looked at: asking for its type's name brings fastwsgi down.
"""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

UNKNOWN = "unknown"

# By the first word of SERVER_SOFTWARE.
_SOFTWARE = {
    "wsgiserver": "wsgiref",
    "werkzeug": "werkzeug",
    "gunicorn": "gunicorn",
    "waitress": "waitress",
    "cheroot": "cheroot",
    "granian": "granian",
    "gevent": "gevent",
    "rocket3": "rocket3",
}

# By the module that the class of wsgi.input comes from.
_INPUTS = {
    "a2wsgi.wsgi": "a2wsgi",
    "eventlet.wsgi": "eventlet",
    "twisted.web.wsgi": "twisted",
    "gevent.pywsgi": "gevent",
    "cheroot.server": "cheroot",
    "gunicorn.http.body": "gunicorn",
    "granian._granian": "granian",
}


def recognise(environ: WSGIEnvironment) -> str:
    """The server's name in the table of plans; ``"unknown"`` unless it is certain."""
    if "uwsgi.version" in environ:
        return "uwsgi"
    if "mod_wsgi.version" in environ:
        return "mod_wsgi"
    module = type(environ.get("wsgi.input")).__module__
    if "SCGI" in environ:
        return "flup-scgi"  # its input has a class of Python's own where there is no body
    if module.startswith("flup."):
        return "flup"
    if module.startswith("wsgikit.handlers.mod_python"):
        return "wsgikit.handlers.mod_python"
    if "mod_python/" in str(environ.get("SERVER_SOFTWARE", "")):
        return "mod_python"
    if module in _INPUTS:
        return _INPUTS[module]
    software = str(environ.get("SERVER_SOFTWARE", "")).lower().partition("/")[0].partition(" ")[0]
    if environ.get("wsgi.run_once") and "GATEWAY_INTERFACE" in environ:
        return "cgi"
    if software in _SOFTWARE:
        return _SOFTWARE[software]
    if type(environ.get("wsgi.input")) is BytesIO or not software:
        return _by_modules(environ)
    return UNKNOWN


def _by_modules(environ: WSGIEnvironment) -> str:
    """Servers that leave no name: by what they have loaded, and one trait of their environ."""
    wrapper = environ.get("wsgi.file_wrapper")
    kind = (getattr(wrapper, "__module__", None), getattr(wrapper, "__name__", None))
    loaded = sys.modules
    if kind == ("builtins", "FileWrapper"):
        return "pyruvate" if "pyruvate" in loaded else "bjoern" if "bjoern" in loaded else UNKNOWN
    if "hypercorn" in loaded and type(environ.get("SERVER_PORT")) is int:
        return "hypercorn"
    if "asgiref.wsgi" in loaded and type(environ.get("wsgi.errors")) is BytesIO:
        return "asgiref"
    if "_fastwsgi" in loaded and ":" in str(environ.get("REMOTE_ADDR", "")):
        return "fastwsgi"
    if "tornado.wsgi" in loaded:
        return "tornado"
    return UNKNOWN
