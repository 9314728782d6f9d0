"""Who the client is, and which server it reached: addresses, names and ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.environ import DEFAULT_PORTS, scheme

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

# What any server may say of a peer on a unix socket. 0.0.0.0 cannot be a peer on TCP (RFC 1122 section 3.2.1.3).
_UNIX = ("unix:", "unix", "localhost", "<local>", "0.0.0.0")


def unix_peer(*said: str) -> Callable[[WSGIEnvironment], None]:
    """The repair for a server that says ``said``, or nothing, of a peer on a unix socket.

    No other word is taken: an address may come from a header, by the server's own faith in proxies (uvicorn's
    X-Forwarded-For, nginx' realip), and ``unix`` in it would have a stranger trusted as a peer on a socket.
    """
    words = frozenset({None, "", *said})

    def unix_socket(environ: WSGIEnvironment) -> None:
        if environ.get("REMOTE_ADDR") in words:
            _unnamed(environ)

    unix_socket.__doc__ = _unnamed.__doc__
    return unix_socket


def _unnamed(environ: WSGIEnvironment) -> None:
    """Makes REMOTE_ADDR of a peer on a unix socket ``""``, and gives such a server a name and a port.

    The peer is absent on gevent, Hypercorn and uvicorn, ``localhost`` on waitress (with REMOTE_PORT ``None``),
    ``<local>`` on Werkzeug, ``0.0.0.0`` on uWSGI, tornado and bjoern, ``unix`` on eventlet, ``unix:`` behind nginx; a
    port it has not. SERVER_PORT is ``''`` on nginx, cheroot, gevent and bjoern, ``t`` on Werkzeug, ``0`` on Granian and
    uvicorn, the socket's path on waitress; SERVER_NAME is the path on uvicorn and Granian, ``/`` on Werkzeug, ``''`` on
    bjoern. They come from the Host field, as on gunicorn.
    """
    environ["REMOTE_ADDR"] = ""
    environ.pop("REMOTE_PORT", None)
    server_address(environ)


unix_socket = unix_peer(*_UNIX)


def port_in_address(environ: WSGIEnvironment) -> None:
    """Cuts the port off REMOTE_ADDR: fastwsgi says ``127.0.0.1:54452``."""
    address = environ.get("REMOTE_ADDR", "")
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and (host.startswith("[") or ":" not in host):
        environ["REMOTE_ADDR"] = host.strip("[]")
        environ.setdefault("REMOTE_PORT", port)


def server_address(environ: WSGIEnvironment) -> None:
    """Gives SERVER_NAME and SERVER_PORT, where they are none, the Host field's: cheroot is ``Cheroot/11.1.2``."""
    name = str(environ.get("SERVER_NAME", ""))
    if not name or "/" in name:
        environ["SERVER_NAME"] = _host_name(environ) or "localhost"
    port = str(environ.get("SERVER_PORT", ""))
    if not (port.isascii() and port.isdigit()) or port == "0":
        environ["SERVER_PORT"] = _host_port(environ) or DEFAULT_PORTS.get(scheme(environ), "80")


def empty_host(environ: WSGIEnvironment) -> None:
    """Drops an HTTP_HOST that is empty: Granian's, for a request without one."""
    if environ.get("HTTP_HOST") == "":
        del environ["HTTP_HOST"]


def claimed_scheme(environ: WSGIEnvironment) -> None:
    """Takes back a ``wsgi.url_scheme`` that comes from a header field: uWSGI believes X-Forwarded-Proto of anybody.

    A TrustedProxies inside believes those who may say so.
    """
    if "HTTP_X_FORWARDED_PROTO" in environ or "HTTP_X_FORWARDED_SSL" in environ:
        own = environ.get("HTTPS") or environ.get("UWSGI_SCHEME") or environ.get("REQUEST_SCHEME") or ""
        environ["wsgi.url_scheme"] = "https" if own.lower() in _HTTPS else "http"


_HTTPS = frozenset({"on", "1", "https"})


def _host_name(environ: WSGIEnvironment) -> str:
    host: str = environ.get("HTTP_HOST", "")
    if host.startswith("["):
        return host.partition("]")[0].lstrip("[")
    return host.partition(":")[0]


def _host_port(environ: WSGIEnvironment) -> str:
    host: str = environ.get("HTTP_HOST", "")
    port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
    return port if port.isascii() and port.isdigit() else ""
