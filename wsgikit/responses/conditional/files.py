"""Files in bodies: sought and put back, and parts of them as bodies that servers can send.

What becomes of a file depends on the server (all tried):

| server | its wrapper around a file positioned, with a Content-Length |
| --- | --- |
| gunicorn | calls sendfile from where the file descriptor stands, as many bytes as Content-Length says |
| waitress | reads from ``tell()`` on, as many bytes; it looks ahead by reading and seeking back |
| wsgiref | reads to the end of the file, far past Content-Length |
| uWSGI | calls sendfile on the whole file, whatever its position and whatever Content-Length |

So the server's wrapper gets a `Window`, a file that ends where the part ends, whose descriptor only gunicorn sees; and
under uWSGI, where the "wrapper" is a function that gives the file back, the part is iterated.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import close, wrapped_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import WSGIEnvironment

    from wsgikit.responses.conditional.multipart import PartialContent

_BLOCK = 65536  # bytes of a file that are in memory at a time


class SoughtFile:
    """A body's file that can be sought: where the body begins in it, and how many bytes there are."""

    __slots__ = ("body", "file", "origin", "size")

    def __init__(self, body: Iterable[bytes], file: Any) -> None:
        self.body = body
        self.file = file
        self.origin: int = file.tell()
        file.seek(0, os.SEEK_END)
        self.size: int = max(file.tell() - self.origin, 0)
        self.rewind()

    @classmethod
    def of(cls, body: Iterable[bytes], environ: WSGIEnvironment) -> SoughtFile | None:
        """The file in a body that is a file wrapper, or a file itself, as uWSGI's wrapper gives it."""
        file = wrapped_file(body, environ.get("wsgi.file_wrapper"))
        if file is None and type(body).__name__ == "FileWrapper":
            # Werkzeug's, for servers that have none, or wsgiref's.
            file = getattr(body, "file", None) or getattr(body, "filelike", None)
        file = body if file is None else file
        if not all(hasattr(file, name) for name in ("read", "seek", "tell")):
            return None
        try:
            return cls(body, file)
        except (OSError, ValueError):  # a pipe, or a file that is decompressed as it is read
            return None

    def length(self, declared: int | None) -> int | None:
        """How long the body is, given its Content-Length; None where the file is shorter than that."""
        if declared is None:
            return self.size
        return declared if declared <= self.size else None

    def rewind(self) -> None:
        """Put the file back to where its body begins."""
        place(self.file, self.origin)

    def blocks(self, start: int, stop: int) -> Iterator[bytes]:
        """Bytes ``start`` to ``stop`` of the body, block by block."""
        self.file.seek(self.origin + start)
        left = stop - start
        while left:
            block = self.file.read(min(left, _BLOCK))
            if not block:
                raise EOFError(f"the file ended {left} bytes before its length")
            left -= len(block)
            yield block

    def body_of(self, content: PartialContent, environ: WSGIEnvironment) -> Iterable[bytes]:
        """The parts as a body: a file wrapper for one part where the app's was one, else a body to be iterated."""
        wrapper = environ.get("wsgi.file_wrapper")
        if len(content.parts) > 1 or wrapper is None or wrapped_file(self.body, wrapper) is None:
            return FileParts(self, content)
        [part] = content.parts
        block = getattr(self.body, "blksize", None) or getattr(self.body, "block_size", None) or _BLOCK
        wrapped: Iterable[bytes] = wrapper(
            Window(self, self.origin + part.start, self.origin + part.stop), block
        )
        return wrapped


def place(file: Any, position: int) -> None:
    """Seek so that the descriptor itself stands at ``position``, from where gunicorn calls sendfile.

    A buffered file that is sought within its buffer leaves the descriptor where it was; by way of the end, which is
    outside, the buffer is dropped.
    """
    file.seek(0, os.SEEK_END)
    file.seek(position)


class Window:
    """A part of a file, as the file for a server's wrapper: it stands at the part's beginning and ends at its end.

    ``tell()`` and ``seek()`` are the file's own, so the end is where it is however the server moves about: waitress
    reads everything twice.
    """

    def __init__(self, sought: SoughtFile, start: int, stop: int) -> None:
        self._file = file = sought.file
        self._body: Iterable[bytes] | None = sought.body
        self._stop = stop
        self.tell = file.tell
        # Other servers call sendfile without a look at Content-Length; without a descriptor they read.
        if type(sought.body).__module__.startswith("gunicorn.") and hasattr(file, "fileno"):
            self.fileno = file.fileno
        place(file, start)

    def read(self, size: int = -1) -> bytes:
        """Read from the file, to the end of the part at most."""
        left = max(self._stop - self._file.tell(), 0)
        data: bytes = self._file.read(left if size < 0 else min(size, left))
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Seek in the file; its end is the part's."""
        if whence == os.SEEK_END:
            offset, whence = self._stop + offset, os.SEEK_SET
        position: int = self._file.seek(offset, whence)
        return position

    def seekable(self) -> bool:
        """It is, or it would not be here."""
        return True

    def close(self) -> None:
        """Close the app's body, and so its file, once."""
        body, self._body = self._body, None
        close(body)


class FileParts:
    """Parts of a file, each sought and then read block by block."""

    __slots__ = ("_body", "_content", "_sought")

    def __init__(self, sought: SoughtFile, content: PartialContent) -> None:
        self._sought = sought
        self._body: Iterable[bytes] | None = sought.body
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        for part in self._content.parts:
            if part.head:
                yield part.head
            yield from self._sought.blocks(part.start, part.stop)
        if self._content.tail:
            yield self._content.tail

    def close(self) -> None:
        """Close the app's body, and so its file, once."""
        body, self._body = self._body, None
        close(body)
