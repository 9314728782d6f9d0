"""What the neighbours' tests share: an access log whose lines are at hand, and apps to stand around."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

from wsgikit import AccessLog, Layer


class Failure(Exception):
    """What the failing apps raise."""

    def __init__(self) -> None:
        super().__init__("the reason")


def fails_at_once(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise Failure


def fails_after_its_head(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    raise Failure
    yield b""


def fails_while_streaming(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"the first part"
    raise Failure


class Closing:
    """An app whose body counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("ETag", '"one"')])
        return self

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"<p>a page</p>\n" * 50] * 2)

    def close(self) -> None:
        self.closed += 1


class Log:
    """An AccessLog layer, and the lines that it has written."""

    def __init__(self, template: str = "%>s %B") -> None:
        self.lines: list[str] = []
        self.layer = Layer(AccessLog, template, to=self.lines.append)
