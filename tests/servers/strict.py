"""A server with all that servers have against their apps, in one: whoever satisfies it satisfies each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsgikit.http.hop import HOP_BY_HOP
from wsgikit.testing import build_environ


class Refused(Exception):
    """The server refused what it was given; no layer and no app may have caught this."""


class StrictServer:
    """Takes one ``start_response`` before the call returns, without exc_info, of exact str, and exact bytes.

    ``writes`` says whether ``start_response`` gives a ``write()``: six servers give None.
    """

    def __init__(self, *, writes: bool = True) -> None:
        self.writes = writes
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.chunks: list[bytes] = []
        self.iterable: Any = None
        self._returned = False

    def ask(self, app: Any, environ: dict[str, Any] | None = None, **keys: Any) -> StrictServer:
        """One request, to its end; what the app raises comes out."""
        request = build_environ(**keys)
        request.update(environ or {})
        body = self.iterable = app(request, self.start_response)
        self._returned = True
        if not self.status:
            raise Refused("no start_response before the call returned")
        try:
            for chunk in body:
                self._take(chunk)
        finally:
            if hasattr(body, "close"):
                body.close()
        return self

    def start_response(self, status: str, headers: list[tuple[str, str]], /, *rest: Any) -> Any:
        if rest:
            raise Refused("exc_info")
        if self.status or self._returned:
            raise Refused("a second or a late start_response")
        texts = [status, *(text for pair in headers for text in pair)]
        if {type(text) for text in texts} != {str} or type(headers) is not list:
            raise Refused(f"no exact str, or no list: {texts}")
        if {type(pair) for pair in headers} - {tuple}:
            raise Refused("a pair that is no tuple")
        if any(ord(char) < 32 for text in texts for char in text):
            raise Refused("a line break")
        if HOP_BY_HOP & {name.lower() for name, _ in headers}:
            raise Refused("hop-by-hop")
        if not status[:3].isdigit() or not status[4:]:
            raise Refused(f"status {status!r}")
        self.status, self.headers = status, list(headers)
        headers.append(("Server", "strict"))  # as wsgiref and tornado do
        return self._write if self.writes else None

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, f"{name} twice"
        return found[0] if found else None

    @property
    def _write(self) -> Callable[[bytes], None]:
        return self._take

    def _take(self, chunk: bytes) -> None:
        if type(chunk) is not bytes:
            raise Refused(f"a chunk of {type(chunk).__name__}")
        self.chunks.append(chunk)
