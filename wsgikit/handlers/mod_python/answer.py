"""The answer on its way to Apache: its head is held until the first byte, or the end."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import rest_of
from wsgikit.core.headers import Headers, exact, valid_name, valid_value
from wsgikit.http.hop import HOP_BY_HOP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_CUT = "wsgikit.cut"
_SWALLOW = "wsgikit.handlers.mod_python::swallow"


class ClientGone(OSError):
    """The client is not there to take the answer."""


class Answer:
    """One answer: ``begun`` once its head cannot be replaced, ``complete`` once nothing of it is missing."""

    def __init__(self, req: Any, apache: Any) -> None:
        self._req = req
        self._apache = apache
        self._status = ""
        self._headers: Headers = []
        self._left: int | None = None  # bytes that may still come; None for as many as there are
        self.begun = False
        self.complete = False

    def start_response(
        self, status: str, headers: Headers, exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """Hold the head; with ``exc_info`` in place of an earlier one, unless that has gone out."""
        if exc_info:
            try:
                if self.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # its traceback holds this frame
        elif self._status:
            raise AssertionError("start_response() called a second time without exc_info (PEP 3333)")
        self._status, self._headers = checked(status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        """Send a chunk, at once. What is over Content-Length is dropped."""
        if self._req is None:
            raise ValueError("write() called after the request was over")
        self._take(data)

    def send(self, body: Iterable[bytes]) -> None:
        """Send a body, each chunk as it comes, and no more of them than can be sent."""
        only = isinstance(body, list | tuple) and len(body) == 1
        for chunk in body:
            if not self._take(chunk, only=only):
                break
        self._finish()

    def send_file(self, file: Any) -> bool:
        """Have Apache send a file from where it stands; False if it is none that Apache could open."""
        found = regular_file(file)
        if found is None:
            return False
        path, offset, length = found
        self._begin(length)
        length = length if self._left is None else min(length, self._left)
        if length:
            self._hand_over(length, self._req.sendfile, path, offset, length)
        self._finish()
        return True

    def cut(self) -> None:
        """Break off an answer that is not complete, so that its client sees it.

        The connection is not kept, and the end of the response goes into a filter that swallows it: Apache would send
        the last chunk for it, and what has come would look complete.
        """
        if self.complete:
            return
        req = self._req
        try:
            req.flush()
        except OSError:
            return  # there is no client to see it
        req.connection.keepalive = self._apache.AP_CONN_CLOSE
        req.register_output_filter(_CUT, _SWALLOW)
        req.add_output_filter(_CUT)

    def end(self) -> None:
        """The request is over: an app may have kept ``write``."""
        self._req = None

    def _take(self, chunk: bytes, *, only: bool = False) -> bool:
        """Send a chunk, perhaps the ``only`` one; whether another could be sent."""
        if not isinstance(chunk, bytes):
            raise TypeError(f"a chunk of the answer has to be bytes, not {type(chunk).__name__}")
        if not chunk:
            return True
        self._begin(len(chunk) if only else None)
        if self._left is not None:
            chunk = chunk[: self._left]
        if chunk:
            self._hand_over(len(chunk), self._req.write, chunk, not only)  # flushed, unless the end is next
        return bool(chunk)

    def _hand_over(self, size: int, send: Callable[..., object], *what: object) -> None:
        if self._left is not None:
            self._left -= size
        try:
            send(*what)
        except OSError as error:
            raise ClientGone(str(error)) from error

    def _begin(self, length: int | None = None) -> None:
        """Give the head to Apache, which sends it with the first bytes or at the end.

        ``length`` is that of the body where it is known, and counts if the app names none.
        """
        if self.begun:
            return
        if not self._status:
            raise AssertionError("start_response() was not called before the first byte (PEP 3333)")
        req, code = self._req, int(self._status[:3])
        for name, value in self._headers:
            lower = name.lower()
            if lower == "content-type":
                req.content_type = value
            elif lower == "content-length":
                length = int(value)
            elif lower not in HOP_BY_HOP:
                req.headers_out.add(name, value)
        if length is not None and code != 204:  # RFC 9110 section 8.6
            req.set_content_length(length)
        req.status, req.status_line = code, self._status
        self._left = 0 if req.method == "HEAD" or code in (204, 304) else length
        self.begun = True

    def _finish(self) -> None:
        self._begin()
        if self._left:
            raise ValueError(f"the answer ended {self._left} bytes before its Content-Length")
        self.complete = True


def checked(status: str, headers: Headers) -> tuple[str, Headers]:
    """A head that can be sent: exact strings, and nothing in them that would begin another line."""
    status, headers = str.__str__(status), exact(headers)
    code = status[:3]
    if not (code.isdecimal() and code >= "200" and status[3:4] in ("", " ") and valid_value(status)):
        raise ValueError(f"status {status!r} is not of the form '200 OK'")
    for name, value in headers:
        if not (valid_name(name) and valid_value(value)):
            raise ValueError(f"header {name!r} cannot be sent with the value {value!r}")
        if name.lower() == "content-length" and not (value.isascii() and value.isdecimal()):
            raise ValueError(f"Content-Length {value!r} is not a number")
    return status, headers


def regular_file(file: Any) -> tuple[str, int, int] | None:
    """The path, position and length of what is left of an open file; None where the system has no such bytes."""
    try:
        number, offset = file.fileno(), file.tell()
        status = os.fstat(number)
    except (AttributeError, OSError, ValueError):
        return None
    path, length = f"/proc/self/fd/{number}", rest_of(file)
    plain = (
        stat.S_ISREG(status.st_mode) and offset + length <= status.st_size
    )  # not what is unpacked on the way
    return (path, offset, length) if plain and os.access(path, os.R_OK) else None
