"""Answers in CGI form from strangers, cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.errors import BrokenAnswer
from wsgikit.forwarding.transports.answer import MAX_HEAD, AnswerParser
from wsgikit.forwarding.transports.cgi_answer import CGIAnswer, http_form

LENGTH = b"Status: 404 Not Found\r\nX-A: 1\r\nContent-Length: 6\r\n\r\nhello!"
TO_END = b"Status: 404 Not Found\nX-A: 1\n\nhello!"
MIXED = b"Status: 404 Not Found\nX-A: 1\r\n\nhello!"


def fed(message: bytes, cuts: list[int], *, chunked: bool = False, bodiless: bool = False) -> AnswerParser:
    parser = AnswerParser()
    parser.expect_answer(bodiless=bodiless)
    answer = CGIAnswer(parser, chunked=chunked)
    edges = [0, *sorted(cut % (len(message) + 1) for cut in cuts), len(message)]
    for begin, end in pairwise(edges):
        if begin < end and parser.fault is None:
            answer.feed(message[begin:end])
    if parser.fault is None:
        answer.end()
    return parser


cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.sampled_from([LENGTH, TO_END, MIXED]), cuts, st.booleans())
def test_an_answer_is_the_same_however_it_is_cut(message: bytes, cuts: list[int], chunked: bool) -> None:
    parser = fed(message, cuts, chunked=chunked)
    assert (parser.complete, parser.fault, parser.stray) == (True, None, False)
    assert parser.head is not None
    assert parser.head.status == "404 Not Found"
    assert [pair for pair in parser.head.headers if pair[0] != "Content-Length"] == [("X-A", "1")]
    assert parser.take() == b"hello!"


@given(st.sampled_from([LENGTH, TO_END]), st.integers(0, 10_000), cuts)
def test_a_head_or_a_counted_body_that_ends_early_is_a_fault(
    message: bytes, length: int, cuts: list[int]
) -> None:
    cut = message[: length % len(message)]
    if message is TO_END and b"\n\n" in cut:
        return  # only FastCGI can tell
    assert fed(cut, cuts).fault is not None
    assert fed(cut, cuts, chunked=True).fault is not None


@given(st.binary(), cuts)
def test_bytes_that_are_no_answer_are_a_fault_and_never_an_error(noise: bytes, cuts: list[int]) -> None:
    for message in (noise, b"Status: 200\r\n" + noise, TO_END[:20] + noise):
        parser = fed(message, cuts)
        if parser.fault is None:
            assert parser.head is not None


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Type: a/b", "200 OK"),
        (b"Status: 200", "200 OK"),
        (b"Status:  503 \t", "503 Service Unavailable"),
        (b"STATUS: 201 It's there", "201 It's there"),
        (b"Location: /x", "302 Found"),
        (b"Location: /x\r\nStatus: 201 Created", "201 Created"),
    ],
)
def test_the_status_is_a_field_and_302_for_a_location_without_one(head: bytes, status: str) -> None:
    parser = fed(head + b"\r\n\r\n", [])
    assert parser.head is not None
    assert parser.head.status == status
    assert "status" not in [name.lower() for name, _ in parser.head.headers]


@pytest.mark.parametrize(
    "head",
    [
        b"Status: 20",
        b"Status: 2000",
        b"Status: 200OK",
        b"Status: OK",
        b"Status: +20",
        b"Status: 100 Continue",
        b"Status: 101 Switching Protocols",
        b"Status: 600",
        b"Status:",
        b"Status: \xd9\xa2\xd9\xa0\xd9\xa0",
        b"Status: 200\r\nStatus: 200",
        b"Status: 200\r\nstatus: 404",
        b"Transfer-Encoding: chunked",
        b"transfer-encoding: identity",
        b"HTTP/1.1 200 OK",
        b"no field",
        b": no name",
        b"X-A: 1\r\n folded: 2",
        b"X-A: 1\r\n\tfolded",
        b"",
        b"\r\nStatus: 200",
    ],
)
def test_heads_that_are_refused(head: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        http_form(head)
    assert fed(head + b"\r\n\r\n", []).fault is not None


@pytest.mark.parametrize(
    "head",
    [
        b"Status : 200",
        b"Transfer-Encoding : chunked",
        b"X A: 1",
        b"X-A: 1\rX-B: 2",
        b"X-A: \0",
        b"Content-Length: 1\r\nContent-Length: 2",
        b"Content-Length: +1",
        b"Content-Length: 1, 1",
    ],
)
def test_what_llhttp_refuses_in_http_it_refuses_here(head: bytes) -> None:
    for chunked in (False, True):
        assert fed(head + b"\r\n\r\nx", [], chunked=chunked).fault is not None


@pytest.mark.parametrize("reason", [b"O\rK", b"OK\0", b"O\x1b[31mK"])
def test_a_reason_with_control_characters_reaches_nobody(reason: bytes) -> None:
    parser = fed(b"Status: 200 " + reason + b"\r\n\r\n", [])
    assert parser.fault is not None or (parser.head is not None and parser.head.status == "200 OK")


def test_the_head_is_bounded() -> None:
    parser = AnswerParser()
    answer = CGIAnswer(parser)
    fed_bytes = 0
    while parser.fault is None and fed_bytes < 2 * MAX_HEAD:
        answer.feed(b"X: " + b"x" * 1000 + b"\n")
        fed_bytes += 1004
    assert parser.fault is not None
    assert fed_bytes <= MAX_HEAD + 1004
    assert fed(b"X: " + b"x" * MAX_HEAD + b"\n\n", []).fault is not None


def test_an_answer_is_not_silent_from_its_first_byte_on() -> None:
    parser = AnswerParser()
    assert parser.silent
    CGIAnswer(parser).feed(b"S")
    assert not parser.silent


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_body_where_there_is_none_is_for_nobody(status: bytes) -> None:
    for head in (b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n"):
        parser = fed(b"Status: " + status + head + b"stray", [], chunked=True)
        assert (parser.complete, parser.fault, parser.take()) == (True, None, b"")
    parser = fed(LENGTH, [], bodiless=True)
    assert (parser.complete, parser.fault, parser.take()) == (True, None, b"")


def test_the_connection_is_not_for_scripts_to_speak_of() -> None:
    parser = fed(b"Connection: close, X-A\r\nX-A: 1\r\nX-B: 2\r\n\r\n", [])
    assert parser.head is not None
    assert parser.head.headers == [("X-B", "2")]
