"""``wsgi.input`` as it was promised: it ends where the body ends, and a body that breaks off or is malformed says so.

What goes wrong raises ``BrokenBody``, whatever the server would have raised or swallowed; unless the app makes
something else of it, the answer is a 400.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from wsgikit.core.input import Reader, Truncated

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

_LONGEST_LINE = 4096  # of a chunk's size with its extensions, or of a trailer field
_MOST_TRAILERS = 64
_HEX = frozenset(b"0123456789abcdefABCDEF")


class BrokenBody(Truncated):
    """The request body cannot be read to its end: the client left, or its chunks are malformed. 400."""


class NoInput(Reader):
    """The input of a request without a body. It holds nothing, so that one serves all requests."""

    def _pull(self, size: int) -> bytes:
        return b""


NOTHING = NoInput()


class BoundedInput(Reader):
    """A body of a known length: no more than that is ever asked for, and in the one way that all servers take."""

    def __init__(self, source: Any, length: int) -> None:
        super().__init__()
        self._source = source
        self._left = length

    def _pull(self, size: int) -> bytes:
        wanted = min(size, self._left)
        if not wanted:
            return b""
        part = _read(self._source, wanted)
        if not part:
            raise BrokenBody(f"the request body ended {self._left} bytes early")
        self._left -= len(part)
        return part


class EndedInput(Reader):
    """A body that ends itself, its chunks decoded by the server."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        self._source = source

    def _pull(self, size: int) -> bytes:
        return _read(self._source, size)


def _read(source: Any, size: int) -> bytes:
    """What the server's input gives; whatever it raises is a ``BrokenBody``, and text (flup's SCGI) latin-1 bytes."""
    # InvalidChunkSize, ChunkReadError, ValueError, OSError: each server has its own
    try:
        part = _bytes(source.read(size))
    except Exception as error:
        raise BrokenBody(str(error) or "the request body cannot be read") from error
    if len(part) > size:
        raise BrokenBody(f"the server gave {len(part)} bytes of the request body where {size} were asked for")
    return part


def _bytes(part: Any) -> bytes:
    if type(part) is bytes:
        return part
    return part.encode("latin-1") if isinstance(part, str) else bytes(memoryview(part or b""))


class PulledInput(Reader):
    """A body that is given piece by piece, of whatever size, until ``b""``: uWSGI's ``chunked_read()``."""

    def __init__(self, pull: Callable[[], bytes]) -> None:
        super().__init__()
        self._next = pull
        self._rest = b""
        self._ended = False

    def _pull(self, size: int) -> bytes:
        if not self._rest and not self._ended:
            try:
                self._rest = self._next()
            except Exception as error:
                raise BrokenBody(str(error) or "the chunked request body cannot be read") from error
            self._ended = not self._rest
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


