"""Request bodies for protocols that must say a length first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.input import BLOCK, SpooledInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgikit.forwarding.request import Request

MEMORY = 1048576
"""Bytes of a body that are kept in memory while its length is found out; what is beyond goes to a temporary file."""


def measure(request: Request) -> None:
    """Find out the length of a body that only its end tells, by reading it; others are left as they are.

    Bodies that turn out small are then whole in ``request.body``, and can be sent again like any small one. Raises what
    reading the body raises.
    """
    if request.length is not None or request.more is None:
        return
    spool = SpooledInput(_Blocks(request.more), MEMORY)
    try:
        while spool.read(BLOCK):
            pass
        spool.rewind()
        request.length = spool.size
        if spool.size <= BLOCK:
            request.body, request.more = spool.read(BLOCK), None
    except BaseException:
        spool.close()
        raise
    if request.more is None:
        spool.close()
    else:
        request.more = _Spooled(spool)


class _Blocks:
    """Blocks, each of them ``BLOCK`` bytes at most, in the shape of ``wsgi.input``."""

    __slots__ = ("_more",)

    def __init__(self, more: Iterator[bytes]) -> None:
        self._more = more

    def read(self, size: int) -> bytes:
        """The next block."""
        return next(self._more, b"")


class _Spooled:
    """What was kept, block by block; the file goes with the last one, or when nobody wants more."""

    __slots__ = ("_spool",)

    def __init__(self, spool: SpooledInput) -> None:
        self._spool: SpooledInput | None = spool

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = self._spool.read(BLOCK) if self._spool is not None else b""
        if not block:
            self.close()
            raise StopIteration
        return block

    def __del__(self) -> None:
        self.close()  # the connection broke, or the backend had heard enough

    def close(self) -> None:
        """Drop what was kept."""
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()
