"""A whole PEP 3333 environ for a request that nobody sent."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes
from wsgiref.util import FileWrapper

from wsgikit.core.environ import header_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import WSGIEnvironment

_AS_IT_STANDS = "/%:=&?#+!$,;'@()*[]~"


def build_environ(
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: Iterable[tuple[str, str]] | Mapping[str, str] = (),
    body: bytes | Iterable[bytes] = b"",
    environ: Mapping[str, Any] | None = None,
) -> WSGIEnvironment:
    """Gives the environ a strict server would give; the options are those of `call`."""
    path, mark, asked = path.partition("?")
    query = "&".join(filter(None, (asked, query)))
    target = quote(f"{path}?{query}" if query else path + mark, safe=_AS_IT_STANDS)
    built: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": target.partition("?")[2],
        "RAW_URI": target,
        "REQUEST_URI": target,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    _add_body(built, body)
    _add_headers(built, headers)
    built.update(environ or {})
    return built


def _add_body(environ: WSGIEnvironment, body: bytes | Iterable[bytes]) -> None:
    """Bytes have a length; pieces come as a chunked body does, ended but of no length known beforehand."""
    if isinstance(body, bytes):
        environ["wsgi.input"] = io.BytesIO(body)
        if body or environ["REQUEST_METHOD"] in ("POST", "PUT", "PATCH"):
            environ["CONTENT_LENGTH"] = str(len(body))
    elif hasattr(body, "read"):
        environ["wsgi.input"] = body
    else:
        environ["wsgi.input"] = io.BufferedReader(_Pieces(body))
        environ["wsgi.input_terminated"] = True
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"


def _add_headers(environ: WSGIEnvironment, headers: Iterable[tuple[str, str]] | Mapping[str, str]) -> None:
    pairs = headers.items() if hasattr(headers, "items") else headers
    seen: set[str] = set()
    for name, value in pairs:
        key = header_key(name)
        if key in seen:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"  # RFC 9110, 5.3
        seen.add(key)
        environ[key] = value
    if "HTTP_HOST" in seen:
        host, _, port = environ["HTTP_HOST"].rpartition(":")
        named = host and port.isdigit()
        environ["SERVER_NAME"] = host if named else environ["HTTP_HOST"] or "localhost"
        environ["SERVER_PORT"] = port if named else "80"


class _Pieces(io.RawIOBase):
    """A raw stream that takes each piece when it is asked for, never one ahead."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
