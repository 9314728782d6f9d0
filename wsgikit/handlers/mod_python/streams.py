"""``wsgi.input`` and ``wsgi.errors`` on Apache's request.

The request's memory is Apache's again as soon as the handler returns, and an app may keep what it was given: a stream
that has ended lets go of the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.input import BLOCK, InputStream, LengthInput, Reader, Truncated
from wsgikit.handlers.mod_python import httpd

if TYPE_CHECKING:
    from collections.abc import Iterable


class LengthBody(LengthInput):
    """A body whose length was announced."""

    def end(self) -> None:
        """The request is over."""
        self._source = _Over()


class ChunkedBody(Reader):
    """A body in chunks."""

    def __init__(self, source: InputStream) -> None:
        super().__init__()
        self._source = source

    def end(self) -> None:
        """The request is over."""
        self._source = _Over()

    def _pull(self, size: int) -> bytes:
        return self._source.read(size)


Body = LengthBody | ChunkedBody


def request_body(req: Any) -> Body:
    """The body of a request, whichever way its end is told."""
    if "Transfer-Encoding" in req.headers_in:
        return ChunkedBody(_Client(req))
    # A number: Apache has refused anything else.
    return LengthBody(_Client(req), int(req.headers_in.get("Content-Length") or 0))


class _Over:
    def read(self, size: int) -> bytes:
        raise ValueError("the request that this body belongs to is over")


class _Client:
    """What the client sends, until it ends or breaks off."""

    def __init__(self, req: Any) -> None:
        self._req = req
        self._request = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        if self._ended:
            return b""
        if not self._request:
            self._request = httpd.begin_body(self._req)
        block = httpd.read_body(self._request, min(size, BLOCK))
        if not block:
            self._ended = True
        if block is None:
            raise Truncated("the request body broke off")
        return block


class ErrorLog:
    """``wsgi.errors``: each line is one of Apache's error log, which names the client beside it."""

    def __init__(self, req: Any, apache: Any) -> None:
        self._req = req
        self._apache = apache
        self._line = ""

    def write(self, text: str) -> int:
        """Log every line that is complete now."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._log(line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log what is there of a line."""
        line, self._line = self._line, ""
        self._log(line)

    def end(self) -> None:
        """The request is over; what still comes is the server's own."""
        self.flush()
        self._req = None

    def _log(self, line: str) -> None:
        if not line:
            return
        line = line.replace("\0", "\\x00").encode(errors="backslashreplace").decode()
        log = self._apache.log_error if self._req is None else self._req.log_error
        log(line, self._apache.APLOG_ERR)
