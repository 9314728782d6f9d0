"""Bodies on their way through an encoder: filters for a flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.responses.bodies.measured import Measured

if TYPE_CHECKING:
    from wsgikit.responses.compression.codecs import Encoder


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


def announced(encoder: Encoder, length: int) -> Measured:
    """The filter for a body that comes as it is made, and of which the Content-Length is known.

    Frameworks give the whole page as one chunk of an iterator: so it is as small as a list's, and complete at once.
    """
    return Measured(Streamed(encoder), length, last=encoder.compress)
