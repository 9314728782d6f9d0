"""wsgi.input and wsgi.errors: to their end and no further, and no longer than the request."""

from __future__ import annotations

import pytest

from tests.handlers.fake import Apache, Request, Table
from wsgikit.core.input import Truncated
from wsgikit.handlers.mod_python import httpd
from wsgikit.handlers.mod_python.streams import ChunkedBody, ErrorLog, LengthBody, request_body

CHUNKED = Table({"Transfer-Encoding": "chunked"})


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[bytes | None]:
    """What httpd will take out of the chunks, one read after the other."""
    found: list[bytes | None] = []
    monkeypatch.setattr(httpd, "begin_body", lambda req: 1)
    monkeypatch.setattr(httpd, "read_body", lambda request, size: found.pop(0))
    return found


def test_body_ends_with_its_length(blocks: list[bytes | None]) -> None:
    blocks += [b"abc", b"d"]
    body = request_body(Request(headers_in=Table({"Content-Length": "4"})))
    assert isinstance(body, LengthBody)
    assert [body.read(), body.read(), body.read(1)] == [b"abcd", b"", b""]


@pytest.mark.parametrize("end", [b"", None])
def test_body_that_is_short_is_no_whole_one(blocks: list[bytes | None], end: bytes | None) -> None:
    blocks += [b"ab", end]
    with pytest.raises(Truncated):
        request_body(Request(headers_in=Table({"Content-Length": "4"}))).read()


def test_request_without_a_body_is_not_read(blocks: list[bytes | None]) -> None:
    assert request_body(Request()).read() == b""
    assert blocks == []


def test_chunked_body_ends_where_httpd_says(blocks: list[bytes | None]) -> None:
    blocks += [b"ab\nc", b"d", b""]
    body = request_body(Request(headers_in=CHUNKED))
    assert isinstance(body, ChunkedBody)
    assert [body.readline(), body.read(), body.read(), body.read(1)] == [b"ab\n", b"cd", b"", b""]


def test_chunked_body_that_breaks_off_is_no_whole_one(blocks: list[bytes | None]) -> None:
    blocks += [b"ab", None]
    body = request_body(Request(headers_in=CHUNKED))
    assert body.read(2) == b"ab"
    with pytest.raises(Truncated, match="broke off"):
        body.read()
    assert body.read() == b""


@pytest.mark.parametrize("headers", [Table({"Content-Length": "4"}), CHUNKED])
def test_body_of_a_request_that_is_over_says_so(headers: Table) -> None:
    body = request_body(Request(headers_in=headers))
    body.end()
    with pytest.raises(ValueError, match="is over"):
        body.read(1)


def test_log_takes_whole_lines() -> None:
    req = Request()
    log = ErrorLog(req, Apache())
    assert log.write("one\ntw") == 6
    log.writelines(["o\n", "\n", "three"])
    assert req.log == ["one", "two"]
    log.flush()
    assert req.log == ["one", "two", "three"]


def test_log_takes_what_no_c_string_can() -> None:
    req = Request()
    ErrorLog(req, Apache()).write("a\0b\udc80\n")
    assert req.log == ["a\\x00b\\udc80"]


def test_log_outlives_its_request() -> None:
    req, apache = Request(), Apache()
    log = ErrorLog(req, apache)
    log.write("begun")
    log.end()
    log.write("after\n")
    assert (req.log, apache.log) == (["begun"], ["after"])
