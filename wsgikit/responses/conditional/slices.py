"""Parts of a body that is no file: a list is sliced, any other is gone through chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wsgikit.responses.conditional.early import EarlyFlight
    from wsgikit.responses.conditional.multipart import PartialContent


def sliced(chunks: Sequence[bytes], content: PartialContent) -> list[bytes]:
    """The parts of a body that is a list: its own chunks, cut where a part begins or ends within one."""
    out = []
    for part in content.parts:
        out.append(part.head)
        at = 0
        for chunk in chunks:
            if at >= part.stop:
                break
            end = at + len(chunk)
            if end > part.start:
                out.append(chunk[max(part.start - at, 0) : part.stop - at])
            at = end
    out.append(content.tail)
    return list(filter(None, out))


class Cut:
    """The filter that lets the parts of a stream through, which have to be ascending."""

    __slots__ = ("_at", "_flight", "_left", "_tail")

    def __init__(self, flight: EarlyFlight, content: PartialContent) -> None:
        self._flight = flight
        self._left = list(reversed(content.parts))
        self._tail = content.tail
        self._at = 0

    def feed(self, chunk: bytes, /) -> bytes:
        """What of the parts lies in this chunk."""
        begin, end = self._at, self._at + len(chunk)
        self._at = end
        out = []
        while self._left and self._left[-1].start < end:
            part = self._left[-1]
            if begin <= part.start:
                out.append(part.head)
            out.append(chunk[max(part.start - begin, 0) : part.stop - begin])
            if end < part.stop:
                break
            self._left.pop()
            if not self._left:
                out.append(self._tail)
                self._flight.over = True
        return b"".join(out)

    def finish(self) -> bytes:
        """Nothing more, if all has come."""
        if self._left:
            missing = self._left[0].stop - self._at
            raise EOFError(f"the body ended at least {missing} bytes before its Content-Length")
        return b""

    def close(self) -> None:
        """There is nothing to give back."""
