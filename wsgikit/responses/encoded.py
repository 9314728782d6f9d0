"""Bodies on their way through an encoder: filters for a flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgikit.responses.codecs import Encoder


class Packed:
    """A body that is at hand, a list or a file: nobody waits for its first chunk, so nothing is flushed between."""

    __slots__ = ("feed", "finish")

    def __init__(self, encoder: Encoder) -> None:
        self.feed = encoder.compress
        self.finish = encoder.finish

    def close(self) -> None:
        """The encoder goes with the filter."""


class Streamed:
    """A body that comes as it is made: each chunk can be decoded on arrival."""

    __slots__ = ("_compress", "_finish", "_flush")

    def __init__(self, encoder: Encoder) -> None:
        self._compress, self._flush, self._finish = encoder

    def feed(self, chunk: bytes, /) -> bytes:
        """One chunk, encoded and flushed; an empty one stays empty."""
        return self._compress(chunk) + self._flush() if chunk else b""

    def finish(self) -> bytes:
        """The end of the encoding."""
        return self._finish()

    def close(self) -> None:
        """The encoder goes with the filter."""


class Measured(Streamed):
    """A body that comes as it is made and whose Content-Length was announced: it ends with its last byte.

    Frameworks give the whole page as one chunk of an iterator: so it is as small as a list's, and complete at once.
    The announcement is taken away from the client, who could have seen by it that a body was cut short; so
    that raises here. What goes beyond it is cut off, as servers do.
    """

    __slots__ = ("_left",)

    def __init__(self, encoder: Encoder, length: int) -> None:
        super().__init__(encoder)
        self._left = length

    def feed(self, chunk: bytes, /) -> bytes:
        """One chunk, encoded and flushed; the last one with the end of the encoding."""
        if len(chunk) < self._left:
            self._left -= len(chunk)
            return super().feed(chunk)
        last, self._left = chunk[: self._left], 0
        return self._compress(last) + self._finish() if last else b""

    def finish(self) -> bytes:
        """Nothing more, if all has come."""
        if self._left:
            raise EOFError(f"the body ended {self._left} bytes before its Content-Length")
        return b""
