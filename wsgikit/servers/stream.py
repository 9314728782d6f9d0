"""The app's body on its way to the server: its first bytes pulled, its length kept, its end as the app meant it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import Wrapper, close, discard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wsgikit.servers.answer import Answer

COLLECTED = 1 << 20  # bytes of one answer, held for a client of HTTP/1.0


class Unfinished(RuntimeError):
    """The app's body ended before its Content-Length: the answer is broken off, so that the client sees it.

    Most servers would leave the client waiting for the rest, on a connection that is kept.
    """


class Stream(Wrapper):
    """The app's body, of which nothing was sent yet: the server iterates this."""

    __slots__ = ("_answer", "_body", "_discarded", "_done", "_next", "ahead")

    def __init__(self, answer: Answer, body: Iterable[bytes]) -> None:
        self._answer = answer
        self._body: Any = body
        self._next: Callable[[], bytes] | None = None
        self.ahead: deque[bytes] = deque()  # what goes out next: what was pulled, and what the app writes
        self._done = False
        self._discarded = False

    def pull(self) -> None:
        """Take chunks until one has bytes in it, or the body ends; what is known to be all gets its length."""
        chunk = self._taken()
        while chunk == b"":
            chunk = self._taken()
        answer = self._answer
        if not answer.status:
            return  # an error, which the answer sees: bytes, or the end, before the head
        if answer.bodiless:
            self.end()
        elif chunk is not None:
            if answer.left is None and not answer.committed:
                self._measure(chunk)
            else:
                kept = answer.counted(chunk)
                self._done = self._done or kept is not chunk
                self.ahead.append(kept)
        elif answer.committed:
            answer.check_end()
        else:
            answer.add_length(0)
            answer.check_end()
            self.end()

    def _measure(self, chunk: bytes) -> None:
        """Add the length where the first chunk is all, by the body's ``len()``, or where all of it is collected."""
        answer, size = self._answer, len(chunk)
        self.ahead.append(chunk)
        if hasattr(type(self._body), "__len__") and len(self._body) == 1:
            answer.add_length(size)
            answer.left = 0
        elif answer.collects:
            while answer.held + size < COLLECTED and (more := self._taken()) is not None:
                self.ahead.append(more)
                size += len(more)
            if self._done:
                answer.add_length(size)
                answer.left = 0

    def _taken(self) -> bytes | None:
        """The app's next chunk, None after the last."""
        try:
            if self._next is None:
                self._next = iter(self._body).__next__
            chunk = self._next()
        except StopIteration:
            self._done = True
            return None
        return chunk if type(chunk) is bytes else exact(chunk)

    @property
    def ended(self) -> bool:
        """Whether the app's body is at its end."""
        return self._done

    def end(self) -> None:
        """Nothing of the app's body goes out."""
        self._done = True
        self._discarded = self._next is None
        if self._answer.plan.blank:
            self.ahead.append(b"")

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        ahead = self.ahead
        if not ahead and not self._done:
            try:
                chunk = self._taken()
                if chunk is None:
                    self._answer.check_end()
            except BaseException:
                self._break_off()
                raise
            if chunk is not None:
                kept = self._answer.counted(chunk)
                if kept is not chunk:
                    self._done = True  # for a body that has no end, too
                if not ahead:
                    return kept
                ahead.append(kept)  # after what the app wrote to get here
        if ahead:
            return ahead.popleft()
        self._finish()
        raise StopIteration

    def _break_off(self) -> None:
        """What broke off is never ended well: a server that asks for more gets nothing."""
        self._finish()

    def _finish(self) -> None:
        self._done = True
        if self._answer.plan.closes:
            self.close()

    def close(self) -> None:
        """Close the app's body, once."""
        body, self._body = self._body, None
        self._done = True
        self.ahead.clear()
        if self._discarded:
            discard(body)
        else:
            close(body)


def exact(chunk: Any) -> bytes:
    """Makes exact bytes of a chunk: bytearray and memoryview fail on 40 servers, subclasses of bytes on CGI's likes.

    Raises ``TypeError`` for text, which some servers send as latin-1 and others not at all.
    """
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    raise TypeError(f"the app's body gave {chunk!r:.60} ({type(chunk).__name__}): WSGI wants bytes")
