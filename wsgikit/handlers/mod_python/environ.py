"""environ from Apache's request: its variables as native strings, and the path split where the app begins."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

from wsgikit.handlers.mod_python import httpd

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgikit.handlers.mod_python.streams import Body, ErrorLog


def build(req: Any, apache: Any, base: str, body: Body, errors: ErrorLog) -> WSGIEnvironment:
    """The environ of a request whose SCRIPT_NAME is ``base``."""
    req.add_common_vars()
    environ: WSGIEnvironment = dict(httpd.pairs(req.subprocess_env))
    credentials = httpd.value(req.headers_in, "Authorization")
    if credentials is not None:  # withheld from CGI scripts, whose environment others can read
        environ["HTTP_AUTHORIZATION"] = credentials
    environ.update(
        {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_PROTOCOL": text(req, "protocol"),
            "REQUEST_METHOD": text(req, "method"),
            "REQUEST_URI": text(req, "unparsed_uri"),
            "SCRIPT_NAME": base,
            "PATH_INFO": text(req, "uri")[len(base) :],
            "QUERY_STRING": text(req, "args"),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme(req, environ),
            "wsgi.input": body,
            "wsgi.input_terminated": True,
            "wsgi.errors": errors,
            "wsgi.multithread": threaded(apache),
            "wsgi.multiprocess": forked(apache),
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
        }
    )
    return environ


def option(req: Any, name: str) -> str:
    """A PythonOption of ours, or the one of mod_python's own handler that says the same; empty for neither."""
    options = req.get_options()
    return str(options.get(f"wsgi.{name}") or options.get(f"mod_python.wsgi.{name}") or "")


def script_name(req: Any) -> str | None:
    """SCRIPT_NAME: where the app is mounted; None for a request beside it."""
    named = option(req, "base_uri") or (req.hlist.directory if req.hlist.is_location else "")
    base, path = native(named.rstrip("/")), text(req, "uri")
    return base if f"{path}/".startswith(f"{base}/") else None


def text(req: Any, name: str) -> str:
    """An attribute of the request as a native string; empty for None."""
    try:
        found = getattr(req, name)
    except UnicodeDecodeError as error:
        return error.object.decode("latin-1")  # the bytes it could not decode
    return native(found or "")


def native(decoded: str) -> str:
    """mod_python decodes as UTF-8; PEP 3333 wants the bytes as latin-1."""
    return decoded if decoded.isascii() else decoded.encode().decode("latin-1")


def scheme(req: Any, environ: WSGIEnvironment) -> str:
    """By mod_ssl, or by HTTPS where a proxy in front has it set (SetEnvIf)."""
    return "https" if req.is_https() or environ.get("HTTPS", "off").lower() in ("on", "1") else "http"


@cache
def threaded(apache: Any) -> bool:
    """Whether other threads of this process may be in the app."""
    return bool(apache.mpm_query(apache.AP_MPMQ_IS_THREADED))


@cache
def forked(apache: Any) -> bool:
    """Whether other processes may be in the app."""
    return bool(apache.mpm_query(apache.AP_MPMQ_MAX_DAEMONS) > 1)
