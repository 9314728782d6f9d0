"""Bodies whose length was announced, while they are changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.core.flight import Filter


class Measured:
    """The filter of a body whose Content-Length was announced: it ends with its last byte.

    The announcement is taken away from the client, who could have seen by it that a body was cut short; so that
    raises here. What goes beyond it is cut off, as servers do. ``last`` is fed the last bytes, if not ``inner.feed``.
    """

    __slots__ = ("_feed", "_finish", "_last", "_left", "close")

    def __init__(self, inner: Filter, length: int, *, last: Callable[[bytes], bytes] | None = None) -> None:
        self._feed = inner.feed
        self._finish = inner.finish
        self._last = last or inner.feed
        self._left = length
        self.close = inner.close

    def feed(self, chunk: bytes, /) -> bytes:
        """One chunk, changed; the last one with what was held back."""
        if len(chunk) < self._left:
            self._left -= len(chunk)
            return self._feed(chunk)
        last, self._left = chunk[: self._left], 0
        return self._last(last) + self._finish() if last else b""

    def finish(self) -> bytes:
        """Nothing more, if all has come."""
        if self._left:
            raise EOFError(f"the body ended {self._left} bytes before its Content-Length")
        return b""
