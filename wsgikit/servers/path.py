"""SCRIPT_NAME and PATH_INFO: the client's bytes, decoded, in latin-1 view, and the border between them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from wsgikit.servers.environ import utf8_bytes

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


def missing_names(environ: WSGIEnvironment) -> None:
    """Sets SCRIPT_NAME, PATH_INFO and QUERY_STRING where they are absent.

    SCRIPT_NAME is missing behind nginx' uwsgi_pass, PATH_INFO of a mount point under CGI and mod_python, QUERY_STRING
    on bjoern, fastwsgi and eventlet.
    """
    if "SCRIPT_NAME" not in environ:
        environ["SCRIPT_NAME"] = ""
    if "PATH_INFO" not in environ:
        environ["PATH_INFO"] = ""
    if "QUERY_STRING" not in environ:
        environ["QUERY_STRING"] = ""


def leading_slash(environ: WSGIEnvironment) -> None:
    """Gives PATH_INFO its slash, and a request for nothing the path ``/``.

    gunicorn, Hypercorn, Granian and nginx' ``location /mnt`` cut ``/mntx`` into ``/mnt`` and ``x``: the request was not
    for the mount, so all of it is path again. 17 servers hand on a target like ``abc``; wsgiref, uvicorn, Hypercorn,
    uWSGI, gevent, eventlet and tornado hand on the absolute form ``http://host/path`` whole (RFC 9112 section 3.2.2:
    the path is its last part, and its host goes before the Host field).
    """
    try:
        if environ["PATH_INFO"][0] == "/":
            return
    except LookupError:
        pass
    _border(environ, environ.get("PATH_INFO", ""))


def _border(environ: WSGIEnvironment, path: str) -> None:
    script = environ.get("SCRIPT_NAME", "")
    if not path and script[-1:] != "/":
        environ["PATH_INFO"] = path if script else "/"
        return
    if not script:
        if path == "*" and environ.get("REQUEST_METHOD") == "OPTIONS":
            return  # about the server as a whole (RFC 9112 section 3.2.4)
        scheme, mark, rest = path.partition("://")
        if mark and scheme.lower() in ("http", "https"):
            _take_host(environ, rest)
            path = rest.partition("/")[2]
    elif script[-1:] == "/":
        script, path = script.rstrip("/"), "/" + path.lstrip("/")
    else:
        script, path = "", script + path
    environ["SCRIPT_NAME"] = script
    environ["PATH_INFO"] = path if path[:1] == "/" else "/" + path


def script_slashes(environ: WSGIEnvironment) -> None:
    """Gives SCRIPT_NAME the slash before it, and takes away those after it, on a server not known (PEP 3333)."""
    script = environ.get("SCRIPT_NAME", "")
    if script and (script[0] != "/" or script[-1] == "/"):
        script = script.rstrip("/")
        environ["SCRIPT_NAME"] = script if script[:1] in ("", "/") else "/" + script


def absolute_target(environ: WSGIEnvironment) -> None:
    """Takes the host of an absolute target for HTTP_HOST: gunicorn takes the path alone (RFC 9112 section 3.2.2)."""
    raw = environ.get("RAW_URI")
    if raw and raw[0] != "/":
        scheme, mark, rest = raw.partition("://")
        if mark and scheme.lower() in ("http", "https"):
            _take_host(environ, rest)


def _take_host(environ: WSGIEnvironment, rest: str) -> None:
    """Make the host and port of what follows ``http://`` the Host; a user's name before them is nobody's business."""
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    if host:
        environ["HTTP_HOST"] = host


def whole_path(environ: WSGIEnvironment) -> None:
    """Puts the whole path into PATH_INFO where a gateway has put it into SCRIPT_NAME.

    nginx' stock fastcgi_params and scgi_params, Apache's mod_proxy_fcgi and mod_proxy_scgi: SCRIPT_NAME is all of the
    path and PATH_INFO is not sent, or flup makes it up from what REQUEST_URI has more characters (``/a%2Fb`` gives
    ``Fb``). A request for a mount point itself (SCRIPT_NAME=/mnt, no PATH_INFO) looks the same on such a gateway, and
    is taken for the whole path too; a ``Prefix`` inside says where the app is mounted.
    """
    script = environ.get("SCRIPT_NAME", "")
    if script and (script == _document(environ) or _split_by_flup(environ)):
        environ["SCRIPT_NAME"] = ""
        environ["PATH_INFO"] = script


