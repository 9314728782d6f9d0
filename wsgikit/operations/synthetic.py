"""A request that no client has sent, run through an app to its end; its answer is dropped."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from wsgikit.core.body import close
from wsgikit.core.environ import DEFAULT_PORTS, header_key
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import valid_name, valid_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import WSGIApplication, WSGIEnvironment

_MOST = 16 * 2**20  # bytes of a body after which the client that is not there has left

_WANTED = 'a path such as "/login", or (method, path, headers) such as ("GET", "/", {"Host": "shop.example"})'


class SyntheticRequest:
    """A request from loopback, by HTTP/1.1: ``path`` as in a request line, so percent-encoded, with its query.

    An absolute URL sets scheme and Host as well (RFC 9112 section 3.2.2). Raises ``ValueError`` or ``TypeError``
    in the name of ``layer`` and ``option`` for what is no request.
    """

    def __init__(self, layer: str, option: str, request: Any) -> None:
        method, target, headers = _parts(layer, option, request)
        try:
            url = urlsplit(target)
            host, port = url.hostname or "localhost", url.port
        except ValueError:
            raise wrong_value(layer, option, request, _WANTED) from None
        scheme = url.scheme or "http"
        path = url.path or ("/" if url.netloc else "")
        sound = target.isascii() and target.isprintable() and " " not in target
        if (
            not sound
            or not path.startswith("/")
            or scheme not in DEFAULT_PORTS
            or bool(url.scheme) != bool(url.netloc)
        ):
            raise wrong_value(layer, option, request, _WANTED)
        self.name = f"{method} {target}"
        self._environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": url.query,
            "REQUEST_URI": f"{path}?{url.query}" if url.query else path,
            "SERVER_NAME": host,
            "SERVER_PORT": str(port or DEFAULT_PORTS[scheme]),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": url.netloc.rpartition("@")[2] or "localhost",
            "HTTP_ACCEPT": "*/*",
            "HTTP_USER_AGENT": "wsgikit",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.multithread": True,  # other requests may run beside it, here and in other processes
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **headers,
        }

    def __repr__(self) -> str:
        return f"<SyntheticRequest: {self.name}>"

    def environ(self, **more: Any) -> WSGIEnvironment:
        """A fresh environ for one run."""
        streams = {"wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
        return {**self._environ, **streams, **more}

    def run(self, app: WSGIApplication, **more: Any) -> str:
        """Send it to ``app``, read the answer's body to its end and close it; gives the status line.

        ``more`` goes into environ. What the app raises comes out.
        """
        status = ""

        def start_response(line: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
            nonlocal status
            status = line
            return _drop

        body = app(self.environ(**more), start_response)
        try:
            taken = 0
            for chunk in body:
                taken += len(chunk)
                if taken > _MOST:
                    break
        finally:
            close(body)
        return status


def _drop(chunk: bytes, /) -> None:
    """The ``write()`` of an answer that nobody reads."""


def _parts(layer: str, option: str, request: Any) -> tuple[str, str, dict[str, str]]:
    """Method, target, and the headers as they stand in environ."""
    if isinstance(request, str):
        return "GET", request, {}
    if not isinstance(request, tuple | list) or not 2 <= len(request) <= 3:
        raise wrong_type(layer, option, request, _WANTED)
    method, target, *rest = request
    if not isinstance(method, str) or not isinstance(target, str):
        raise wrong_type(layer, option, request, _WANTED)
    if not valid_name(method):
        raise wrong_value(layer, option, request, _WANTED)
    return method, target, _headers(layer, option, rest[0] if rest else ())


def _headers(
    layer: str, option: str, headers: Mapping[str, str] | Iterable[tuple[str, str]] | Any
) -> dict[str, str]:
    wanted = "headers as a mapping or as pairs of str"
    keyed: dict[str, str] = {}
    try:
        pairs = list(dict(headers).items())
    except (TypeError, ValueError):
        raise wrong_type(layer, option, headers, wanted) from None
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, str):
            raise wrong_type(layer, option, (name, value), wanted)
        if not valid_name(name) or not valid_value(value):
            raise wrong_value(layer, option, (name, value), wanted)
        keyed[header_key(name)] = value
    return keyed
