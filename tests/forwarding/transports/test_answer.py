"""Answers from strangers, cut anywhere."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.transports.answer import AnswerParser

INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B:\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n"
)
LENGTH = b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nX-B:\r\nContent-Length: 6\r\n\r\nhello!"
TO_CLOSE = b"HTTP/1.0 200 OK\r\nX-A: 1\r\nX-B:\r\n\r\nhello!"


def fed(message: bytes, cuts: list[int], *, bodiless: bool = False) -> tuple[AnswerParser, bytes]:
    """A parser that was given ``message`` in pieces, and the body it found."""
    parser = AnswerParser()
    parser.expect_answer(bodiless=bodiless)
    body = b""
    edges = [0, *sorted(cut % (len(message) + 1) for cut in cuts), len(message)]
    for begin, end in pairwise(edges):
        if parser.fault is None and begin < end:
            parser.feed(message[begin:end])
            body += parser.take()
    return parser, body


cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.sampled_from([CHUNKED, LENGTH, TO_CLOSE]), cuts, st.integers(0, 2))
def test_an_answer_is_the_same_however_it_is_cut(message: bytes, cuts: list[int], interim: int) -> None:
    parser, body = fed(INTERIM * interim + message, cuts)
    if message is TO_CLOSE:
        assert not parser.complete
        parser.end()
    assert parser.complete
    assert parser.fault is None
    assert not parser.stray
    assert body == b"hello!"
    assert parser.head is not None
    kept = [pair for pair in parser.head.headers if pair[0] != "Content-Length"]
    assert kept == [("X-A", "1"), ("X-B", "")]
    assert parser.interim == interim


@given(st.sampled_from([CHUNKED, LENGTH, TO_CLOSE]), st.integers(0, 10_000), cuts)
def test_an_answer_that_ends_early_is_never_whole(message: bytes, length: int, cuts: list[int]) -> None:
    cut = message[: length % len(message)]
    parser, _ = fed(cut, cuts)
    parser.end()
    if message is TO_CLOSE and b"\r\n\r\n" in cut:
        return  # nobody can tell, and that is why such a connection must not end with a reset
    assert parser.fault is not None


@given(st.binary(), cuts)
def test_bytes_that_are_no_answer_are_a_fault_and_never_an_error(noise: bytes, cuts: list[int]) -> None:
    for message in (noise, b"HTTP/1.1 200 OK\r\n" + noise, CHUNKED[:90] + noise):
        parser, _ = fed(message, cuts)
        parser.end()
        if parser.fault is None:
            assert parser.head is not None


@given(st.sampled_from([CHUNKED, LENGTH]), st.binary(min_size=1), cuts)
def test_bytes_after_an_answer_do_not_change_it_and_are_noticed(
    message: bytes, noise: bytes, cuts: list[int]
) -> None:
    parser, body = fed(message + noise, cuts)
    assert (parser.complete, parser.fault, body) == (True, None, b"hello!")
    if noise.strip(b"\r\n"):  # empty lines between messages are nobody's bytes (RFC 9112 section 2.2)
        assert parser.stray


def test_a_second_answer_leaves_no_trace_in_the_first() -> None:
    parser, body = fed(LENGTH + CHUNKED, [])
    assert body == b"hello!"
    assert parser.stray
    assert parser.head is not None
    assert parser.head.status == "404 Not Found"


def test_one_parser_reads_one_answer_after_another() -> None:
    parser = AnswerParser()
    for message in (CHUNKED, LENGTH, INTERIM + CHUNKED, LENGTH):
        parser.expect_answer(bodiless=False)
        parser.feed(message)
        assert (parser.take(), parser.complete, parser.fault, parser.stray) == (b"hello!", True, None, False)


def test_the_answer_to_head_is_whole_with_its_head() -> None:
    for head in (LENGTH.removesuffix(b"hello!"), CHUNKED[: CHUNKED.index(b"5;x")]):
        parser, body = fed(head, [], bodiless=True)
        assert (parser.complete, parser.stray, body) == (True, False, b"")
        parser.expect_answer(bodiless=False)
        parser.feed(LENGTH)
        assert parser.take() == b"hello!"


def test_a_body_after_the_answer_to_head_is_noticed() -> None:
    for message in (LENGTH, CHUNKED, TO_CLOSE, CHUNKED[: CHUNKED.index(b"5;x")] + b"0\r\n\r\n"):
        parser, body = fed(message, [], bodiless=True)
        assert (parser.complete, parser.stray, body) == (True, True, b"")


def test_framing_without_end_is_a_fault() -> None:
    parser = AnswerParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;")
    for _ in range(40):
        parser.feed(b"x" * 4096)
    assert parser.fault is not None
