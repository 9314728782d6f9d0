"""FastCGI records out and in; those that come in are from strangers, and cut anywhere."""

from __future__ import annotations

import logging
from itertools import pairwise
from struct import pack, unpack_from
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.core.input import BLOCK
from wsgikit.forwarding.outbound import Outbound
from wsgikit.forwarding.transports.answer import AnswerParser
from wsgikit.forwarding.transports.fastcgi import MAX_STDERR, FastCGI, params
from wsgikit.forwarding.upstream import Upstream, parse
from wsgikit.testing import build_environ

ADDRESS = parse("fcgi://10.0.0.1:9000")
BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7

HEAD = b"Status: 404 Not Found\r\nX-A: 1\r\n"


def record(kind: int, content: bytes = b"", *, request: int = 1, padding: int = 0) -> bytes:
    return pack(">BBHHBx", 1, kind, request, len(content), padding) + content + b"\xff" * padding


def ended(protocol_status: int = 0, app_status: int = 0) -> bytes:
    return record(END, pack(">IB3x", app_status, protocol_status))


def records(message: bytes) -> list[tuple[int, bytes]]:
    """The records in ``message``, read as a server does."""
    found, position = [], 0
    while position < len(message):
        version, kind, request, size, padding, reserved = unpack_from(">BBHHBB", message, position)
        assert (version, request, reserved) == (1, 1, 0)
        position += 8
        found.append((kind, message[position : position + size]))
        position += size + padding
    assert position == len(message)
    return found


def pairs(block: bytes) -> dict[bytes, bytes]:
    """Names and values, read as a server does."""
    found, position = {}, 0
    while position < len(block):
        sizes = []
        for _ in range(2):
            size = block[position]
            position += 1
            if size >= 128:
                (size,) = unpack_from(">I", block, position - 1)
                size, position = size & 0x7FFFFFFF, position + 3
            sizes.append(size)
        middle = position + sizes[0]
        found[block[position:middle]] = block[middle : middle + sizes[1]]
        position = middle + sizes[1]
    assert position == len(block)
    return found


def encoded(method: str = "GET", **more: Any) -> list[tuple[int, bytes]]:
    protocol, request = FastCGI(), Outbound()(build_environ(method, **more))
    protocol.prepare(request)
    head, rest = protocol.encode(request, ADDRESS, "app.internal")
    return records(head + b"".join(rest or []))


def stream(found: list[tuple[int, bytes]], kind: int) -> bytes:
    """A stream put together; it must end, and only once."""
    contents = [content for one, content in found if one == kind]
    assert contents[-1] == b""
    assert b"" not in contents[:-1]
    return b"".join(contents)


def test_a_request_begins_as_a_responder_on_a_connection_of_its_own() -> None:
    found = encoded("POST", path="/x", body=b"hello")
    assert found[0] == (BEGIN, b"\0\1\0\0\0\0\0\0")
    assert not FastCGI().keeps
    assert [kind for kind, _ in found] == [BEGIN, PARAMS, PARAMS, STDIN, STDIN]
    variables = pairs(stream(found, PARAMS))
    assert variables[b"PATH_INFO"] == b"/x"
    assert variables[b"GATEWAY_INTERFACE"] == b"CGI/1.1"
    assert variables[b"CONTENT_LENGTH"] == b"5"
    assert stream(found, STDIN) == b"hello"


def test_no_body_is_an_empty_stream() -> None:
    assert encoded()[-1] == (STDIN, b"")
    assert stream(encoded(), STDIN) == b""


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_comes_in_records_without_its_framing(size: int, chunked: bool) -> None:
    body = bytes(number % 251 for number in range(size))
    more = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    found = encoded("POST", body=body, environ=more if chunked else {})
    assert stream(found, STDIN) == body
    assert pairs(stream(found, PARAMS))[b"CONTENT_LENGTH"] == b"%d" % size


def test_variables_have_as_many_records_as_they_need() -> None:
    found = encoded(headers={"X-Long": "x" * 200_000})
    assert pairs(stream(found, PARAMS))[b"HTTP_X_LONG"] == b"x" * 200_000