def whole_path_unsent(environ: WSGIEnvironment) -> None:
    """As ``whole_path``, where nothing makes PATH_INFO up: uWSGI's own FastCGI and SCGI sockets.

    Only with PATH_INFO absent: nginx' uwsgi_params send it, empty for a mount point.
    """
    if "PATH_INFO" not in environ:
        whole_path(environ)


def whole_path_behind_gateway(environ: WSGIEnvironment) -> None:
    """As ``whole_path``, on a server not known: not under CGI and mod_wsgi, whose mount points look the same."""
    if (
        environ.get("PATH_INFO", "")[:1] != "/"
        and not environ.get("wsgi.run_once")
        and "mod_wsgi.version" not in environ
    ):
        whole_path(environ)


def _document(environ: WSGIEnvironment) -> str:
    """The path of the whole request, from nginx or off the request line; empty if no such gateway is in front."""
    document: str | None = environ.get("DOCUMENT_URI")  # as it went through nginx' rewriting
    if document is not None:
        return document
    if "SCGI" in environ or str(environ.get("SERVER_SOFTWARE", "")).startswith("nginx"):
        return decoded(raw_path(environ) or "")
    return ""


def _split_by_flup(environ: WSGIEnvironment) -> bool:
    """Whether Apache's proxy has sent no PATH_INFO, whose path has lost its double slashes on the way to SCRIPT_NAME.

    mod_fcgid's SCRIPT_FILENAME is a file.
    """
    proxied = str(environ.get("SCRIPT_FILENAME", "")).startswith("proxy:")
    return proxied and environ.get("PATH_INFO", "")[:1] != "/"


def utf8_view(environ: WSGIEnvironment) -> None:
    """Makes paths that were decoded as UTF-8 the latin-1 view of their bytes again: mod_python, rocket3."""
    for key in ("SCRIPT_NAME", "PATH_INFO"):
        text = environ.get(key, "")
        if not text.isascii():
            environ[key] = utf8_bytes(text)


def utf8_view_if_certain(environ: WSGIEnvironment) -> None:
    """As ``utf8_view``, on a server not known: only for a path that cannot be a latin-1 view.

    It has characters beyond latin-1, or its UTF-8 bytes are those of the path on the request line.
    """
    whole = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if whole.isascii():
        return
    if max(whole) > "\xff" or utf8_bytes(whole) == decoded(raw_path(environ) or ""):
        utf8_view(environ)


def raw_document(environ: WSGIEnvironment) -> None:
    """Takes DOCUMENT_URI for a path that flup's SCGI has copied off REQUEST_URI: nginx' stock scgi_params send none."""
    document, script = environ.get("DOCUMENT_URI"), environ.get("SCRIPT_NAME", "")
    if document is None or not document.startswith(script):
        return
    path = environ.get("PATH_INFO", "")
    if script + path != document and script + path == raw_path(environ):
        environ["PATH_INFO"] = document[len(script) :]


def lost_bytes(environ: WSGIEnvironment) -> None:
    """Decodes a path that is not ASCII again: bytes that are no UTF-8 are U+FFFD on Werkzeug and uvicorn.

    From REQUEST_URI, or from the raw path of the ASGI scope.
    """
    path = environ.get("PATH_INFO", "")
    if path.isascii():
        return
    raw = raw_path(environ) or (environ.get("asgi.scope", {}).get("raw_path") or b"").decode("latin-1")
    if raw:
        _decode_again(environ, raw)


def _decode_again(environ: WSGIEnvironment, raw: str) -> None:
    whole, script = decoded(raw), environ.get("SCRIPT_NAME", "")
    if whole.startswith(script):
        environ["PATH_INFO"] = whole[len(script) :]


def still_encoded(environ: WSGIEnvironment) -> None:
    """Decodes a PATH_INFO that was handed on as it stood in the request line: fastwsgi."""
    path = environ.get("PATH_INFO", "")
    if "%" in path or not path.isascii():
        environ["PATH_INFO"] = decoded(path)


def encoded_slashes(environ: WSGIEnvironment) -> None:
    """Decodes ``%2F``, which cheroot leaves in PATH_INFO, where it cannot be told from ``%252F``: from REQUEST_URI."""
    if "%2" in environ.get("PATH_INFO", ""):
        raw = raw_path(environ)
        if raw:
            _decode_again(environ, raw)


def raw_path(environ: WSGIEnvironment) -> str | None:
    """The path as it stood in the request line, None where no server says."""
    target = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if not isinstance(target, str):
        return None
    path = target.partition("?")[0]
    if not path.startswith("/") and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path


def decoded(path: str) -> str:
    """The latin-1 view of the bytes that ``path`` stands for."""
    return unquote_to_bytes(path.encode("latin-1", "replace")).decode("latin-1")
