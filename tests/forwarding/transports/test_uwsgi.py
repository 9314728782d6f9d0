from __future__ import annotations

from itertools import pairwise
from struct import unpack_from
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.core.input import BLOCK
from wsgikit.forwarding.errors import HeadersTooLarge, NoAnswer
from wsgikit.forwarding.outbound import Outbound
from wsgikit.forwarding.transports.answer import AnswerParser
from wsgikit.forwarding.transports.uwsgi import MAX_BLOCK, UWSGI, packet
from wsgikit.forwarding.upstream import parse
from wsgikit.testing import build_environ

ADDRESS = parse("uwsgi://10.0.0.1:3031")


def read(packet: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The variables in a packet, and what follows it, read as a server does."""
    modifier1, size, modifier2 = unpack_from("<BHB", packet)
    assert (modifier1, modifier2) == (0, 0)
    found, position = {}, 4
    while position < 4 + size:
        texts = []
        for _ in range(2):
            (length,) = unpack_from("<H", packet, position)
            texts.append(packet[position + 2 : position + 2 + length])
            position += 2 + length
        assert texts[0]
        assert texts[0] not in found
        found[texts[0]] = texts[1]
    assert position == 4 + size
    return found, packet[position:]


def encoded(method: str = "GET", **more: Any) -> tuple[dict[bytes, bytes], bytes, Any]:
    protocol, request = UWSGI(), Outbound()(build_environ(method, **more))
    protocol.prepare(request)
    head, rest = protocol.encode(request, ADDRESS, "app.internal")
    return *read(head), rest


def test_a_request_is_a_packet_and_its_body_follows_as_it_is() -> None:
    found, body, rest = encoded("POST", path="/x", body=b"hello")
    assert (body, rest) == (b"hello", None)
    assert found[b"PATH_INFO"] == b"/x"
    assert found[b"CONTENT_LENGTH"] == b"5"
    assert found[b"UWSGI_SCHEME"] == b"http"


def test_a_long_body_follows_block_by_block() -> None:
    found, body, rest = encoded("POST", body=b"a" * BLOCK + b"b")
    assert (found[b"CONTENT_LENGTH"], body) == (b"%d" % (BLOCK + 1), b"")
    assert list(rest) == [b"a" * BLOCK, b"b"]


@pytest.mark.parametrize("size", [3, BLOCK + 3])
def test_a_chunked_body_is_measured_first_and_sent_without_its_framing(size: int) -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    found, body, rest = encoded("POST", body=b"x" * size, environ=chunked)
    assert found[b"CONTENT_LENGTH"] == b"%d" % size
    assert b"HTTP_TRANSFER_ENCODING" not in found
    assert body + b"".join(rest or []) == b"x" * size


@given(st.dictionaries(st.binary(min_size=1, max_size=300), st.binary(max_size=300), max_size=40))
def test_whatever_goes_in_comes_out(found: dict[bytes, bytes]) -> None:
    assert read(packet(found)) == (found, b"")


def test_a_block_has_room_for_so_many_bytes_and_not_one_more() -> None:
    room = MAX_BLOCK - 4 - 1
    assert len(packet({b"A": b"x" * room})) == 4 + MAX_BLOCK
    with pytest.raises(HeadersTooLarge, match="65536 bytes"):
        packet({b"A": b"x" * (room + 1)})


def test_headers_that_have_no_room_are_the_clients_fault() -> None:
    with pytest.raises(HeadersTooLarge) as caught:
        encoded(headers={"X-A": "x" * MAX_BLOCK})
    assert (caught.value.status, caught.value.kind) == (431, "headers_too_large")


@given(st.lists(st.integers(0, 100), max_size=8))
def test_the_answer_is_plain_http_that_ends_with_the_connection(cuts: list[int]) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nhello"
    parser = AnswerParser()
    decoder = UWSGI().decoder(parser, ADDRESS)
    for begin, end in pairwise([0, *sorted(cut % len(answer) for cut in cuts), len(answer)]):
        if begin < end:
            decoder.feed(answer[begin:end])
    assert not parser.complete
    decoder.end()
    assert (parser.complete, parser.fault, parser.take()) == (True, None, b"hello")


def test_a_connection_carries_one_request() -> None:
    assert not UWSGI().keeps


def test_a_large_request_that_was_closed_is_not_held_against_the_backend() -> None:
    error = NoAnswer("closed")
    UWSGI().unanswered(error, 4096)
    with pytest.raises(
        NoAnswer, match=r"closed; the request has 4097 bytes of variables.*buffer-size"
    ) as caught:
        UWSGI().unanswered(error, 4097)
    assert not caught.value.blames_upstream


def test_nobody_waits_for_100_continue() -> None:
    request = Outbound()(build_environ("POST", body=b"hello", headers={"Expect": "100-continue"}))
    assert request.expects
    UWSGI().prepare(request)
    assert not request.expects