@given(st.dictionaries(st.binary(max_size=200), st.binary(max_size=400), max_size=20))
def test_whatever_goes_in_comes_out(found: dict[bytes, bytes]) -> None:
    assert pairs(params(found)) == found


class Reading:
    """An answer as it is read: ``fed`` in one piece or in many."""

    def __init__(self, *, bodiless: bool = False) -> None:
        self.parser = AnswerParser()
        self.parser.expect_answer(bodiless=bodiless)
        self.decoder = FastCGI().decoder(self.parser, ADDRESS)
        self.body = b""

    def fed(self, message: bytes, cuts: list[int] | None = None) -> Reading:
        for begin, end in pairwise(
            [0, *sorted(cut % (len(message) + 1) for cut in cuts or []), len(message)]
        ):
            if begin < end and self.parser.fault is None:
                self.decoder.feed(message[begin:end])
                self.body += self.parser.take()
        return self

    @property
    def whole(self) -> bool:
        return self.parser.complete and self.parser.fault is None


cuts = st.lists(st.integers(0, 10_000), max_size=12)
ANSWERS = {
    "length": record(STDOUT, HEAD + b"Content-Length: 6\r\n\r\nhel") + record(STDOUT, b"lo!") + ended(),
    "to the end": record(STDOUT, HEAD + b"\r\nhel", padding=5)
    + record(STDOUT, b"lo!")
    + record(STDOUT)
    + ended(),
    "head in pieces": b"".join(record(STDOUT, b"%c" % byte) for byte in HEAD + b"\r\nhello!") + ended(),
    "other requests": record(STDOUT, HEAD + b"\r\nhello!")
    + record(STDOUT, b"X", request=2)
    + record(11)
    + ended(),
}


@given(st.sampled_from(sorted(ANSWERS)), cuts)
def test_an_answer_is_the_same_however_it_is_cut(kind: str, cuts: list[int]) -> None:
    reading = Reading().fed(ANSWERS[kind], cuts)
    assert reading.whole
    assert reading.body == b"hello!"
    assert reading.parser.head is not None
    assert reading.parser.head.status == "404 Not Found"
    assert reading.parser.head.persistent
    assert ("X-A", "1") in reading.parser.head.headers
    assert "Transfer-Encoding" not in dict(reading.parser.head.headers)


@given(st.sampled_from(sorted(ANSWERS)), st.integers(0, 10_000), cuts)
def test_an_answer_that_ends_early_is_never_whole(kind: str, length: int, cuts: list[int]) -> None:
    reading = Reading().fed(ANSWERS[kind][: length % len(ANSWERS[kind])], cuts)
    if not reading.parser.complete:  # as Connection asks
        reading.decoder.end()
        assert not reading.whole
    else:
        assert (kind, reading.body) == ("length", b"hello!")


@given(st.binary(), cuts)
def test_bytes_that_are_no_answer_are_a_fault_and_never_an_error(noise: bytes, cuts: list[int]) -> None:
    for message in (noise, record(STDOUT, noise) + ended(), record(STDOUT, HEAD + b"\r\n") + noise):
        reading = Reading().fed(message, cuts)
        if reading.parser.fault is None and not reading.parser.complete:
            reading.decoder.end()
            assert reading.parser.fault is not None


@given(st.sampled_from(sorted(ANSWERS)), st.binary(min_size=1), cuts)
def test_bytes_after_an_answer_do_not_change_it(kind: str, noise: bytes, cuts: list[int]) -> None:
    reading = Reading().fed(ANSWERS[kind] + noise, cuts)
    assert (reading.whole, reading.body) == (True, b"hello!")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_body_where_there_is_none_is_for_nobody(status: bytes) -> None:
    stray = record(STDOUT, b"Status: " + status + b"\r\n\r\nstray") + record(STDOUT, b"!") + ended()
    reading = Reading().fed(stray)
    assert (reading.whole, reading.body) == (True, b"")


