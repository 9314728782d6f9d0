"""Bodies on their way out: closed once whatever happens, and watched without hiding what servers look for.

A wrapper here is an object with ``__iter__`` and ``close()``, never a generator: a generator that was
not started does not run its ``finally``, and the app's ``close()`` would be lost.

Servers know tricks with the app's own iterable: wsgiref and waitress look at ``len()`` to send a
Content-Length, gunicorn and waitress look for their own file wrapper to call sendfile. ``watched``
gives back a body of the same kind.
"""

from __future__ import annotations

from time import perf_counter
from types import GeneratorType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import WSGIEnvironment


_CLOSED: list[bytes] = []  # what a closed body has in place of the app's; never an app's own


def close(body: object) -> None:
    """Call the ``close()`` of a body that has one (PEP 3333)."""
    closing = getattr(body, "close", None)
    if closing is not None:
        closing()


class Wrapper:
    """A body of ours around another one."""

    __slots__ = ()

    _body: Any


def discard(body: object) -> None:
    """Close a body that nobody is going to ask for, because what we send in its place is another one, or none.

    A generator that was not started is started first. Its ``finally`` does not run otherwise, and with it goes the
    ``close()`` of the body that the generator holds: OpenTelemetry's and many another middleware are written so. If it
    fails, the logger ``wsgikit.errors`` says so, and the answer goes on. A body whose client has left is only closed:
    what it would do first may be long.
    """
    inner = body
    while isinstance(inner, Wrapper):
        inner = inner._body
    try:
        if isinstance(inner, GeneratorType) and _not_started(inner):
            _start(body)
    finally:
        close(body)


def _start(body: Any) -> None:
    try:
        next(iter(body), None)
    except Exception:
        from wsgikit.core.failure import log  # with logging, which what seldom happens alone needs here

        log.exception("a body that is not sent failed when it was started")


def _not_started(generator: GeneratorType[Any, Any, Any]) -> bool:
    return generator.gi_frame is not None and not (generator.gi_running or generator.gi_suspended)


class WatchedBody(Wrapper):
    """The app's body, counted as it passes; ``done`` is called once, with this object, when it is closed.

    ``sent`` is the number of bytes handed on, ``first_byte`` when the first of them went
    (``perf_counter``, None before), ``error`` what the app raised. Where there is one, ``late`` says whether it was
    raised by ``close()``, and so when the head had gone out.
    """

    __slots__ = ("_body", "_done", "_next", "error", "first_byte", "late", "sent")

    late: bool

    def __init__(self, body: Iterable[bytes], done: Callable[[WatchedBody], None]) -> None:
        self._body = body
        self._done = done
        self._next: Callable[[], bytes] | None = None
        self.sent = 0
        self.first_byte: float | None = None
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._next is None:
                self._next = iter(self._body).__next__
            chunk = self._next()
        except StopIteration:
            raise
        except BaseException as error:
            self.failed(error)
            raise
        self.count(chunk)
        return chunk

    def count(self, chunk: bytes) -> None:
        """Add a chunk that went another way: through ``write()``."""
        if chunk:
            try:
                self.sent += len(chunk)
            except TypeError as error:  # it is no bytes
                self.failed(error)
                raise
            if self.first_byte is None:
                self.first_byte = perf_counter()

    def failed(self, error: BaseException, *, late: bool = False) -> None:
        """Keep what the app raised; the first is what counts."""
        if self.error is None:
            self.error, self.late = error, late

    def close(self) -> None:
        """Close the app's body and report, once."""
        body = self._body
        if body is _CLOSED:
            return
        self._body = _CLOSED
        try:
            close(body)
        except BaseException as error:
            self.failed(error, late=True)
            raise
        finally:
            self._done(self)


