"""The answer under way: start_response, write(), the chunks and close(), in the order PEP 3333 asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import TYPE_CHECKING, Any

from wsgikit.testing.lint_head import Head, check_exc_info, check_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse

    from wsgikit.testing.rules import Referee


def is_sized(body: object) -> bool:
    """Whether len() is there and tells the truth each time: an iterator is used up by the first look."""
    return isinstance(body, Sized) and not isinstance(body, Iterator)


class Exchange:
    """One request's answer: what has been promised, and how far it has come."""

    def __init__(self, referee: Referee, method: str, start_response: StartResponse) -> None:
        self.referee = referee
        self.method = method
        self.outermost = self
        self.head: Head | None = None
        self.written = 0  # bytes given to write()
        self.sent = False  # bytes have passed, so the head is out
        self.iterating = False
        self._start_response: Callable[..., Any] = start_response
        self._write: Callable[[bytes], object] | None = None

    def start_response(self, *args: Any, **keywords: Any) -> Callable[[bytes], object]:
        if keywords or len(args) not in (2, 3):
            self.referee.broken("start-response-args", f"{len(args)} positional, keywords {list(keywords)}")
            self._write = self._start_response(*args, **keywords)
            self.head = self.head or Head(200, None)
            return self.write
        status, headers = args[:2]
        exc_info = args[2] if len(args) == 3 else None
        if exc_info is None and self.head is not None:
            self.referee.broken("start-response-once", f"a second call, with {status!r}")
        check_exc_info(exc_info, self.referee)
        head = check_head(status, headers, self.referee)
        self._write = self._start_response(*args)
        # A layer that holds the answer back may still replace its head: only bytes seen to leave
        # the outermost lint prove that the head is out.
        if exc_info is not None and self.sent and self.outermost.sent:
            self.referee.broken("exc-info-reraised", f"{status!r} accepted after the first bytes")
        self.head = head
        if not callable(self._write):
            self.referee.broken("write-callable", repr(self._write))
        return self.write

    def write(self, data: bytes, /) -> None:
        if self.iterating:
            self.referee.broken("write-late", f"write({data!r:.60})")
        self.written = self.passed(data, self.written)
        if self._write is not None:
            self._write(data)
        self.sent = self.sent or bool(data)

    def passed(self, chunk: Any, total: int) -> int:
        """Checks one chunk and gives the new total."""
        if self.head is None:
            self.referee.broken("start-response-first", f"the chunk {chunk!r:.60}")
        if type(chunk) is not bytes:
            self.referee.broken("chunk-bytes", f"{type(chunk).__name__} {chunk!r:.60}")
        total += len(chunk)
        if self.head is None or not chunk:
            return total
        if self.head.forbids_body(self.method):
            self.referee.broken("body-none", f"{self.method} {self.head.code} with {chunk!r:.60}")
        elif self.head.length is not None and total > self.head.length:
            self.referee.broken("length-match", f"{total} bytes and more, Content-Length: {self.head.length}")
        return total

    def ended(self, total: int) -> None:
        if self.head is None:
            self.referee.broken("start-response-first", "a body that ended without it")
        elif self.head.length not in (None, total) and not self.head.forbids_body(self.method):
            self.referee.broken("length-match", f"{total} bytes, Content-Length: {self.head.length}")


class LintedBody:
    """The application's body, with every chunk and the close() seen."""

    __slots__ = ("_body", "_closed", "_exchange", "_iterated")

    def __init__(self, body: Iterable[bytes], exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange
        self._iterated = False
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        if self._closed:
            self._exchange.referee.broken("iterate-closed", "iter(body)")
        if self._iterated and not is_sized(self):
            self._exchange.referee.broken("iterate-once", "iter(body) for the second time")
        self._iterated = True
        return LintedChunks(self, iter(self._body), self._exchange)

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        if self._closed:
            self._exchange.referee.broken("close-once", "a second close()")
            return
        self._closed = True
        if hasattr(self._body, "close"):
            self._body.close()

    def __del__(self) -> None:
        if not self._closed:
            self._exchange.referee.broken("close-called", f"{self._body!r:.80} dropped unclosed")


class SizedLintedBody(LintedBody):
    """A body whose len() works: servers add a Content-Length to a single chunk, and may look at it twice."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


class LintedChunks:
    """One pass over the body."""

    __slots__ = ("_body", "_chunks", "_count", "_exchange", "_last", "_total")

    def __init__(self, body: LintedBody, chunks: Iterator[bytes], exchange: Exchange) -> None:
        self._body = body
        self._chunks = chunks
        self._exchange = exchange
        self._last = b""
        self._count = 0
        self._total = exchange.written

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        exchange = self._exchange
        if self._body.closed:
            exchange.referee.broken("iterate-closed", "next(chunks)")
        exchange.iterating = True
        # Who asks for the next chunk has sent the last one: PEP 3333 lets no server hold it back.
        exchange.sent = exchange.sent or bool(self._last)
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._end()
            raise
        self._count += 1
        self._total = exchange.passed(chunk, self._total)
        self._last = chunk
        return chunk

    def _end(self) -> None:
        if isinstance(self._body, SizedLintedBody) and len(self._body) != self._count:
            self._exchange.referee.broken("body-len", f"len {len(self._body)}, {self._count} chunks")
        self._exchange.ended(self._total)
