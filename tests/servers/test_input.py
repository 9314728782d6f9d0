"""wsgi.input: it ends where the body ends, whatever the server's own does, and says so when it breaks off."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.core.input import Truncated
from wsgikit.servers import input as repairs
from wsgikit.servers.input import BoundedInput, BrokenBody, ChunkedInput, EndedInput, PulledInput

BODY = b"x=1\ny=22\nz"


class Strict:
    """An input with what servers have against their callers: it takes read(n) alone, and nothing past the end."""

    def __init__(self, body: bytes) -> None:
        self._file = io.BytesIO(body)
        self._left = len(body)

    def read(self, size: Any = None) -> bytes:
        assert type(size) is int
        assert 0 < size <= self._left, "this would block"
        self._left -= size
        return self._file.read(size)


class Failing:
    """An input whose client has gone."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int) -> bytes:
        raise self._error

    readline = read


def environ(**keys: Any) -> dict[str, Any]:
    keys = {key.replace("__", "."): value for key, value in keys.items()}
    return {"REQUEST_METHOD": "POST", "SERVER_PROTOCOL": "HTTP/1.1", **keys}


READS = {
    "read()": lambda stream: stream.read(),
    "read(-1)": lambda stream: stream.read(-1),
    "read(None)": lambda stream: stream.read(None),
    "readlines()": lambda stream: b"".join(stream.readlines()),
    "iteration": lambda stream: b"".join(stream),
    "read(3)": lambda stream: b"".join(iter(lambda: stream.read(3), b"")),
    "readline(2)": lambda stream: b"".join(iter(lambda: stream.readline(2), b"")),
}


@pytest.mark.parametrize("how", READS)
def test_a_body_ends_at_its_length_however_it_is_read(how: str) -> None:
    request = environ(CONTENT_LENGTH=str(len(BODY)), wsgi__input=Strict(BODY))
    repairs.bounded(request)
    assert READS[how](request["wsgi.input"]) == BODY
    assert request["wsgi.input"].read(1) == b""
    assert request["wsgi.input_terminated"] is True


@pytest.mark.parametrize("how", READS)
def test_without_a_body_the_servers_input_is_not_touched(how: str) -> None:
    request = environ(wsgi__input=Failing(AssertionError("blocks")))
    repairs.nothing(request)
    assert READS[how](request["wsgi.input"]) == b""


def test_over_http2_a_body_may_come_without_an_announcement() -> None:
    request = environ(SERVER_PROTOCOL="HTTP/2", wsgi__input=io.BytesIO(BODY))
    repairs.nothing(request)
    assert request["wsgi.input"].read() == BODY


def test_lines_keep_their_newlines_and_their_sizes() -> None:
    stream = BoundedInput(Strict(BODY), len(BODY))
    assert (stream.readline(3), stream.readline(), list(stream)) == (b"x=1", b"\n", [b"y=22\n", b"z"])


def test_a_body_that_is_short_says_so() -> None:
    stream = BoundedInput(io.BytesIO(b"12345"), 10)
    with pytest.raises(Truncated):
        stream.read()


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("bad chunk"), KeyError("?")])
@pytest.mark.parametrize("kind", [lambda source: BoundedInput(source, 5), EndedInput, ChunkedInput])
def test_whatever_a_server_raises_it_is_one_error(error: Exception, kind: Any) -> None:
    with pytest.raises(BrokenBody) as caught:
        kind(Failing(error)).read()
    assert caught.value.__cause__ is error or caught.value is error


def test_what_is_no_error_of_the_body_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        BoundedInput(Failing(KeyboardInterrupt()), 5).read()  # type: ignore[arg-type]


def test_text_is_the_latin_1_view_of_bytes() -> None:
    assert EndedInput(io.StringIO("\xe9")).read(1) == b"\xe9"
    request = environ(CONTENT_LENGTH="2", wsgi__input=io.StringIO("ab"))
    repairs.bounded(request)
    assert request["wsgi.input"].read() == b"ab"


# ---- chunks


def chunked(parts: list[bytes], extension: bytes = b"", trailers: bytes = b"") -> bytes:
    framed = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts if part)
    return framed + b"0\r\n" + trailers + b"\r\n"


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50), st.sampled_from(sorted(READS)))
def test_chunks_of_any_size_read_in_any_way_give_the_body(parts: list[bytes], size: int, how: str) -> None:
    whole = b"".join(parts)
    assert READS[how](ChunkedInput(io.BytesIO(chunked(parts)))) == whole
    pieces = iter([*filter(None, parts), b""])
    assert READS[how](PulledInput(lambda: next(pieces))) == whole
    stream = ChunkedInput(io.BytesIO(chunked(parts)))
    assert b"".join(iter(lambda: stream.read(size), b"")) == whole