class WatchedList(WatchedBody):
    """A list or tuple of chunks: its length stays exact, and it can be iterated again, as servers may.

    Nearly every answer is one, so nothing is called here that can be done in place.
    """

    __slots__ = ("_chunks",)

    def __init__(self, body: list[bytes] | tuple[bytes, ...], done: Callable[[WatchedBody], None]) -> None:
        self._body = self._chunks = body
        self._done = done
        self.sent = 0
        self.first_byte = None
        self.error = None

    def __len__(self) -> int:
        return len(self._chunks)

    def __iter__(self) -> Iterator[bytes]:
        chunks = self._chunks
        if len(chunks) != 1:
            return self._each()
        try:
            self.sent += len(chunks[0])  # one chunk is sent whole or not at all
        except TypeError as error:  # it is no bytes
            self.failed(error)
            raise
        if self.sent and self.first_byte is None:
            self.first_byte = perf_counter()
        return iter(chunks)

    def close(self) -> None:
        """Report, once: a list has no ``close()`` of its own."""
        if self._body is not None:
            self._body = None
            self._done(self)

    def _each(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.count(chunk)
            yield chunk


class WatchedSized(WatchedBody):
    """Any other body with a length: it stays exact, and what can be iterated again still can."""

    __slots__ = ("_sized",)

    def __init__(self, body: Any, done: Callable[[WatchedBody], None]) -> None:
        super().__init__(body, done)
        self._sized = body

    def __len__(self) -> int:
        return len(self._sized)

    def __iter__(self) -> Iterator[bytes]:
        self._next = None  # from the start, as the app's own would
        return self


class WatchedFile:
    """The file inside a server's file wrapper: read or handed to sendfile by the server, closed with a report.

    A server that calls sendfile never reads, so the bytes are the file's rest from where it stood,
    or what the server read if it read.
    """

    def __init__(self, file: Any, watched: WatchedBody) -> None:
        self._file = file
        self._watched = watched
        # Only what the file itself has: gunicorn and waitress ask for fileno, tell and seek before they use them.
        for name in ("fileno", "tell", "seek", "seekable"):
            method = getattr(file, name, None)
            if method is not None:
                setattr(self, name, method)
        self._expected = rest_of(file)

    def read(self, size: int = -1) -> bytes:
        """Read from the file, counting."""
        try:
            data: bytes = self._file.read(size)
        except BaseException as error:
            self._watched.failed(error)
            raise
        self._expected = 0
        self._watched.count(data)
        return data

    def close(self) -> None:
        """Close the app's wrapper, and so its file, and report."""
        watched = self._watched
        if self._expected and not watched.sent:
            watched.sent = self._expected
        watched.close()


def rest_of(file: Any) -> int:
    """Bytes from where ``file`` stands to its end, or 0 where that cannot be told.

    Its own end, not that of a file below it: what a layer hands on may be a part of a larger one.
    """
    try:
        here = file.tell()
        end = file.seek(0, 2)
        file.seek(here)
        return max(0, int(end - here))
    except (AttributeError, OSError, TypeError, ValueError):
        return 0


def watched(
    body: Iterable[bytes], environ: WSGIEnvironment, done: Callable[[WatchedBody], None]
) -> tuple[WatchedBody, Iterable[bytes]]:
    """Watch ``body``: gives the watcher, and the body of the same kind to hand to the server."""
    kind = type(body)
    if kind is list or kind is tuple:
        listed = WatchedList(body, done)  # type: ignore[arg-type]  # the line above says so
        return listed, listed
    wrapper = environ.get("wsgi.file_wrapper")
    file = wrapped_file(body, wrapper)
    if file is None or wrapper is None:
        watcher = WatchedSized(body, done) if hasattr(kind, "__len__") else WatchedBody(body, done)
        return watcher, watcher
    watcher = WatchedBody(body, done)
    block = getattr(body, "blksize", None) or getattr(body, "block_size", None) or 32768
    return watcher, wrapper(WatchedFile(file, watcher), block)


def wrapped_file(body: object, wrapper: object) -> Any:
    """The file inside ``body`` if ``body`` is the server's own file wrapper, else None.

    wsgiref, gunicorn and mod_wsgi keep it as ``filelike``, waitress as ``file``. Under uWSGI the
    wrapper is a function that gives the file itself back, which is iterated like any other body.
    """
    if not isinstance(wrapper, type) or not isinstance(body, wrapper):
        return None
    return getattr(body, "filelike", None) or getattr(body, "file", None)
