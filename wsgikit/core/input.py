"""Request bodies: read to their own end, to a cap, or kept so that they can be read again.

A server's ``wsgi.input`` cannot be read without care: wsgiref, werkzeug and flup block on a read past
the end, cheroot and eventlet on ``read(-1)``, uWSGI and mod_wsgi refuse ``read(None)``. What is read
here is always bounded by what is left, and every wrapper has the whole of PEP 3333's input.
"""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 65536


class InputStream(Protocol):
    """The part of ``wsgi.input`` that every server gets right: ``read`` with a size."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the end."""


class TooLarge(ValueError):
    """The request body went over its cap: 413 (RFC 9110 section 15.5.14)."""


class Truncated(OSError):
    """The client stopped before the body it announced was complete: 400."""


class Reader:
    """``wsgi.input`` on one primitive, ``_pull(size)``: lines and iteration cost one small buffer."""

    def __init__(self) -> None:
        self._ahead = b""

    def _pull(self, size: int) -> bytes:
        raise NotImplementedError

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes; all that is left without one."""
        if size is None or size < 0:
            parts = [self._take(len(self._ahead))]
            while part := self._pull(BLOCK):
                parts.append(part)
            return b"".join(parts)
        if self._ahead:
            return self._take(size)
        return self._pull(size) if size else b""

    def readline(self, size: int | None = -1) -> bytes:
        """One line, its newline kept; at most ``size`` bytes of it."""
        limit = size if size is not None and size >= 0 else None
        searched = 0
        while True:
            end = self._ahead.find(b"\n", searched) + 1
            if end or (limit is not None and len(self._ahead) >= limit):
                break
            searched = len(self._ahead)
            part = self._pull(BLOCK)
            if not part:
                break
            self._ahead += part
        stop = end or len(self._ahead)
        return self._take(stop if limit is None else min(stop, limit))

    def readlines(self, hint: int | None = -1) -> list[bytes]:
        """The lines that are left; stops after ``hint`` bytes of them."""
        lines: list[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _take(self, size: int) -> bytes:
        part, self._ahead = self._ahead[:size], self._ahead[size:]
        return part


class LengthInput(Reader):
    """A body of a known length: never asks the server for more, and tells a short one (``Truncated``)."""

    def __init__(self, source: InputStream, length: int) -> None:
        super().__init__()
        self._source = source
        self.left = length

    def _pull(self, size: int) -> bytes:
        wanted = min(size, self.left)
        if not wanted:
            return b""
        part = self._source.read(wanted)
        if not part:
            raise Truncated(f"the request body ended {self.left} bytes early")
        self.left -= len(part)
        return part


class CountedInput(Reader):
    """Any body, counted as it is read: ``count`` is the number of bytes so far."""

    def __init__(self, source: InputStream) -> None:
        super().__init__()
        self._source = source
        self.count = 0

    def _pull(self, size: int) -> bytes:
        part = self._source.read(size)
        self.count += len(part)
        return part


class CappedInput(CountedInput):
    """Any body, refused once it is longer than ``cap`` bytes (``TooLarge``), whatever was announced."""

    def __init__(self, source: InputStream, cap: int) -> None:
        super().__init__(source)
        self.cap = cap

    def _pull(self, size: int) -> bytes:
        # One byte more than is allowed is asked for, to tell a body that ends at the cap from one that goes on.
        part = super()._pull(min(size, self.cap - self.count + 1))
        if self.count > self.cap:
            raise TooLarge(f"the request body is longer than {self.cap} bytes")
        return part


class SpooledInput(Reader):
    """Any body, kept while it is read, in memory up to ``memory`` bytes and then in a temporary file.

    ``rewind()`` starts over: what was read comes again, what was not is still read from the source.
    """

    def __init__(self, source: InputStream, memory: int = BLOCK * 16) -> None:
        super().__init__()
        self._source = source
        self._kept: IO[bytes] = SpooledTemporaryFile(max_size=memory)  # noqa: SIM115 - close() does
        self.size = 0

    def _pull(self, size: int) -> bytes:
        part = self._kept.read(size)
        if part:
            return part
        part = self._source.read(size)
        self._kept.write(part)
        self.size += len(part)
        return part

    def rewind(self) -> None:
        """The next read starts at the first byte again."""
        self._ahead = b""
        self._kept.seek(0)

    def close(self) -> None:
        """Drop what was kept."""
        self._kept.close()
