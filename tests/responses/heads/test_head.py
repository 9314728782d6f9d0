from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from wsgikit.responses.heads.head import Head
from wsgikit.testing import call, lint

PAGE = b"<title>page</title>"


class Body:
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.closed, self.read = chunks, 0, 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.read += 1
            yield chunk

    def close(self) -> None:
        self.closed += 1


def answering(status: str, body: Any, *headers: tuple[str, str]) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [*headers])
        return body

    return app


def test_head_has_the_headers_of_get_and_no_body() -> None:
    app = lint(Head(answering("200 OK", [PAGE], ("Content-Length", "19"))))
    answer = call(app, "HEAD")
    assert answer.body == b""
    assert answer.header("Content-Length") == "19"
    assert call(app, "GET").body == PAGE


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_content_has_none(status: str) -> None:
    assert call(lint(Head(answering(status, [PAGE])))).body == b""


def test_a_204_has_no_length_a_304_may_keep_its_own() -> None:
    length = ("Content-Length", "19")
    assert call(Head(answering("204 No Content", [PAGE], length))).header("Content-Length") is None
    assert call(Head(answering("304 Not Modified", [PAGE], length))).header("Content-Length") == "19"


def test_a_body_left_out_is_closed_unread() -> None:
    body = Body(iter([PAGE] * 1000))
    call(Head(answering("200 OK", body)), "HEAD")
    assert body.closed == 1
    assert body.read == 0


def test_any_other_body_is_the_same_object() -> None:
    body = [PAGE]
    environ = {"REQUEST_METHOD": "GET"}
    assert Head(answering("200 OK", body))(environ, lambda *args: print) is body  # type: ignore[arg-type]


def test_a_lazy_body_and_write_are_left_out_too() -> None:
    def lazy(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield PAGE

    def writing(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])(PAGE)
        return [PAGE]

    for app in (lazy, writing):
        assert call(lint(Head(app)), "HEAD").body == b""
