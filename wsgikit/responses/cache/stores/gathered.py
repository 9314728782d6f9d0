"""A body that is gathered in memory while it passes."""

from __future__ import annotations

from io import BytesIO


class Gathered:
    """Chunks that become one ``bytes``, which for a body of one chunk is that chunk itself."""

    __slots__ = ("_buffer", "size")

    def __init__(self) -> None:
        self.size = 0
        self._buffer: BytesIO | None = None

    def add(self, chunk: bytes) -> None:
        """Append a chunk."""
        self.size += len(chunk)
        if self._buffer is None:
            self._buffer = BytesIO(chunk)  # shares the chunk until something is appended
            self._buffer.seek(len(chunk))
        else:
            self._buffer.write(chunk)

    def whole(self) -> bytes:
        """All of it."""
        return b"" if self._buffer is None else self._buffer.getvalue()  # no copy either
