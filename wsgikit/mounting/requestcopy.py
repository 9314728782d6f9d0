"""A request that is kept for a second app, its body copied while the first app reads it."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any

from wsgikit.mounting.replay import announces_body

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIEnvironment


class RequestCopy:
    """The request as it came in: ``source`` is the environ for the first app, ``environ()`` makes the second's.

    What is kept is text, and what Router found in the path. Sockets, file wrappers, shared notes and whatever else
    lives in an environ belongs to the request that came in, and to its thread.
    """

    __slots__ = ("_kept", "_tee", "source")

    def __init__(self, environ: WSGIEnvironment, max_body: int) -> None:
        self._kept: WSGIEnvironment = {key: value for key, value in environ.items() if type(value) is str}
        if "wsgiorg.routing_args" in environ:
            placed, named = environ["wsgiorg.routing_args"]
            self._kept["wsgiorg.routing_args"] = (placed, dict(named))
        self._tee: Tee | None = None
        self.source = environ
        if announces_body(environ):
            self._tee = Tee(environ["wsgi.input"], max_body)
            self.source = {**environ, "wsgi.input": self._tee}

    def environ(self) -> WSGIEnvironment | None:
        """The environ for the second app, called from a thread of its own; None where the body is not whole."""
        inner = {
            **self._kept,
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.input": BytesIO(),
            "wsgi.input_terminated": True,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if self._tee is not None:
            body = self._tee.whole(inner.get("CONTENT_LENGTH", ""))
            if body is None:
                return None
            inner["wsgi.input"] = BytesIO(body)
            inner["CONTENT_LENGTH"] = str(len(body))
            inner.pop("HTTP_TRANSFER_ENCODING", None)
        return inner


class Tee:
    """``wsgi.input`` that keeps what is read, up to ``limit`` bytes; every call goes to the server's own as it is."""

    def __init__(self, source: Any, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._parts: list[bytes] | None = []
        self._size = 0
        self._ended = False

    def read(self, *size: int) -> bytes:
        """Read from the request, keeping."""
        part: bytes = self._source.read(*size)
        return self._keep(part, ended=_unlimited(size) or _nothing_left(part, size))

    def readline(self, *size: int) -> bytes:
        """Read a line, keeping."""
        line: bytes = self._source.readline(*size)
        return self._keep(line, ended=_nothing_left(line, size))

    def readlines(self, *hint: int) -> list[bytes]:
        """Read lines, keeping."""
        lines: list[bytes] = self._source.readlines(*hint)
        self._keep(b"".join(lines), ended=_unlimited(hint))
        return lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._source:
            yield self._keep(line, ended=False)
        self._ended = True

    def whole(self, length: str) -> bytes | None:
        """The body, if all of it was read and it is within the limit; ``length`` is what CONTENT_LENGTH announced."""
        if self._parts is None:
            return None
        whole = str(self._size) == length if length else self._ended
        return b"".join(self._parts) if whole else None

    def _keep(self, part: bytes, *, ended: bool) -> bytes:
        self._ended = self._ended or ended
        self._size += len(part)
        if self._size > self._limit:
            self._parts = None
        if self._parts is not None:
            self._parts.append(part)
        return part


def _unlimited(size: tuple[int | None, ...]) -> bool:
    """Whether the argument of a read, or the lack of one, asks for all that is left."""
    return not size or size[0] is None or size[0] < 0


def _nothing_left(part: bytes, size: tuple[int | None, ...]) -> bool:
    """Whether nothing came although something was asked for."""
    return not part and size != (0,)
