"""`call(app)`: one request to a WSGI app, with the strictness of a server and without a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wsgikit.testing.environ import build_environ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


def call(
    app: WSGIApplication,
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: Iterable[tuple[str, str]] | Mapping[str, str] = (),
    body: bytes | Iterable[bytes] = b"",
    environ: Mapping[str, Any] | None = None,
    stop_after: int | None = None,
) -> Result:
    """Sends one request to ``app`` and gives the whole answer as a `Result`.

    - ``path``: as in a request line: percent-encoded, a ``?query`` may follow. RAW_URI and REQUEST_URI hold it.
    - ``query``: added to the path's own, without ``?``.
    - ``headers``: pairs or a mapping; repeated names are joined as servers join them.
    - ``body``: bytes (with a CONTENT_LENGTH), an iterable of bytes (as a chunked body: without one, and with
      ``wsgi.input_terminated``), or a file (taken as wsgi.input as it is).
    - ``environ``: keys that go over what was built, for what the rest cannot say.
    - ``stop_after``: number of chunks after which the client is gone: no further chunk is asked for.

    The answer is taken as PEP 3333 has a server take it: the head is fixed at the first byte, a later
    ``exc_info`` is raised again, ``close()`` is called once whatever happens. What the app raises comes out
    after that. A breach that leaves no answer to give raises `AssertionError`.
    """
    request = build_environ(method, path, query=query, headers=headers, body=body, environ=environ)
    errors = request["wsgi.errors"]  # layers may put their own in its place
    answer = _Answer()
    iterable = app(request, answer.start_response)
    try:
        if stop_after is None or stop_after > 0:
            for count, chunk in enumerate(iterable, 1):
                answer.write(chunk)
                if count == stop_after:
                    break
    finally:
        if hasattr(iterable, "close"):
            iterable.close()
    return answer.result(request, errors)


@dataclass(frozen=True, slots=True)
class Result:
    """An answer, whole.

    ``chunks`` are the pieces in which the body came, empty ones too; ``errors`` is what was written to
    wsgi.errors, and ``environ`` the request as the app left it.
    """

    status: int
    reason: str
    headers: list[tuple[str, str]]
    chunks: list[bytes] = field(repr=False)
    environ: WSGIEnvironment = field(repr=False)
    errors: str = ""

    @property
    def body(self) -> bytes:
        """The chunks joined."""
        return b"".join(self.chunks)

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The value of the header, whatever the case of its name; several are joined by a comma."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def all(self, name: str) -> list[str]:
        """Each value of the header, in order: Set-Cookie cannot be joined."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class _Answer:
    """The server's side of one exchange."""

    def __init__(self) -> None:
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._committed = False
        self._chunks: list[bytes] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        if exc_info is not None:
            if self._committed and exc_info[1] is not None:
                raise exc_info[1].with_traceback(exc_info[2])
        elif self._head is not None:
            raise AssertionError("start_response was called again without exc_info")
        self._head = (status, list(headers))
        return self.write

    def write(self, data: bytes, /) -> None:
        if self._head is None:
            raise AssertionError("the body began before start_response was called")
        if not isinstance(data, bytes):
            raise AssertionError(f"a chunk is {type(data).__name__}, not bytes: {data!r:.60}")
        self._committed = self._committed or bool(data)
        self._chunks.append(data)

    def result(self, environ: WSGIEnvironment, errors: Any) -> Result:
        if self._head is None:
            raise AssertionError("the app ended without calling start_response")
        status, headers = self._head
        code, _, reason = status.partition(" ")
        written = errors.getvalue() if hasattr(errors, "getvalue") else ""
        return Result(int(code), reason, headers, self._chunks, environ, written)
