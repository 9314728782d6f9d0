"""A body that tells what became of it."""

from __future__ import annotations


class Body:
    """An iterator that counts what was asked of it."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks, self.closed, self.read = iter(chunks), 0, 0

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> bytes:
        self.read += 1
        return next(self.chunks)

    def close(self) -> None:
        self.closed += 1
