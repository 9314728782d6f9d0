"""One app's answer while it is not yet known whether it will be given.

The head is held until then: it may be replaced freely, and of an answer that is given up the server never hears. That
is known once the app's call has returned; for an app that calls ``start_response`` only when its body is first pulled
(a generator), at its first chunk, which is pulled for it; and at the first ``write()``, whose bytes should not wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.body import Wrapper, close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse


class Attempt:
    """An answer that stands unless its status is one of ``refused``, given as three digits."""

    __slots__ = ("_headers", "_refused", "_start", "_status", "_write", "_written")

    def __init__(self, start_response: StartResponse, refused: frozenset[str]) -> None:
        self._start = start_response
        self._refused = refused
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._write: Callable[[bytes], object] | None = None
        self._written: list[bytes] = []

    @property
    def accepted(self) -> bool:
        """Whether the answer stands by its status."""
        return self._status[:3] not in self._refused

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``: keeps the head, or replaces it while no byte was written (PEP 3333)."""
        if exc_info:
            try:
                if self._write is not None:
                    self._write = self._start(status, headers, exc_info)
                    return self.write
                if self._written:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a traceback that holds its own frame would keep the request alive
        elif self._status:
            raise AssertionError("start_response() called a second time without exc_info (PEP 3333)")
        self._status, self._headers = status, list(headers)
        return self.write

    def write(self, chunk: bytes) -> None:
        """The app's ``write()``: straight on where the answer stands; kept, in case it will, where it does not."""
        if self._write is None and self.accepted:
            self._commit()
        if self._write is None:
            self._written.append(chunk)
        else:
            self._write(chunk)

    def settle(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The app's body, once its status is known: its own object, or one that begins with what had to be pulled."""
        if self._known():
            return body
        try:
            rest = iter(body)
            for chunk in rest:
                if self._known():
                    return Resumed(chunk, rest, body)
                if chunk:
                    break
            if not self._known():
                raise AssertionError("the app did not call start_response() before its body (PEP 3333)")
        except BaseException:
            close(body)
            raise
        return Resumed(b"", rest, body)

    def carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body to give to the server, its head given before it."""
        if self._write is None:
            try:
                self._commit()
            except BaseException:
                close(body)
                raise
        return body

    def _known(self) -> bool:
        return self._status != ""

    def _commit(self) -> None:
        write = self._write = self._start(self._status, self._headers)
        for chunk in self._written:
            write(chunk)


class Resumed(Wrapper):
    """A body whose first chunk was pulled already."""

    __slots__ = ("_body", "_first", "_rest")

    def __init__(self, first: bytes, rest: Iterator[bytes], body: Iterable[bytes]) -> None:
        self._first: bytes | None = first
        self._rest = rest
        self._body: Iterable[bytes] | None = body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        first, self._first = self._first, None
        return next(self._rest) if first is None else first

    def close(self) -> None:
        """Close the app's body, once."""
        body, self._body = self._body, None
        if body is not None:
            close(body)
