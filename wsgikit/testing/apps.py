"""Small apps that use every corner of PEP 3333, for running a layer or a server against.

`awkward_apps` maps names to apps; `expectations` says, under the same names, how to ask each and what a
client must see. All are legal by PEP 3333 but one: ``str subclasses`` is not (its strings should be exact),
yet frameworks produce it, so its expectation names the lint rules it breaks.

Bodies with a ``close()`` append their app's name to the list at ``environ["wsgikit.testing.closed"]``. Put
the list there beforehand, and layers that hand on a copy of environ share it.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from wsgiref.util import FileWrapper, shift_path_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CLOSED = "wsgikit.testing.closed"
HTML = ("Content-Type", "text/html; charset=utf-8")
LINES = [
    b"<!doctype html>\n<title>An awkward answer</title>\n",
    *(b"<p>line %d</p>\n" % n for n in range(64)),
]
PAGE = b"".join(LINES)
LENGTH = ("Content-Length", str(len(PAGE)))
ERROR_PAGE = b"<title>Something went wrong</title>\n"


class AwkwardError(Exception):
    """What the awkward apps raise."""


@dataclass(frozen=True, slots=True)
class AwkwardApp:
    """One awkward app, the request that brings it out, and the answer that is right."""

    name: str
    app: WSGIApplication
    status: int = 200
    block: bytes = PAGE
    times: int = 1
    headers: tuple[tuple[str, str], ...] = ()  # must arrive, in this order
    method: str = "GET"
    path: str = "/"
    request_body: bytes = b""
    raises: Literal["", "call", "body"] = ""  # where AwkwardError comes out of a server
    closes: int = 0  # entries in environ["wsgikit.testing.closed"] at the end
    breaks: frozenset[str] = frozenset()  # lint rules broken on purpose

    @property
    def body(self) -> bytes:
        """What arrives; where the app raises, what has arrived by then."""
        return self.block * self.times


awkward_apps: dict[str, WSGIApplication] = {}
expectations: dict[str, AwkwardApp] = {}


def _awkward(name: str, **expected: object) -> Callable[[WSGIApplication], WSGIApplication]:
    def register(app: WSGIApplication) -> WSGIApplication:
        awkward_apps[name] = app
        expectations[name] = AwkwardApp(name, app, **expected)  # type: ignore[arg-type]
        return app

    return register


# ---- kinds of body


@_awkward("list")
def answer_list(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML, LENGTH])
    return list(LINES)


@_awkward("tuple")
def answer_tuple(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML, LENGTH])
    return tuple(LINES)


@_awkward("no Content-Length")
def answer_no_length(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return [PAGE]


@_awkward("generator")
def answer_generator(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return (line for line in LINES)


@_awkward("lazy start_response")
def answer_lazy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    yield from LINES


@_awkward("one byte at a time")
def answer_bytewise(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML, LENGTH])
    return (PAGE[n : n + 1] for n in range(len(PAGE)))


@_awkward("empty chunks first")
def answer_empty_first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return iter([b"", b"", *LINES, b""])


@_awkward("empty list", block=b"")
def answer_empty_list(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML, ("Content-Length", "0")])
    return []


@_awkward("empty iterator", block=b"")
def answer_empty_iterator(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return iter(())


@_awkward("huge", block=PAGE, times=4096)
def answer_huge(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Some MiB that are never in memory at once."""
    start_response("200 OK", [HTML, ("Content-Length", str(len(PAGE) * 4096))])
    return (PAGE * 32 for _ in range(128))


@_awkward("file_wrapper", closes=1)
def answer_file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML, LENGTH])
    wrapper = environ.get("wsgi.file_wrapper") or FileWrapper
    return wrapper(RecordedFile(PAGE, environ, "file_wrapper"), 1000)


@_awkward("closable", closes=1)
def answer_closable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return RecordedBody(LINES, environ, "closable")


# ---- write()


@_awkward("write()")
def answer_write(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [HTML])
    for line in LINES:
        write(line)
    return []


@_awkward("write() and an iterable", closes=1)
def answer_write_and_iterable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [HTML, LENGTH])
    write(LINES[0])
    write(b"")
    return RecordedBody(LINES[1:], environ, "write() and an iterable")


# ---- errors


@_awkward("exc_info before the first byte", status=500, block=ERROR_PAGE)
def answer_early_exc_info(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML, LENGTH, ("X-Withdrawn", "yes")])
    return _fail_and_change_the_head(start_response)


