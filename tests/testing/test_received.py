from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.testing.received import Malformed, chunk_size, framing, parse_fields, parse_head

HOST = b"Host: a\r\n"


def parsed(lines: bytes, *, first: bytes = b"POST /a HTTP/1.1"):
    return parse_head(first + b"\r\n" + HOST + lines + b"\r\n", 1)


def test_a_head_is_read_byte_for_byte():
    head = b"GET //a/%2F?q HTTP/1.1\r\nhOST: a\r\nX-B:\t two  words \t\r\nX-Empty:\r\nX-L: \xe9\r\n\r\n"
    request = parse_head(head, 3)
    assert (request.method, request.target, request.version) == ("GET", "//a/%2F?q", "HTTP/1.1")
    assert request.headers == [("hOST", "a"), ("X-B", "two  words"), ("X-Empty", ""), ("X-L", "\xe9")]
    assert (request.connection, request.head, request.body) == (3, head, b"")
    assert request.header("host") == "a"


@pytest.mark.parametrize(
    "line",
    [
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / HTTP/2",
        b"GET /a b HTTP/1.1",
        b"G@T / HTTP/1.1",
        b"GET /\xe9 HTTP/1.1",
    ],
)
def test_a_bad_request_line_is_a_fault(line):
    with pytest.raises(Malformed, match="request line"):
        parsed(b"", first=line)


@pytest.mark.parametrize(
    "line",
    [
        b"X",
        b"X : 1",
        b": 1",
        b" folded",
        b"X\x00: 1",
        b"X: a\rb",
        b"X: a\nb",
        b"X: \x00",
        b"X: \x7f",
        b"X(: 1",
    ],
)
def test_a_bad_field_line_is_a_fault(line):
    with pytest.raises(Malformed, match="field line"):
        parse_fields([line])


@pytest.mark.parametrize("hosts", [b"", HOST * 2])
def test_one_host_is_wanted(hosts):
    with pytest.raises(Malformed, match="Host"):
        parse_head(b"GET / HTTP/1.1\r\n" + hosts + b"\r\n", 1)


def test_no_host_is_wanted_of_http_1_0():
    assert parse_head(b"GET / HTTP/1.0\r\n\r\n", 1).wants_close


@pytest.mark.parametrize(
    ("lines", "length"),
    [(b"", 0), (b"Content-Length: 12\r\n", 12), (b"Transfer-Encoding: Chunked\r\n", None)],
)
def test_the_framing_is_read(lines, length):
    assert framing(parsed(lines)) == length


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: +1\r\n",
        b"Content-Length: 1_0\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: 1, 1\r\n",
        b"Content-Length: 1\r\nContent-Length: 1\r\n",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
    ],
)
def test_framing_that_can_be_read_in_two_ways_is_a_fault(lines):
    with pytest.raises(Malformed):
        framing(parsed(lines))


@pytest.mark.parametrize(("line", "size"), [(b"0", 0), (b"1f", 31), (b"A;name=value", 10), (b"00a ;x", 10)])
def test_a_chunk_size_is_hex_digits(line, size):
    assert chunk_size(line) == size


@pytest.mark.parametrize(
    "line", [b"", b"+1", b"-1", b"0x1", b"1_0", b" 1", b"1 ", b"g", b"1;\r", b"1;\x00", b"f" * 17]
)
def test_a_bad_chunk_size_is_a_fault(line):
    with pytest.raises(Malformed):
        chunk_size(line)


@pytest.mark.parametrize(
    ("lines", "closes"),
    [(b"", False), (b"Connection: Close\r\n", True), (b"Connection: x\r\nConnection: y ,close\r\n", True)],
)
def test_connection_close_is_found_in_any_line(lines, closes):
    assert parsed(lines).wants_close is closes


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_otherwise(data):
    for reader in (lambda: framing(parse_head(data + b"\r\n\r\n", 1)), lambda: chunk_size(data)):
        try:
            reader()
        except Malformed:
            pass


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f")))
def test_every_visible_value_arrives(value):
    assert parse_fields([b"X: " + value.encode("latin-1")]) == [("X", value)]