def test_extensions_and_trailers_are_skipped_and_what_follows_is_left() -> None:
    wire = io.BytesIO(chunked([b"hello"], b";name=value", b"X-Trailer: 1\r\n") + b"GET / HTTP/1.1\r\n")
    assert ChunkedInput(wire).read() == b"hello"
    assert wire.read() == b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"3_0\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nab",
        b"3\r\nabc\r\n",
        b"3\r\nabc\r\n0\r\n",
        b"11111111111111111\r\nabc",
        b"3;" + b"x" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
        b"0\r\n" + b"X: 1\r\n" * 100 + b"\r\n",
    ],
)
def test_chunks_that_are_none_are_a_broken_body(wire: bytes) -> None:
    with pytest.raises(BrokenBody):
        ChunkedInput(io.BytesIO(wire)).read()


@given(st.binary(max_size=60))
def test_no_bytes_on_the_wire_raise_anything_else(wire: bytes) -> None:
    try:
        ChunkedInput(io.BytesIO(wire)).read()
    except BrokenBody:
        pass


def test_uwsgi_gives_its_chunks_by_its_own_function(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [b"hel", b"lo", b""]
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(chunked_read=lambda: pieces.pop(0)))
    request = environ(HTTP_TRANSFER_ENCODING="chunked", wsgi__input=io.BytesIO())
    repairs.uwsgi_chunked(request)
    assert request["wsgi.input"].read() == b"hello"
    assert request["wsgi.input"].read() == b""  # not asked again after the end


def test_a_chunk_that_uwsgi_cannot_read_is_a_broken_body(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunked_read() -> bytes:
        raise OSError("unable to receive chunked part")

    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(chunked_read=chunked_read))
    request = environ(HTTP_TRANSFER_ENCODING="chunked", wsgi__input=io.BytesIO())
    repairs.uwsgi_chunked(request)
    with pytest.raises(BrokenBody, match="unable to receive"):
        request["wsgi.input"].read()


def test_werkzeugs_decoder_is_passed_by() -> None:
    decoder = SimpleNamespace(_rfile=io.BytesIO(chunked([b"hello"], b";x")))
    request = environ(HTTP_TRANSFER_ENCODING="chunked", wsgi__input=decoder)
    repairs.werkzeug_chunked(request)
    assert request["wsgi.input"].read() == b"hello"


def test_an_unknown_server_is_taken_at_its_word() -> None:
    decoding = environ(
        HTTP_TRANSFER_ENCODING="chunked", wsgi__input_terminated=True, wsgi__input=io.BytesIO(BODY)
    )
    repairs.unknown(decoding)
    assert decoding["wsgi.input"].read() == BODY
    silent = environ(HTTP_TRANSFER_ENCODING="chunked", wsgi__input=io.BytesIO(BODY))
    repairs.unknown(silent)
    assert "wsgi.input_terminated" not in silent
    traceless = environ(wsgi__input_terminated=True, wsgi__input=io.BytesIO(BODY))
    repairs.unknown(traceless)
    assert traceless["wsgi.input"].read() == BODY
    blocking = environ(wsgi__input=Failing(AssertionError("blocks")))
    repairs.unknown(blocking)
    assert blocking["wsgi.input"].read() == b""


@pytest.mark.parametrize("give", [bytearray, memoryview])
def test_any_kind_of_bytes_is_bytes(give: Any) -> None:
    source = SimpleNamespace(read=lambda size: give(b"abcde"[:size]))
    assert BoundedInput(source, 5).read() == b"abcde"
    assert type(BoundedInput(source, 5).read(2)) is bytes


@pytest.mark.parametrize("given", ["\u20ac", 5, ["a"], b"more than was asked for"])
def test_what_is_no_part_of_the_body_breaks_it(given: Any) -> None:
    """More than was asked for would have made the number of bytes left a negative one: read without end."""
    for reader in (BoundedInput, lambda source, size: EndedInput(source)):
        with pytest.raises(BrokenBody):
            reader(SimpleNamespace(read=lambda size: given), 5).read(2)


def test_a_server_that_gives_none_gives_nothing() -> None:
    assert EndedInput(SimpleNamespace(read=lambda size: None)).read(5) == b""


def test_chunks_that_come_as_text_are_read() -> None:
    wire = io.StringIO("5\r\nhello\r\n0\r\n\r\n", newline="")
    assert ChunkedInput(wire).read() == b"hello"
