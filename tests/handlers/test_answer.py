"""The answer: when its head is settled, what it takes, and how it ends; Apache is a fake that writes all down."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handlers.fake import Apache, Request
from wsgikit.handlers.mod_python.answer import Answer, ClientGone, checked, regular_file

TEXT = ("Content-Type", "text/plain")


class Text(str):
    """No exact str."""

    __slots__ = ()


def start(req: Request, status: str = "200 OK", *headers: tuple[str, str]) -> Answer:
    answer = Answer(req, Apache())
    answer.start_response(status, [TEXT, *headers])
    return answer


def error() -> Any:
    try:
        raise ValueError("the app's own")
    except ValueError:
        return sys.exc_info()


def test_head_waits_for_the_first_byte() -> None:
    req = Request()
    answer = start(req, "404 Not Found")
    answer.write(b"")
    assert (answer.begun, req.status) == (False, 200)
    answer.write(b"x")
    assert (answer.begun, req.status, req.status_line, req.content_type) == (
        True,
        404,
        "404 Not Found",
        "text/plain",
    )


def test_head_is_settled_at_the_end_without_a_byte() -> None:
    req = Request()
    start(req, "404 Not Found").send([])
    assert (req.status, req.sent) == (404, [])


def test_head_is_replaced_with_exc_info() -> None:
    req = Request()
    answer = start(req, "200 OK", ("X-First", "yes"))
    answer.start_response("500 Oops", [("X-Second", "yes")], error())
    answer.send([b"x"])
    assert (req.status, req.headers_out.added) == (500, [("X-Second", "yes")])


def test_head_that_went_out_is_not_replaced() -> None:
    answer = start(Request())
    answer.write(b"x")
    with pytest.raises(ValueError, match="the app's own"):
        answer.start_response("500 Oops", [], error())


def test_second_start_without_exc_info_is_an_error() -> None:
    with pytest.raises(AssertionError, match="a second time"):
        start(Request()).start_response("200 OK", [])


def test_body_without_a_head_is_an_error() -> None:
    with pytest.raises(AssertionError, match="was not called"):
        Answer(Request(), Apache()).send([b"x"])


def test_several_values_of_a_header_stay_apart() -> None:
    req = Request()
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    start(req, "200 OK", *cookies).send([])
    assert req.headers_out.added == cookies


def test_fields_of_the_connection_are_left_out() -> None:
    req = Request()
    start(req, "200 OK", ("Connection", "close"), ("Transfer-Encoding", "chunked")).send([b"x"])
    assert req.headers_out.added == []


def test_only_chunk_gives_the_length_and_is_not_flushed() -> None:
    req = Request()
    start(req).send((b"abc",))
    assert (req.length, req.sent) == (3, [(b"abc", False)])


def test_each_of_several_chunks_is_flushed() -> None:
    req = Request()
    start(req).send(iter([b"a", b"", b"b"]))
    assert (req.length, req.sent) == (None, [(b"a", True), (b"b", True)])


def test_what_is_over_the_length_is_dropped_and_no_more_asked_for() -> None:
    req, chunks = Request(), iter([b"abc", b"def", b"ghi"])
    answer = start(req, "200 OK", ("Content-Length", "2"))
    answer.send(chunks)
    assert ([data for data, _ in req.sent], list(chunks), answer.complete) == ([b"ab"], [b"ghi"], True)


def test_what_is_under_the_length_is_an_error() -> None:
    answer = start(Request(), "200 OK", ("Content-Length", "5"))
    with pytest.raises(ValueError, match="ended 2 bytes before its Content-Length"):
        answer.send([b"abc"])
    assert not answer.complete


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Same")]
)
def test_answer_without_a_body_sends_none(method: str, status: str) -> None:
    req, chunks = Request(method=method), iter([b"abc", b"def"])
    answer = start(req, status, ("Content-Length", "6"))
    answer.send(chunks)
    assert (req.sent, answer.complete, next(chunks)) == ([], True, b"def")
    assert req.length == (None if status.startswith("204") else 6)


@pytest.mark.parametrize("chunk", ["text", None, 5, bytearray(b"x"), memoryview(b"x")])
def test_chunk_has_to_be_bytes(chunk: Any) -> None:
    with pytest.raises(TypeError, match="has to be bytes, not"):
        start(Request()).write(chunk)


def test_client_that_has_left_ends_the_answer() -> None:
    with pytest.raises(ClientGone):
        start(Request(gone=True)).send([b"x"])


def test_cut_closes_the_connection_and_swallows_the_end() -> None:
    req = Request()
    answer = start(req)
    answer.write(b"x")
    answer.cut()
    assert req.connection.keepalive == Apache.AP_CONN_CLOSE
    assert req.filters == ["wsgikit.cut wsgikit.handlers.mod_python::swallow", "wsgikit.cut"]


def test_cut_leaves_a_complete_answer_alone() -> None:
    req = Request()
    answer = start(req)
    answer.send([b"x"])
    answer.cut()
    assert (req.connection.keepalive, req.filters) == (2, [])


def test_cut_is_nothing_where_the_client_has_left() -> None:
    req = Request(gone=True)
    start(req).cut()
    assert req.filters == []


def test_write_after_the_end_says_so() -> None:
    answer = start(Request())
    answer.end()
    with pytest.raises(ValueError, match="after the request was over"):
        answer.write(b"x")


def test_head_is_of_exact_strings() -> None:
    status, headers = checked(Text("200 OK"), [(Text("X-Text"), Text("yes"))])
    assert {type(text) for text in (status, *headers[0])} == {str}


@pytest.mark.parametrize(
    ("status", "header"),
    [
        ("OK", TEXT),
        ("2000", TEXT),
        ("100 Continue", TEXT),
        ("200 OK\r\nX-Injected: yes", TEXT),
        ("200 OK", ("X-Text", "a\nb")),
        ("200 OK", ("X Text", "a")),
        ("200 OK", ("X-Text", "\N{EURO SIGN}")),
        ("200 OK", ("Content-Length", "-1")),
        ("200 OK", ("content-length", "1, 1")),
    ],
)
def test_head_that_cannot_be_sent_is_an_error(status: str, header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"status|cannot be sent|is not a number"):
        checked(status, [header])


@given(st.text(), st.text(), st.text())
def test_no_head_that_passes_begins_another_line(status: str, name: str, value: str) -> None:
    try:
        checked(status, [(name, value)])
    except ValueError:
        return
    assert not {"\r", "\n", "\0"} & set(status + name + value)
    (status + name + value).encode("latin-1")


def opened(tmp_path: Path) -> Any:
    (tmp_path / "file").write_bytes(b"0123456789")
    return (tmp_path / "file").open("rb")


def test_file_is_handed_over_from_where_it_stands(tmp_path: Path) -> None:
    req = Request()
    with opened(tmp_path) as file:
        file.seek(3)
        assert start(req).send_file(file)
        assert (req.length, req.sent) == (7, [(f"/proc/self/fd/{file.fileno()}", 3, 7)])


def test_file_is_handed_over_up_to_the_length(tmp_path: Path) -> None:
    req = Request()
    with opened(tmp_path) as file:
        start(req, "200 OK", ("Content-Length", "4")).send_file(file)
    assert req.sent[0][1:] == (0, 4)


def test_file_for_a_head_is_not_handed_over(tmp_path: Path) -> None:
    req = Request(method="HEAD")
    with opened(tmp_path) as file:
        assert start(req).send_file(file)
    assert (req.length, req.sent) == (10, [])


def packed(tmp_path: Path) -> Any:
    with gzip.open(tmp_path / "packed", "wb") as file:
        file.write(b"x" * 1000)
    return gzip.open(tmp_path / "packed")


def device(tmp_path: Path) -> Any:
    return Path("/dev/null").open("rb")


def text(tmp_path: Path) -> Any:
    return io.BytesIO(b"x")


@pytest.mark.parametrize("make", [packed, device, text])
def test_what_is_no_file_of_the_systems_is_read(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    file = make(tmp_path)
    assert regular_file(file) is None
    file.close()