@_awkward("exc_info in a generator before the first byte", status=500, block=ERROR_PAGE)
def answer_lazy_exc_info(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML, LENGTH, ("X-Withdrawn", "yes")])
    yield from _fail_and_change_the_head(start_response)


@_awkward("exc_info after the first byte", block=LINES[0], raises="body")
def answer_late_exc_info(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    yield LINES[0]
    yield from _fail_and_change_the_head(start_response)


def _fail_and_change_the_head(start_response: StartResponse) -> list[bytes]:
    try:
        raise AwkwardError("the head is decided anew")
    except AwkwardError:
        start_response("500 Internal Server Error", [HTML], sys.exc_info())
    return [ERROR_PAGE]


@_awkward("raises at once", block=b"", raises="call")
def raise_at_once(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise AwkwardError("before start_response")


@_awkward("raises after start_response", block=b"", raises="call")
def raise_after_start(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    raise AwkwardError("after start_response")


@_awkward("raises before the first byte", block=b"", raises="body", closes=1)
def raise_before_first_byte(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return RecordedBody(_broken([]), environ, "raises before the first byte")


@_awkward("raises midway", block=b"".join(LINES[:8]), raises="body", closes=1)
def raise_midway(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return RecordedBody(_broken(LINES[:8]), environ, "raises midway")


def _broken(chunks: Iterable[bytes]) -> Iterator[bytes]:
    yield from chunks
    raise AwkwardError("while streaming")


# ---- answers without a body


@_awkward("HEAD", method="HEAD", block=b"", headers=(LENGTH,))
def answer_head(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    head_only = environ["REQUEST_METHOD"] == "HEAD"
    start_response("200 OK", [HTML, LENGTH])
    return [] if head_only else [PAGE]


@_awkward("204", status=204, block=b"")
def answer_204(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return []


@_awkward("304", status=304, block=b"", headers=(("ETag", '"awkward"'),))
def answer_304(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("304 Not Modified", [("ETag", '"awkward"')])
    return iter(())


# ---- heads and requests


class Text(str):
    """The markup-safe or lazily translated string of some framework."""

    __slots__ = ()


@_awkward("str subclasses", headers=(("X-Text", "yes"),), breaks=frozenset({"status-str", "header-str"}))
def answer_str_subclasses(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    headers = [(Text("Content-Type"), Text(HTML[1])), (Text("X-Text"), Text("yes"))]
    start_response(Text("200 OK"), headers)  # type: ignore[arg-type]  # list is invariant
    return [PAGE]


_COOKIES = (("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Expires=Wed, 21 Oct 2065 07:28:00 GMT"))


@_awkward("several Set-Cookie", headers=_COOKIES)
def answer_cookies(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [HTML, *_COOKIES])
    return [PAGE]


@_awkward("echo", method="POST", request_body=PAGE)
def answer_echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Gives back the request's body, read piece by piece as the answer is iterated."""
    headers = [HTML]
    if environ.get("CONTENT_LENGTH"):
        headers.append(("Content-Length", environ["CONTENT_LENGTH"]))
    start_response("200 OK", headers)
    return _pieces(environ)


def _pieces(environ: WSGIEnvironment) -> Iterator[bytes]:
    # Never past Content-Length: wsgiref and others block there. Without one, only a terminated input ends.
    left = sys.maxsize if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    while piece := environ["wsgi.input"].read(min(left, 100)) if left else b"":
        left -= len(piece)
        yield piece


@_awkward("changes environ", path="/first/second")
def answer_changing_environ(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Moves the SCRIPT_NAME border in place, as many dispatchers do; a layer outside must not be misled."""
    shift_path_info(environ)
    environ["REQUEST_METHOD"] = "CHANGED"
    start_response("200 OK", [HTML])
    return [PAGE]


# ---- bodies that tell when they are closed


class RecordedBody:
    """An iterable, not an iterator, that writes down its close()."""

    def __init__(self, chunks: Iterable[bytes], environ: WSGIEnvironment, name: str) -> None:
        self._chunks = chunks
        self._closed: list[str] = environ.setdefault(CLOSED, [])
        self._name = name

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def close(self) -> None:
        self._closed.append(self._name)


class RecordedFile(io.BytesIO):
    """A file that writes down its close()."""

    def __init__(self, content: bytes, environ: WSGIEnvironment, name: str) -> None:
        super().__init__(content)
        self._closings: list[str] = environ.setdefault(CLOSED, [])
        self._name = name

    def close(self) -> None:
        self._closings.append(self._name)
        super().close()
