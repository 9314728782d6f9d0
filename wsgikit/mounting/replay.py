"""A request body that several apps can read, one after the other, each from its first byte."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from wsgikit.core.environ import content_length
from wsgikit.core.input import BLOCK, LengthInput, Reader

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgikit.core.input import InputStream

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_MEMORY = 1024 * 1024  # bytes kept in memory; what is beyond goes to a temporary file


class Recording:
    """A body as it comes in, kept up to ``limit`` bytes; what lies beyond can be read once, and not again."""

    def __init__(self, source: InputStream, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._kept: IO[bytes] = SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115 - close() does
        self._size = 0

    def replay(self) -> Replay:
        """The body from its first byte, as wsgi.input."""
        return Replay(self)

    def whole(self) -> bool:
        """Whether the body fits in the limit; reads on until that can be told."""
        while self._size <= self._limit:
            if not self.read(self._size, BLOCK):
                return True
        return False

    def read(self, position: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``position`` on, from what was kept or else from the source."""
        if position < self._size:
            self._kept.seek(position)
            return self._kept.read(min(size, self._size - position))
        if self._size > self._limit:
            return self._source.read(size)
        part = self._source.read(size)
        self._kept.seek(self._size)
        self._kept.write(part)
        self._size += len(part)
        return part

    def close(self) -> None:
        """Drop what was kept."""
        self._kept.close()


class Replay(Reader):
    """One reading of a recorded body."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording
        self._position = 0

    def _pull(self, size: int) -> bytes:
        part = self._recording.read(self._position, size)
        self._position += len(part)
        return part


def announces_body(environ: WSGIEnvironment) -> bool:
    """Whether the request comes with a body (RFC 9112 section 6.3): a length above zero, or a transfer coding.

    ``wsgi.input_terminated`` alone says nothing, as gunicorn sets it for every GET. HTTP/2 needs neither of the two,
    and there methods that usually bring a body are taken to bring one.
    """
    length = environ.get("CONTENT_LENGTH")
    if "wsgi.input" not in environ or length in ("0", 0):
        return False
    if length or environ.get("HTTP_TRANSFER_ENCODING"):
        return True
    return bool(environ.get("wsgi.input_terminated")) and environ.get("REQUEST_METHOD") in _WITH_BODY


def body_of(environ: WSGIEnvironment) -> InputStream | None:
    """The request's body, read no further than its end; None where there is none.

    A body of a known length is read no further (many servers block there), any other until nothing more comes, which is
    right on servers that decode chunked bodies, whether they say so (``wsgi.input_terminated``) or not. Raises
    ``ValueError`` for a Content-Length that is no number.
    """
    length = content_length(environ)
    if not announces_body(environ):
        return None
    source: InputStream = environ["wsgi.input"]
    return source if length is None else LengthInput(source, length)
