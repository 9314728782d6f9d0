from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.core.input import BLOCK
from wsgikit.forwarding.outbound import Outbound
from wsgikit.forwarding.transports.answer import AnswerParser
from wsgikit.forwarding.transports.scgi import SCGI, netstring
from wsgikit.forwarding.upstream import parse
from wsgikit.testing import build_environ

ADDRESS = parse("scgi://10.0.0.1:4000")


def read(message: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The variables in a netstring in their order, and what follows it."""
    size, _, rest = message.partition(b":")
    block, comma, body = rest[: int(size)], rest[int(size) : int(size) + 1], rest[int(size) + 1 :]
    assert comma == b","
    assert block.endswith(b"\0")
    texts = block[:-1].split(b"\0")
    return list(zip(texts[::2], texts[1::2], strict=True)), body


def encoded(method: str = "GET", **more: Any) -> tuple[list[tuple[bytes, bytes]], bytes, Any]:
    protocol, request = SCGI(), Outbound()(build_environ(method, **more))
    protocol.prepare(request)
    head, rest = protocol.encode(request, ADDRESS, "app.internal")
    return *read(head), rest


def test_the_length_comes_first_and_scgi_is_said() -> None:
    found, body, rest = encoded("POST", path="/x", body=b"hello")
    assert found[0] == (b"CONTENT_LENGTH", b"5")
    assert (b"SCGI", b"1") in found
    assert len(dict(found)) == len(found)
    assert dict(found)[b"PATH_INFO"] == b"/x"
    assert (body, rest) == (b"hello", None)


def test_even_no_body_has_a_length() -> None:
    assert encoded()[0][0] == (b"CONTENT_LENGTH", b"0")


@pytest.mark.parametrize("size", [3, BLOCK + 3])
def test_a_chunked_body_is_measured_first_and_sent_without_its_framing(size: int) -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    found, body, rest = encoded("POST", body=b"x" * size, environ=chunked)
    assert found[0] == (b"CONTENT_LENGTH", b"%d" % size)
    assert body + b"".join(rest or []) == b"x" * size


@given(
    st.dictionaries(
        st.binary(min_size=1).filter(lambda name: b"\0" not in name and name != b"CONTENT_LENGTH"),
        st.binary().filter(lambda value: b"\0" not in value),
        max_size=20,
    )
)
def test_whatever_goes_in_comes_out(found: dict[bytes, bytes]) -> None:
    given_length = {**found, b"CONTENT_LENGTH": b"7"}
    pairs, body = read(netstring(given_length))
    assert dict(pairs) == given_length
    assert pairs[0] == (b"CONTENT_LENGTH", b"7")
    assert body == b""


def test_the_answer_ends_with_the_connection() -> None:
    parser = AnswerParser()
    decoder = SCGI().decoder(parser, ADDRESS)
    decoder.feed(b"Status: 404 Gone fishing\r\n\r\nhel")
    decoder.feed(b"lo")
    assert not parser.complete
    decoder.end()
    assert (parser.complete, parser.fault, parser.take()) == (True, None, b"hello")
    assert parser.head is not None
    assert parser.head.status == "404 Gone fishing"


def test_a_connection_carries_one_request() -> None:
    assert not SCGI().keeps
