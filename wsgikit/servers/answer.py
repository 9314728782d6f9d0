"""One answer on its way to the server: its head is given once, before the call returns, and is meant then.

The server's ``start_response`` is not called before it is certain what the answer is. A body in memory is certain at
once; of any other, chunks are pulled until one has bytes in it. Until then a head may be replaced, or come late, and an
error is answered as one; from then on the server is committed, and errors are raised again. No more than that one
chunk is pulled: what streams keeps streaming.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from wsgikit.core.failure import log, record
from wsgikit.core.headers import without
from wsgikit.core.input import Truncated
from wsgikit.core.reply import reply
from wsgikit.servers.head import BadHead, repaired, status_line
from wsgikit.servers.known import DATED, fields, statuses
from wsgikit.servers.stream import COLLECTED, Unfinished, exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgikit.core.headers import Headers
    from wsgikit.servers.plans import Plan
    from wsgikit.servers.stream import Stream

NOTHING: deque[bytes] = deque()  # what an answer has written that has written nothing yet; never its own


class Answer:
    """The answer to one request, from the app's ``start_response`` to what the server is given."""

    __slots__ = (
        "_through",
        "bodiless",
        "committed",
        "environ",
        "head_only",
        "headers",
        "held",
        "left",
        "plan",
        "start",
        "status",
        "written",
    )

    # Set by ServerFix, for whom a constructor of our own would be one more call for each request.
    environ: WSGIEnvironment
    plan: Plan
    status: str  # empty until the app has given a head
    headers: Headers
    bodiless: bool  # whether it has no content, whatever the app gives
    committed: bool  # whether the server has the head
    left: int | None  # bytes of its Content-Length that have not gone out, None without one
    start: StartResponse  # the server's own
    head_only: bool
    _through: Callable[[bytes], object] | None  # the server's write(), once it has the head
    held: int  # bytes that the app has written, and that have to wait for the length of all
    written: deque[bytes]  # what the app has written, and the server has not got yet

    def start_response(
        self, status: str, headers: Headers, exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``: looks the head over and keeps it, or replaces it while no byte is out."""
        if exc_info or self.status:
            try:
                self._allow_another(exc_info)
            finally:
                exc_info = None  # a traceback that holds its own frame would keep the request alive
        length, dated = None, False
        try:
            if type(headers) is not list:
                raise TypeError
            for pair in headers:
                name, value = pair
                if type(name) is not str or type(value) is not str:
                    raise TypeError
                number = fields[pair]
                if number is None:
                    continue
                if number >= 0 and length is None:
                    length = number
                elif number == DATED:
                    dated = True
                else:
                    raise ValueError
            headers = headers.copy()
        except (TypeError, ValueError):  # also for a list as a pair, which cannot be looked up
            headers, length = repaired(headers)
            dated = True
        if dated and self.plan.dates:
            headers = without(headers, "date", "server")
        self.status, contentless = statuses[status if type(status) is str else status_line(status)]
        self.bodiless = contentless or self.head_only
        self.headers = headers
        self.left = length
        return self.write

    def _allow_another(self, exc_info: Any) -> None:
        """Raises what speaks against another head: bytes are out, or it comes without a reason."""
        if not exc_info:
            raise AssertionError("start_response() called a second time without exc_info (PEP 3333)")
        try:
            if self.committed or self.written:
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None  # a traceback that holds its own frame would keep the request alive

    def write(self, chunk: bytes, /) -> None:
        """The app's ``write()``: the server's own, or ahead of the body where the server has none."""
        if type(chunk) is not bytes:
            chunk = exact(chunk)
        if not chunk or self.bodiless:
            return  # nothing is out, and so the head can still be replaced
        if not self.committed:
            if self.left is None and self.collects and self._hold(chunk):
                return
            self._commit(deque())
        self._send(self.counted(chunk))

    def _hold(self, chunk: bytes) -> bool:
        """Keep what is written until the length of all is known; False when that becomes too much."""
        if self.held + len(chunk) > COLLECTED:
            return False
        self.held += len(chunk)
        if not self.written:
            self.written = deque()
        self.written.append(chunk)
        return True

    def _send(self, chunk: bytes) -> None:
        if self._through is not None:
            self._through(chunk)
        else:
            self.written.append(chunk)

    def carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """What to give to the server for the app's body: the body itself if nothing has to change in it."""
        kind = type(body)
        if (kind is list or kind is tuple) and self.status and self.written is NOTHING:
            size = 0
            for chunk in body:
                if type(chunk) is not bytes:
                    return self._carry_stream(body)
                size += len(chunk)
            if size:
                if self.left is None and self.status[:3] not in ("204", "205", "304"):
                    self.add_length(size)  # to HEAD too, if the app has made the body for it
                if self.left == size and not self.bodiless:
                    self.start(self.status, self.headers)
                    return body
        return self._carry_stream(body)

    def _carry_stream(self, body: Iterable[bytes]) -> Iterable[bytes]:
        stream = self.plan.stream(self, body)
        try:
            if self.status and self.bodiless:
                stream.end()
            elif not self.committed:
                file = self.plan.file(body, self) if self.plan.file is not None else None
                if file is not None:
                    self._commit(deque())
                    return file
                stream.pull()
                if not self.status and stream.ended and "HTTP_UPGRADE" in self.environ:
                    return stream  # what was upgraded is no HTTP any more, and has no head to come
            if self.committed:
                self.written.extend(stream.ahead)
                stream.ahead = self.written
            else:
                self._commit(stream.ahead)
        except Exception as error:
            self._close(stream, error)
            if not self.answers(error):
                raise
            return self.failed(error)
        except BaseException:
            stream.close()
            raise
        return stream

    def _close(self, stream: Stream, error: Exception) -> None:
        try:
            stream.close()
        except Exception as second:
            log.error("close() failed too, after %a", error, exc_info=second)

    def answers(self, error: Exception) -> bool:
        """Whether an error is answered here: no byte is out, and the server would not do it, or not do it right."""
        if self.committed or self.written:
            return False
        return self.plan.answers_errors or isinstance(error, Truncated | BadHead)

    def failed(self, error: Exception) -> Iterable[bytes]:
        """Answer for the app that has raised ``error``; it is logged, unless it is the client's."""
        if isinstance(error, Truncated):
            return self.reply(400, "The request body could not be read.")
        record(error, self.environ)
        return self.reply(500, "The application failed to answer this request.")

    def reply(self, status: int, detail: str) -> Iterable[bytes]:
        """Answer in the app's place."""
        self.status = ""
        return self.carry(reply(self.environ, self.start_response, status, detail))

    @property
    def collects(self) -> bool:
        """Whether the whole body is wanted first: the server would send it in chunks, and the client knows none."""
        return self.plan.chunks_for_all and self.environ.get("SERVER_PROTOCOL") == "HTTP/1.0"

    def add_length(self, length: int) -> None:
        """Say how long the body is, if the app has not: what was written, and ``length`` to come."""
        if self.left is None:
            self.headers.append(("Content-Length", str(self.held + length)))
            self.left = length

    def counted(self, chunk: bytes) -> bytes:
        """As much of ``chunk`` as Content-Length leaves room for: 17 servers would send the rest as well."""
        left = self.left
        if left is None:
            return chunk
        if len(chunk) > left:
            log.warning("%a: the app's body is longer than its Content-Length, and was cut", self.status)
            chunk = chunk[:left]
        self.left = left - len(chunk)
        return chunk

    def check_end(self) -> None:
        """Raises ``Unfinished`` if the body ends here, and Content-Length promises more."""
        if self.left:
            raise Unfinished(f"the app's body ended {self.left} bytes before its Content-Length")

    def _commit(self, ahead: deque[bytes]) -> None:
        """Give the head to the server, and what the app has written: ahead of ``ahead``, if it has no ``write()``."""
        if not self.status:
            raise AssertionError("the app gave no head: it did not call start_response() (PEP 3333)")
        if self.status[:3] in ("204", "205"):
            self.headers = without(self.headers, "content-length")  # RFC 9110 section 8.6
        self.committed = True
        held, self.written = self.written, ahead
        write: Any = self.start(self.status, self.headers)  # None on six servers
        self._through = write
        if write is None:
            ahead.extendleft(reversed(held))
            return
        for chunk in held:
            write(chunk)
