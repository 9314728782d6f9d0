from __future__ import annotations

import io
from typing import Any

import pytest

from wsgikit.core.input import TooLarge
from wsgikit.forwarding.errors import BodyTooLarge, ClientGone, LengthRequired, NotForwardable
from wsgikit.forwarding.upload import BLOCK, upload


class Source(io.RawIOBase):
    """Blocks of input, a record of what was asked for, and an error at the end on demand."""

    def __init__(self, *blocks: bytes, error: Exception | None = None) -> None:
        self.blocks = list(blocks)
        self.asked: list[int] = []
        self.error = error

    def read(self, size: int = -1) -> bytes:
        self.asked.append(size)
        if self.blocks:
            assert len(self.blocks[0]) <= size
            return self.blocks.pop(0)
        if self.error:
            raise self.error
        return b""


def environ(source: Any = None, **more: Any) -> dict[str, Any]:
    return {"wsgi.input": source or Source(), **more}


def test_no_body_has_no_length_and_nothing_that_follows() -> None:
    for body in (
        upload(environ(), "GET"),
        upload(environ(CONTENT_LENGTH="0"), "GET"),
        upload(environ(CONTENT_LENGTH=""), "DELETE"),
    ):
        assert (body.length, body.first, body.more) == (None, b"", None)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_methods_that_mean_a_body_announce_its_absence(method: str) -> None:
    assert upload(environ(), method).length == 0


def test_a_small_body_is_read_first_and_no_further_than_its_end() -> None:
    source = Source(b"ab", b"cde", b"beyond")
    body = upload(environ(source, CONTENT_LENGTH="5"), "POST")
    assert (body.length, body.first, body.more) == (5, b"abcde", None)
    assert source.asked == [5, 3]


def test_a_long_body_comes_in_blocks_as_they_are_wanted() -> None:
    source = Source(b"a" * BLOCK, b"b")
    body = upload(environ(source, CONTENT_LENGTH=str(BLOCK + 1)), "POST")
    assert not source.asked
    assert body.more is not None
    assert [len(block) for block in body.more] == [BLOCK, 1]
    assert source.asked == [BLOCK, 1]


def test_a_body_that_waits_for_100_continue_is_not_read_first() -> None:
    source = Source(b"abcde")
    body = upload(environ(source, CONTENT_LENGTH="5", HTTP_EXPECT="100-continue"), "POST")
    assert not source.asked
    assert body.first == b""


@pytest.mark.parametrize("flagged", [True, False])
def test_a_chunked_body_comes_in_blocks_without_a_length(flagged: bool) -> None:
    more = {"wsgi.input_terminated": True} if flagged else {}
    body = upload(environ(Source(b"abc", b"d" * 17), HTTP_TRANSFER_ENCODING="Chunked", **more), "POST")
    assert body.length is None
    assert body.more is not None
    assert list(body.more) == [b"abc", b"d" * 17]


def test_a_terminated_body_needs_no_announcement() -> None:
    body = upload(environ(Source(b"abc"), **{"wsgi.input_terminated": True}), "POST")
    assert body.length is None
    assert body.more is not None
    assert list(body.more) == [b"abc"]


def test_a_terminated_input_without_a_byte_is_no_body() -> None:
    assert upload(environ(**{"wsgi.input_terminated": True}), "POST").length == 0
    assert upload(environ(**{"wsgi.input_terminated": True}), "DELETE").length is None


def test_length_and_chunked_together_are_framed_once() -> None:
    both = {"CONTENT_LENGTH": "3", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert upload(environ(Source(b"abc"), **both), "POST").length == 3
    ended = upload(environ(Source(b"abc"), **both, **{"wsgi.input_terminated": True}), "POST")
    assert (ended.length, list(ended.more or ())) == (None, [b"abc"])


@pytest.mark.parametrize("length", ["+5", "-1", " 5", "5 ", "0_5", "0x5", "5,5", "5, 5", "five", "٥"])
def test_a_length_that_is_not_digits_is_refused(length: str) -> None:
    with pytest.raises(NotForwardable, match="Content-Length"):
        upload(environ(CONTENT_LENGTH=length), "POST")


def test_two_lengths_that_differ_are_refused_and_nginx_copy_is_not() -> None:
    with pytest.raises(NotForwardable, match="Content-Length"):
        upload(environ(Source(b"abc"), CONTENT_LENGTH="3", HTTP_CONTENT_LENGTH="4"), "POST")
    assert (
        upload(environ(Source(b"abc"), CONTENT_LENGTH="3", HTTP_CONTENT_LENGTH="3"), "POST").first == b"abc"
    )


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, chunked", "identity", "chunked;x"])
def test_other_transfer_codings_are_refused(coding: str) -> None:
    with pytest.raises(NotForwardable, match="transfer coding"):
        upload(environ(HTTP_TRANSFER_ENCODING=coding), "POST")


def test_a_server_that_loses_chunked_bodies_is_not_asked_for_one() -> None:
    with pytest.raises(LengthRequired):
        upload(
            environ(HTTP_TRANSFER_ENCODING="chunked", SERVER_SOFTWARE="WSGIServer/0.2 CPython/3.11"), "POST"
        )


@pytest.mark.parametrize("length", ["5", str(BLOCK * 2)])
@pytest.mark.parametrize("error", [None, OSError("reset"), ValueError("bad chunk")])
def test_a_body_that_breaks_off_raises(length: str, error: Exception | None) -> None:
    with pytest.raises(ClientGone):
        list(upload(environ(Source(b"abc", error=error), CONTENT_LENGTH=length), "PUT").more or ())


def test_a_cap_put_on_the_body_outside_is_a_413() -> None:
    with pytest.raises(BodyTooLarge) as caught:
        upload(environ(Source(b"abc", error=TooLarge("4 bytes are too many")), CONTENT_LENGTH="5"), "PUT")
    assert caught.value.status == 413


def test_buffered_input_gives_what_has_come() -> None:
    class Buffered:
        def read(self, size: int) -> bytes:
            raise AssertionError("waits until the block is full")

        def read1(self, size: int) -> bytes:
            return b"a" * size if size < 6 else b"abc"

    body = upload(environ(Buffered(), HTTP_TRANSFER_ENCODING="chunked"), "POST")
    assert body.more is not None
    assert next(body.more) == b"abc"
