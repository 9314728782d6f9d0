"""Answers made of a stored response: whole, in part, or "not modified" (RFC 9111 section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.body import close
from wsgikit.core.reply import reason, reply
from wsgikit.http import ranges
from wsgikit.http.preconditions import failing, range_holds
from wsgikit.responses.cache.plan import Answer
from wsgikit.responses.conditional.files import SoughtFile
from wsgikit.responses.conditional.multipart import partial_content
from wsgikit.responses.conditional.notmodified import of_a_304
from wsgikit.responses.conditional.slices import sliced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO
    from wsgiref.types import WSGIEnvironment

    from wsgikit.core.headers import Headers
    from wsgikit.http.ranges import Span
    from wsgikit.responses.cache.head import Head
    from wsgikit.responses.cache.kept import Kept
    from wsgikit.responses.cache.partial import Extent
    from wsgikit.responses.cache.safestore import SafeStore
    from wsgikit.responses.conditional.multipart import PartialContent

_BLOCK = 65536

# Said of the bytes that are sent, of which a 206 has only a part.
_OF_THE_BYTES = frozenset({"content-digest", "content-length", "content-md5", "content-range"})


def answer(
    kept: Kept, store: SafeStore, environ: WSGIEnvironment, now: float, mark: tuple[str, str]
) -> Answer | None:
    """The answer to a request out of a stored response, ``mark`` being its Cache-Status; None when its body is gone."""
    entry = kept.entry
    headers = [*kept.sendable, ("Age", str(int(kept.age(now)))), mark]
    if entry.status == 200:
        if client_has(environ, kept.head):
            return Answer("304 Not Modified", of_a_304(headers), [])
        spans = _spans(kept, environ, headers, now)
        if spans is not None:
            return _partial(kept, store, environ, headers, spans)
    status = f"{entry.status} {entry.reason or reason(entry.status)}"
    if environ["REQUEST_METHOD"] == "HEAD" or not entry.size:
        return Answer(status, headers, [])
    body = store.body(entry)
    if body is None:
        return None
    return Answer(status, headers, [body] if isinstance(body, bytes) else sent(body, environ))


def client_has(environ: WSGIEnvironment, head: Head) -> bool:
    """Whether the client says that it has this very response."""
    if "HTTP_IF_NONE_MATCH" not in environ and "HTTP_IF_MODIFIED_SINCE" not in environ:
        return False
    headers = head.headers
    if "last-modified" not in head.fields and "date" in head.fields:
        # The Date stands for it: what was made then is not older (RFC 9111 section 4.3.2).
        headers = [*headers, ("Last-Modified", head.fields["date"][0])]
    return failing(environ, headers) == 304


def _spans(kept: Kept, environ: WSGIEnvironment, headers: Headers, now: float) -> list[Span] | None:
    """The parts that Range asks for; None where the whole is to be sent."""
    if "HTTP_RANGE" not in environ or environ["REQUEST_METHOD"] != "GET":
        return None
    wanted = ranges.parse(environ["HTTP_RANGE"])
    if wanted is None or not range_holds(environ, headers, now):
        return None
    return ranges.select(wanted, kept.entry.size)


def _partial(
    kept: Kept, store: SafeStore, environ: WSGIEnvironment, headers: Headers, spans: list[Span]
) -> Answer | None:
    """A 206 with those parts of a complete response, or a 416 where there are none."""
    size = kept.entry.size
    if not spans:
        return refusal(
            environ, 416, f"There are {size} bytes, and none of those asked for.", size, headers[-1]
        )
    content = partial_content(spans, size, kept.head.first("content-type"))
    dropped = _OF_THE_BYTES | {name.lower() for name, _ in content.headers}
    headers = [pair for pair in headers if pair[0].lower() not in dropped] + [*content.headers]
    return _cut(kept, store, environ, headers, content)


def _cut(
    kept: Kept, store: SafeStore, environ: WSGIEnvironment, headers: Headers, content: PartialContent
) -> Answer | None:
    """The 206 whose body is ``content`` of what is stored."""
    body = store.body(kept.entry)
    if body is None:
        return None
    if isinstance(body, bytes):
        return Answer("206 Partial Content", headers, sliced([body], content))
    sought = SoughtFile.of(sent(body, environ), environ)
    if sought is None:
        close(body)
        return None
    return Answer("206 Partial Content", headers, sought.body_of(content, environ))


def partial_answer(
    kept: Kept,
    within: tuple[Span, Extent],
    store: SafeStore,
    environ: WSGIEnvironment,
    now: float,
    mark: tuple[str, str],
) -> Answer | None:
    """A 206 out of a stored part; None where If-Range forbids one, or when the body is gone."""
    span, extent = within
    headers = [*kept.sendable, ("Age", str(int(kept.age(now)))), mark]
    if client_has(environ, kept.head):
        return Answer("304 Not Modified", of_a_304(headers), [])
    if not range_holds(environ, headers, now):
        return None
    headers = [pair for pair in headers if pair[0].lower() not in _OF_THE_BYTES]
    headers += [("Content-Range", str(extent)), ("Content-Length", str(extent.stop - extent.start))]
    return _cut(kept, store, environ, headers, partial_content([span], kept.entry.size, None))


def refusal(
    environ: WSGIEnvironment, status: int, detail: str, size: int | None, mark: tuple[str, str]
) -> Answer:
    """A finished answer that says why there is nothing to send."""
    head: list[tuple[str, Headers]] = []
    written: list[bytes] = []  # nothing: nobody writes

    def start(line: str, headers: Headers, exc_info: object = None, /) -> Callable[[bytes], object]:
        head.append((line, headers))
        return written.append

    headers = [mark] if size is None else [("Content-Range", ranges.unsatisfied(size)), mark]
    body = reply(environ, start, status, detail, headers=headers)
    [(line, own)] = head
    return Answer(line, own, body)


def sent(file: BinaryIO, environ: WSGIEnvironment) -> Iterable[bytes]:
    """An open file as a body: in the server's own wrapper where it has one, so that it may call sendfile."""
    wrapper: Any = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return _FileBody(file)
    wrapped: Iterable[bytes] = wrapper(file, _BLOCK)
    return wrapped


class _FileBody:
    """An open file, block by block. It can be sought as a file, for a part of it."""

    __slots__ = ("_file", "close", "read", "seek", "tell")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read, self.seek, self.tell, self.close = file.read, file.seek, file.tell, file.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._file.read(_BLOCK), b"")