def test_a_body_for_head_is_for_nobody() -> None:
    for answer in ANSWERS.values():
        reading = Reading(bodiless=True).fed(answer)
        assert (reading.whole, reading.body) == (True, b"")


def test_what_goes_beyond_the_length_is_cut_off() -> None:
    reading = Reading().fed(record(STDOUT, b"Content-Length: 5\n\nhello, and more") + ended())
    assert (reading.whole, reading.body) == (True, b"hello")


def test_less_than_the_length_is_a_fault() -> None:
    assert Reading().fed(record(STDOUT, b"Content-Length: 6\n\nhello") + ended()).parser.fault is not None


def test_an_answer_of_nothing_is_a_fault() -> None:
    for message in (ended(), record(STDOUT) + ended(), record(STDOUT, b"X-A: 1\r\n") + ended()):
        assert Reading().fed(message).parser.fault is not None


@pytest.mark.parametrize("before", [b"", record(STDOUT) + record(STDERR)])
def test_a_server_that_is_overloaded_says_503(before: bytes) -> None:
    fault = Reading().fed(before + ended(protocol_status=2)).parser.fault
    assert fault is not None
    assert (fault.status, fault.kind, fault.headers) == (503, "overloaded", [("Retry-After", "1")])


@pytest.mark.parametrize(
    "message", [ended(1), ended(3), record(STDOUT, HEAD + b"\r\nhel") + ended(2), record(END, b"")]
)
def test_any_other_end_is_a_broken_answer(message: bytes) -> None:
    fault = Reading().fed(message).parser.fault
    assert fault is not None
    assert (fault.status, fault.kind) == (502, "broken")


def test_the_exit_status_of_a_script_is_its_own_affair() -> None:
    assert Reading().fed(record(STDOUT, HEAD + b"\r\n") + ended(app_status=255)).whole


def test_another_version_is_a_fault() -> None:
    assert Reading().fed(b"\2" + record(STDOUT, HEAD)[1:]).parser.fault is not None


def test_complaints_go_to_the_log_escaped(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "wsgikit.forwarding"):
        reading = Reading().fed(
            record(STDERR, b"PHP\x1b[31m: J\xc3\xb6rg\r\nforged: line\n") + record(STDERR) + ANSWERS["length"]
        )
    assert reading.body == b"hello!"
    assert [one.getMessage() for one in caplog.records] == [
        r"FastCGI at 10.0.0.1:9000, on stderr: 'PHP\x1b[31m: J\xf6rg\r\nforged: line'"
    ]


def test_only_so_much_of_the_complaints_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "wsgikit.forwarding"):
        Reading().fed(record(STDERR, b"x" * 5000) * 100)
    text = "".join(one.getMessage() for one in caplog.records)
    assert text.count("x") == MAX_STDERR
    assert text.endswith("(and more)")


def test_a_script_is_named_by_the_upstream_and_by_nobody_else() -> None:
    def named(upstream: Upstream) -> dict[bytes, bytes]:
        head, _ = FastCGI().encode(Outbound()(build_environ(path="/shop?x")), upstream.address, "h")
        return pairs(stream(records(head), PARAMS))

    found = named(Upstream("fcgi://10.0.0.1:9000", script="/srv/site/index.php"))
    assert found[b"SCRIPT_FILENAME"] == b"/srv/site/index.php"
    assert (found[b"SCRIPT_NAME"], found[b"DOCUMENT_ROOT"]) == (b"/index.php", b"/srv/site")
    assert (found[b"PATH_INFO"], found[b"REQUEST_URI"]) == (b"/shop", b"/shop?x")
    assert b"SCRIPT_FILENAME" not in named(Upstream("fcgi://10.0.0.1:9000"))


@pytest.mark.parametrize("script", ["index.php", "/srv/", "", "/a\0b", 7])
def test_a_script_that_is_none_is_refused(script: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="script"):
        Upstream("fcgi://10.0.0.1:9000", script=script)
    with pytest.raises(ValueError, match="script"):
        Upstream("http://10.0.0.1:9000", script="/index.php")
