"""What is read without llhttp is read as llhttp reads it, and whatever it would refuse is left to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.transports import answer as module
from wsgikit.forwarding.transports.answer import AnswerParser
from wsgikit.forwarding.transports.plain import plain
from wsgikit.testing import cues

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


def by_llhttp(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(module, "plain", lambda data: None)
        return seen(data)


def seen(data: bytes) -> Any:
    parser = AnswerParser()
    parser.expect_answer(bodiless=False)
    parser.feed(data)
    head = parser.head
    fields = None if head is None else (head.status, head.headers, head.persistent, head.delimited)
    return fields, parser.take(), parser.complete, parser.stray, parser.fault is None


def test_a_plain_answer_is_taken_at_once() -> None:
    found = plain(OK)
    assert found is not None
    head, body = found
    assert (head.status, head.headers, body) == (
        "200 OK",
        [("Content-Type", "text/plain"), ("Content-Length", "2")],
        b"ok",
    )
    assert head.persistent


@pytest.mark.parametrize(
    "data",
    [
        OK[:-1],
        OK + b"x",
        OK.replace(b"1.1", b"1.0"),
        OK.replace(b"200", b"204"),
        OK.replace(b"200", b"304"),
        OK.replace(b"200 OK", b"103 Early"),
        OK.replace(b"200", b"+20"),
        OK.replace(b"Length: 2", b"Length: +2"),
        OK.replace(b"Length: 2", b"Length: 2\r\nContent-Length: 2"),
        OK.replace(b"Length: 2", b"Length: 2, 2"),
        OK.replace(b"\r\nContent-L", b"\r\nSet-Cookie: a=1\r\nContent-L"),
        OK.replace(b"\r\nContent-L", b"\r\nStatus: 500 No\r\nContent-L"),
        OK.replace(b"\r\nContent-L", b"\r\nConnection: close\r\nContent-L"),
        OK.replace(b"\r\nContent-L", b"\r\nTransfer-Encoding: chunked\r\nContent-L"),
        OK.replace(b"\r\nContent-L", b"\r\n folded\r\nContent-L"),
        OK.replace(b"\r\nContent-L", b"\r\nX: a\0b\r\nContent-L"),
        OK.replace(b"\r\nContent-L", b"\r\nX : a\r\nContent-L"),
        OK.replace(b"\r\nContent-L", b"\r\nX: " + b"a" * 300 + b"\r\nContent-L"),
        OK.replace(b"\r\n", b"\n"),
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"",
    ],
)
def test_whatever_needs_a_thought_is_left_to_llhttp(data: bytes) -> None:
    assert plain(data) is None


@pytest.mark.parametrize(
    "line", [b"content-length:2", b"CONTENT-LENGTH:\t2 ", b"Content-Length: 2\r\nConnection: Keep-Alive"]
)
def test_what_is_plain_however_it_is_written(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    data = OK.replace(b"Content-Length: 2", line)
    assert plain(data) is not None
    assert seen(data) == by_llhttp(data, monkeypatch)


def test_bytes_after_a_plain_answer_are_stray() -> None:
    parser = AnswerParser()
    parser.expect_answer(bodiless=False)
    parser.feed(OK)
    assert (parser.complete, parser.stray) == (True, False)
    parser.feed(OK)
    assert parser.stray


LINES = st.one_of(
    st.sampled_from(list(cues.FIELDS.values())),
    st.sampled_from(
        [
            b"Content-Length: 2",
            b"content-length:2",
            b"Content-Length:\t2 ",
            b"CONTENT-LENGTH: 02",
            b"Connection: keep-alive",
            b"Connection: Keep-Alive",
            b"Keep-Alive: timeout=5",
            b"X-Empty:",
            b"X-Latin: \xe9",
            b"X-Tab: a\tb",
            b"Server: nginx",
            b"server:nginx",
            b"Upgrade: h2c",
        ]
    ),
    st.binary(max_size=12),
)
STATUS = st.one_of(
    st.sampled_from(
        [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 ", b"HTTP/1.1 200", b"HTTP/1.1 599 \xe9", b"HTTP/1.1 600 X"]
    ),
    st.sampled_from(list(cues.STATUS_LINES.values())),
)


@given(STATUS, st.lists(LINES, max_size=5), st.sampled_from([b"ok", b"", b"okay"]))
def test_what_is_read_so_is_what_llhttp_reads(status: bytes, lines: list[bytes], body: bytes) -> None:
    data = b"\r\n".join([status, *lines, b"", body])
    with pytest.MonkeyPatch.context() as patch:
        assert seen(data) == by_llhttp(data, patch)