class ChunkedInput(Reader):
    """A chunked body off the wire (RFC 9112 section 7.1)."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        self._source = source
        self._left = 0
        self._begun = self._ended = False

    def _pull(self, size: int) -> bytes:
        if self._ended:
            return b""
        if not self._left and not self._open():
            return b""
        part = _read(self._source, min(size, self._left))
        if not part:
            raise BrokenBody("the request body ended inside a chunk")
        self._left -= len(part)
        return part

    def _open(self) -> bool:
        """Read up to the content of the next chunk; False after the last."""
        if self._begun and self._line():
            raise BrokenBody("a chunk of the request body is longer than its size")
        self._begun = True
        digits = self._line().partition(b";")[0].rstrip(b" \t")
        if not digits or not _HEX.issuperset(digits) or len(digits) > 16:
            raise BrokenBody("a chunk of the request body has no size")
        self._left = int(digits, 16)
        if not self._left:
            self._ended = True
            self._skip_trailers()
        return bool(self._left)

    def _skip_trailers(self) -> None:
        for _ in range(_MOST_TRAILERS):
            if not self._line():
                return
        raise BrokenBody("the chunked request body has too many trailer fields")

    def _line(self) -> bytes:
        try:
            line = _bytes(self._source.readline(_LONGEST_LINE))
        except Exception as error:
            raise BrokenBody(str(error) or "the request body cannot be read") from error
        if not line.endswith(b"\r\n"):
            raise BrokenBody("a chunk of the request body does not begin or end as it should")
        return line[:-2]


# What follows puts these in place. The first is for requests that announce no body, the others for those that do.


def nothing(environ: WSGIEnvironment) -> None:
    """Ends ``wsgi.input`` at once where there is no body (RFC 9112 section 6.3).

    ``read()`` blocks on wsgiref, Werkzeug and rocket3 then, ``read(-1)`` on cheroot and eventlet, and overflows on
    Granian; flup's SCGI gives text. HTTP/2 announces no body, and so keeps its input.
    """
    if environ.get("SERVER_PROTOCOL", "HTTP/1.1")[:6] == "HTTP/1":
        environ["wsgi.input"] = NOTHING
    else:
        environ["wsgi.input"] = EndedInput(environ["wsgi.input"])
    environ["wsgi.input_terminated"] = True


def bounded(environ: WSGIEnvironment) -> None:
    """Ends ``wsgi.input`` at Content-Length, and tells a body that breaks off; chunks are decoded by the server.

    ``read()`` blocks past the end on wsgiref, Werkzeug, rocket3 and flup's SCGI; ``read(-1)`` hangs on cheroot and
    eventlet and overflows on Granian; ``read(None)`` is refused by uWSGI, mod_wsgi, flup and a2wsgi; ``readline(n)`` is
    wrong on uWSGI, flup, Granian and a2wsgi. A client that has left is a short body without an error on gunicorn,
    Granian, Hypercorn, cheroot, Werkzeug, wsgiref and eventlet; a malformed chunk is any of five errors.
    """
    _place(environ, EndedInput)


def uwsgi_chunked(environ: WSGIEnvironment) -> None:
    """As ``bounded``; a chunked body comes from ``uwsgi.chunked_read()``: uWSGI's own input is empty then."""
    _place(environ, _from_uwsgi)


def raw_chunked(environ: WSGIEnvironment) -> None:
    """As ``bounded``; a chunked body is decoded here: wsgiref and flup's SCGI leave it on the socket."""
    _place(environ, ChunkedInput)


def werkzeug_chunked(environ: WSGIEnvironment) -> None:
    """As ``bounded``; a chunked body is decoded here: Werkzeug's own decoder fails on extensions and trailers."""
    _place(environ, lambda source: ChunkedInput(getattr(source, "_rfile", source)))


def unknown(environ: WSGIEnvironment) -> None:
    """As ``nothing`` and ``bounded``, for a server not known.

    Whether it decodes a chunked body is known only if it says so, by ``wsgi.input_terminated`` (which may be the only
    trace that is left of one), or if it is uWSGI.
    """
    if "CONTENT_LENGTH" in environ:
        bounded(environ)
    elif environ.get("wsgi.input_terminated"):
        environ["wsgi.input"] = EndedInput(environ["wsgi.input"])
    elif "HTTP_TRANSFER_ENCODING" not in environ:
        nothing(environ)
    elif "uwsgi.version" in environ:
        uwsgi_chunked(environ)


def _place(environ: WSGIEnvironment, chunked: Callable[[Any], Reader]) -> None:
    if "CONTENT_LENGTH" in environ:
        environ["wsgi.input"] = BoundedInput(environ["wsgi.input"], int(environ["CONTENT_LENGTH"]))
    elif "HTTP_TRANSFER_ENCODING" in environ:
        environ["wsgi.input"] = chunked(environ["wsgi.input"])
    else:
        nothing(environ)
    environ["wsgi.input_terminated"] = True


def _from_uwsgi(source: Any) -> Reader:
    module: Any = sys.modules.get("uwsgi")  # made by uWSGI itself: it cannot be imported anywhere else
    return PulledInput(module.chunked_read) if module is not None else EndedInput(source)
