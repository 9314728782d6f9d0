from __future__ import annotations

import email.parser
import io
import itertools
import sys
import tempfile
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest
import werkzeug.wsgi
from hypothesis import given
from hypothesis import strategies as st

from tests.responses.conditional.counted import Body
from wsgikit.core.body import close, watched
from wsgikit.responses.conditional.ranges import Ranges
from wsgikit.testing import call, lint

BODY = b"0123456789"
LENGTH = ("Content-Length", "10")
TYPE = ("Content-Type", "text/plain")


class File(io.BytesIO):
    """A file that counts the bytes that were read, and its closings."""

    def __init__(self, content: bytes = BODY) -> None:
        super().__init__(content)
        self.taken, self.closings = 0, 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data

    def close(self) -> None:
        self.closings += 1


def answering(body: Any, *headers: tuple[str, str], status: str = "200 OK") -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [TYPE, *headers])
        return body() if callable(body) else body

    return app


def ask(app: Any, wanted: str | None = "bytes=2-5", method: str = "GET", **environ: Any) -> Any:
    headers = {} if wanted is None else {"Range": wanted}
    return call(lint(Ranges(app)), method, headers=headers, environ=environ)


def lazy(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [TYPE, LENGTH])
    yield from (b"012", b"", b"34567", b"89")


def writing(environ: Any, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", [TYPE, LENGTH])
    write(b"012")
    write(b"34")
    return [b"567", b"89"]


KINDS = {
    "list": answering([BODY]),
    "list without a length": answering([b"012", b"", b"34567", b"89"], LENGTH),
    "tuple": answering((b"01234", b"56789")),
    "generator": answering(lambda: (bytes([byte]) for byte in BODY), LENGTH),
    "iterator of one": answering(lambda: iter([BODY]), LENGTH),
    "lazy": lazy,
    "write()": writing,
    "wsgiref's file wrapper": answering(lambda: FileWrapper(File(), 3)),
    "werkzeug's file wrapper": answering(lambda: werkzeug.wsgi.FileWrapper(File(), 3), LENGTH),
    "file": answering(File),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("wanted", "part", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=2-5", b"2345", "bytes 2-5/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
        ("bytes=-99", BODY, "bytes 0-9/10"),
        ("bytes=9-9", b"9", "bytes 9-9/10"),
        ("bytes=0-2,2-4", b"01234", "bytes 0-4/10"),
        ("bytes=50-,3-3", b"3", "bytes 3-3/10"),
    ],
)
def test_R8_R11_one_part_of_any_body(kind: str, wanted: str, part: bytes, content_range: str) -> None:
    answer = ask(KINDS[kind], wanted)
    assert (answer.status, answer.reason) == (206, "Partial Content")
    assert answer.body == part
    assert answer.header("Content-Range") == content_range
    assert answer.all("Content-Length") == [str(len(part))]
    assert answer.all("Accept-Ranges") == ["bytes"]
    assert answer.header("Content-Type") == "text/plain"


def several(answer: Any) -> list[tuple[str, str, bytes]]:
    """The parts of a multipart answer: Content-Type, Content-Range, content; read by the standard library."""
    head = f"Content-Type: {answer.header('Content-Type')}\r\n\r\n".encode()
    message = email.parser.BytesParser().parsebytes(head + answer.body)
    assert not message.defects
    return [
        (part["Content-Type"], part["Content-Range"], part.get_payload(decode=True))  # type: ignore[misc]
        for part in message.get_payload()  # type: ignore[union-attr]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_R9_R11_several_parts_of_any_body(kind: str) -> None:
    answer = ask(KINDS[kind], "bytes=0-1,4-4,-2")
    assert answer.status == 206
    assert several(answer) == [
        ("text/plain", "bytes 0-1/10", b"01"),
        ("text/plain", "bytes 4-4/10", b"4"),
        ("text/plain", "bytes 8-9/10", b"89"),
    ]
    assert answer.header("Content-Range") is None
    assert answer.all("Content-Length") == [str(len(answer.body))]
    assert answer.header("Content-Type").startswith("multipart/byteranges; boundary=")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "list" in kind or "file" in kind])
def test_R9_parts_come_in_the_order_asked_for(kind: str) -> None:
    assert [part for *_, part in several(ask(KINDS[kind], "bytes=8-,0-1"))] == [b"89", b"01"]


@pytest.mark.parametrize("kind", ["generator", "lazy", "write()"])
def test_R9_a_stream_is_not_read_backwards(kind: str) -> None:
    answer = ask(KINDS[kind], "bytes=8-,0-1")
    assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.parametrize("wanted", ["bytes=0-,0-,0-", "bytes=" + ",".join(f"{n}-{n}" for n in range(11))])
def test_R9_a_flood_gets_the_whole(wanted: str) -> None:
    answer = ask(answering([BODY * 10]), wanted)
    assert (answer.status, answer.body) == (200, BODY * 10)


def test_R9_a_boundary_is_new_each_time() -> None:
    first, second = (ask(KINDS["list"], "bytes=0-1,5-6").header("Content-Type") for _ in range(2))
    assert first != second


def test_R9_parts_of_what_has_no_type_have_none() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [BODY]

    answer = call(Ranges(app), headers={"Range": "bytes=0-1,5-6"})
    assert answer.body.count(b"Content-Type") == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=-0", "bytes=99-100,-0"])
def test_R8_what_is_not_there_is_416(kind: str, wanted: str) -> None:
    answer = ask(KINDS[kind], wanted)
    assert answer.status == 416
    assert answer.all("Content-Range") == ["bytes */10"]
    assert answer.header("Content-Length") == str(len(answer.body))
    assert "10 bytes" in answer.text


def test_R8_a_416_says_nothing_of_the_representation() -> None:
    headers = [
        ("Cache-Control", "max-age=9"),
        ("ETag", '"x"'),
        ("Content-Encoding", "br"),
        ("Vary", "Cookie"),
    ]
    answer = ask(answering([BODY], *headers), "bytes=10-")
    for name in ("Cache-Control", "ETag", "Content-Encoding"):
        assert answer.header(name) is None
    assert answer.header("Vary") == "Cookie"


@pytest.mark.parametrize("wanted", ["items=0-1", "bytes=5-2", "bytes=a-", "bytes", ""])
def test_R7_what_is_not_understood_is_ignored(wanted: str) -> None:
    answer = ask(answering([BODY], LENGTH), wanted)
    assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_R7_only_a_get_is_cut(method: str) -> None:
    app = answering(lambda: [] if method == "HEAD" else [BODY], LENGTH)
    answer = ask(app, "bytes=0-1", method)
    assert answer.status == 200
    assert answer.header("Content-Range") is None
    assert answer.header("Content-Length") == "10"


@pytest.mark.parametrize("status", ["201 Created", "203 OK", "206 Partial Content", "404 Not Found"])
def test_T3_only_a_200_is_cut(status: str) -> None:
    answer = ask(answering([BODY], LENGTH, status=status))
    assert answer.body == BODY
    assert answer.header("Accept-Ranges") is None


def test_T3_what_has_a_content_range_is_left_alone() -> None:
    answer = ask(answering([BODY], ("Content-Range", "bytes 0-9/90")))
    assert (answer.status, answer.body) == (200, BODY)


def test_what_must_not_be_cut_is_left_alone() -> None:
    answer = ask(answering([BODY], ("Accept-Ranges", "none")))
    assert (answer.status, answer.body, answer.all("Accept-Ranges")) == (200, BODY, ["none"])
    assert ask(answering([BODY], LENGTH, ("Accept-Ranges", "none")), None).all("Accept-Ranges") == ["none"]


def test_what_has_no_length_is_left_alone() -> None:
    body = Body(BODY)
    answer = call(Ranges(answering(body)), headers={"Range": "bytes=2-5"})
    assert (answer.status, answer.body, answer.header("Accept-Ranges")) == (200, BODY, None)


def test_T1_a_range_is_no_transformation() -> None:
    answer = ask(answering([BODY], ("Cache-Control", "no-transform")))
    assert (answer.status, answer.body, answer.header("Cache-Control")) == (206, b"2345", "no-transform")


def test_T2_digests_of_the_message_go_those_of_the_representation_stay() -> None:
    digests = [("Content-MD5", "x"), ("Content-Digest", "x"), ("Repr-Digest", "x"), ("ETag", '"x"')]
    answer = ask(answering([BODY], *digests))
    assert answer.header("Content-MD5") is answer.header("Content-Digest") is None
    assert answer.header("Repr-Digest") == "x"
    assert answer.header("ETag") == '"x"'


def test_an_encoded_body_is_cut_as_it_is_sent() -> None:
    answer = ask(answering([BODY], ("Content-Encoding", "gzip")))
    assert (answer.status, answer.body, answer.header("Content-Encoding")) == (206, b"2345", "gzip")


@pytest.mark.parametrize(
    ("condition", "status"),
    [('"x"', 206), ('"y"', 200), ('W/"x"', 200), ("Sun, 06 Nov 1994 08:49:37 GMT", 206)],
)
def test_R10_if_range_decides(condition: str, status: int) -> None:
    app = answering([BODY], ("ETag", '"x"'), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"))
    headers = {"Range": "bytes=2-5", "If-Range": condition}
    assert call(lint(Ranges(app)), headers=headers).status == status


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("condition", "status"),
    [({"If-None-Match": "*"}, 304), ({"If-Match": '"v1"'}, 412), ({"If-Match": "*"}, 206)],
)
def test_R1_preconditions_come_first_without_ConditionalGet_too(
    kind: str, condition: dict[str, str], status: int
) -> None:
    answer = call(lint(Ranges(KINDS[kind])), headers={"Range": "bytes=2-5", **condition})
    assert answer.status == status
    assert answer.header("Content-Range") == ("bytes 2-5/10" if status == 206 else None)
    assert status == 412 or answer.body == (b"2345" if status == 206 else b"")


@pytest.mark.parametrize(
    ("headers", "announced"),
    [
        ([LENGTH], "bytes"),
        ([], None),
        ([LENGTH, ("accept-ranges", "none")], "none"),
        ([LENGTH, ("Accept-Ranges", "bytes")], "bytes"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_could_be_cut_says_so(method: str, headers: Any, announced: str | None) -> None:
    body = [] if method == "HEAD" else [BODY]
    assert ask(answering(body, *headers), None, method).header("Accept-Ranges") == announced


def test_a_list_of_large_chunks_is_sliced_not_joined() -> None:
    chunks = [b"a" * 1000, b"b" * 1000, b"c" * 1000]
    app = Ranges(answering(chunks))
    body = app({"REQUEST_METHOD": "GET", "HTTP_RANGE": "bytes=500-2499"}, lambda *args: print)  # type: ignore[arg-type]
    assert list(map(len, body)) == [500, 1000, 500]
    assert list(body)[1] is chunks[1]


def test_P1_a_stream_is_closed_once_and_not_read_past_its_part() -> None:
    body = Body(*[b"x" * 10] * 1000)
    answer = ask(answering(body, ("Content-Length", "10000")), "bytes=15-24")
    assert answer.body == b"x" * 10
    assert (body.read, body.closed) == (3, 1)


def test_P4_one_item_out_for_one_item_in() -> None:
    answer = call(Ranges(KINDS["generator"]), headers={"Range": "bytes=3-4"})
    assert answer.chunks == [b"", b"", b"", b"3", b"4"]


@pytest.mark.parametrize("taken", [0, 1])
@pytest.mark.parametrize("wanted", ["bytes=2-5", "bytes=0-1,5-6", "bytes=99-"])
@pytest.mark.parametrize("wrapped", [FileWrapper, werkzeug.wsgi.FileWrapper, lambda file: file])
def test_P1_a_file_is_closed_once_when_the_client_leaves(wrapped: Any, wanted: str, taken: int) -> None:
    file = File()
    app = Ranges(answering(wrapped(file), LENGTH))
    environ = {"REQUEST_METHOD": "GET", "HTTP_RANGE": wanted, "wsgi.file_wrapper": FileWrapper}
    body = app(environ, lambda *args: print)  # type: ignore[arg-type]
    for _ in range(taken):
        next(iter(body))
    close(body)
    assert file.closings == 1


def test_P10_a_stream_shorter_than_its_length_breaks_off() -> None:
    app = Ranges(answering(lambda: iter([b"0123"]), LENGTH))
    with pytest.raises(EOFError, match="at least 2 bytes before"):
        call(app, headers={"Range": "bytes=2-5"})


def test_P10_a_file_cut_short_meanwhile_breaks_off() -> None:
    file = File()
    app = Ranges(answering(file))
    body = app({"REQUEST_METHOD": "GET", "HTTP_RANGE": "bytes=2-5"}, lambda *args: print)  # type: ignore[arg-type]
    file.truncate(3)
    with pytest.raises(EOFError, match="3 bytes before"):
        list(body)


def test_P10_an_error_in_the_app_comes_out() -> None:
    def broken() -> Iterator[bytes]:
        yield b"012"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        call(Ranges(answering(broken, LENGTH)), headers={"Range": "bytes=1-5"})


def test_P2_an_error_page_is_not_cut() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TYPE, LENGTH])
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Internal Server Error", [TYPE], sys.exc_info())
        yield b"something went wrong"

    answer = ask(app, "bytes=2-5")
    assert (answer.status, answer.body) == (500, b"something went wrong")


def test_P2_a_body_that_is_under_way_is_not_cut_when_its_head_changes() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("404 Not Found", [])
        return body(start_response)

    def body(start_response: Any) -> Iterator[bytes]:
        try:
            raise ValueError("late")
        except ValueError:
            start_response("200 OK", [LENGTH], sys.exc_info())
        yield BODY

    answer = ask(app, "bytes=2-5")
    assert (answer.status, answer.body) == (200, BODY)


def test_P5_an_uncut_body_is_the_same_object() -> None:
    for headers, wanted in (((), "bytes=0-1"), ((LENGTH,), "items=0-1")):
        body = Body(BODY)
        app = Ranges(answering(body, *headers))
        environ = {"REQUEST_METHOD": "GET", "HTTP_RANGE": wanted}
        assert app(environ, lambda *args: print) is body  # type: ignore[arg-type]


# ---- files


def cut(file: Any, wanted: str = "bytes=2-5", *headers: tuple[str, str], wrapper: Any = FileWrapper) -> Any:
    app = Ranges(answering(wrapper(file), *headers))
    environ = {"REQUEST_METHOD": "GET", "HTTP_RANGE": wanted, "wsgi.file_wrapper": wrapper}
    return app(environ, lambda *args: print)  # type: ignore[arg-type]


def test_a_file_is_sought_and_no_more_of_it_read_than_is_sent() -> None:
    file = File(BODY * 100_000)
    body = cut(file, "bytes=500000-500099")
    assert type(body) is FileWrapper
    assert file.taken == 0
    assert b"".join(body) == BODY * 10
    assert file.taken == 100


def test_several_parts_of_a_file_are_sought_too() -> None:
    file = File(BODY * 100_000)
    assert b"0123456789" in b"".join(cut(file, "bytes=900000-900009,10-19"))
    assert file.taken == 20


def test_a_body_that_begins_within_its_file_is_counted_from_there() -> None:
    file = File(b"head" + BODY)
    file.seek(4)
    assert b"".join(cut(file, "bytes=2-5", LENGTH)) == b"2345"


def test_a_body_that_ends_within_its_file_does_not_reach_past_its_length() -> None:
    assert b"".join(cut(File(BODY + b"tail"), "bytes=8-", LENGTH)) == b"89"


def test_a_file_shorter_than_its_length_is_left_alone() -> None:
    file = File(b"01234")
    body = cut(file, "bytes=0-1", LENGTH)
    assert body.filelike is file
    assert file.tell() == 0


class Gzip(File):
    """A file that cannot tell its end, as those that are decompressed while they are read."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence == 2:
            raise ValueError("Seek from end not supported")
        return super().seek(offset, whence)


def test_a_file_that_cannot_be_sought_is_gone_through() -> None:
    assert b"".join(cut(Gzip(), "bytes=2-5", LENGTH)) == b"2345"


def test_the_descriptor_stands_where_the_part_begins() -> None:
    """A buffered file that was looked into would leave it at the end of its buffer, and gunicorn sends from there."""
    with tempfile.TemporaryFile() as file:
        file.write(BODY * 10)
        file.seek(0)
        file.read(1)
        file.seek(0)
        body = cut(file, "bytes=20-29")
        assert file.fileno
        assert io.FileIO(file.fileno(), closefd=False).tell() == 20
        assert file.tell() == 20
        assert b"".join(body) == BODY


def test_only_gunicorn_sees_the_descriptor() -> None:
    """bjoern and others call sendfile on it to the end of the file, whatever Content-Length says."""
    gunicorn = pytest.importorskip("gunicorn.http.wsgi", reason="gunicorn is not installed")
    for wrapper, seen in ((gunicorn.FileWrapper, True), (FileWrapper, False)):
        with tempfile.TemporaryFile() as file:
            file.write(BODY)
            file.seek(0)
            assert hasattr(cut(file, wrapper=wrapper).filelike, "fileno") is seen


def test_waitress_may_look_ahead_and_back() -> None:
    buffers = pytest.importorskip("waitress.buffers", reason="waitress is not installed")
    body = cut(File(), wrapper=buffers.ReadOnlyFileBasedBuffer)
    assert body.prepare() == 4
    assert body.get(3) == b"234"
    assert body.get(2, skip=True) == b"23"
    assert body.get(99) == b"45"


def test_a_layer_outside_may_watch_a_window() -> None:
    watcher, body = watched(cut(File()), {"wsgi.file_wrapper": FileWrapper}, lambda watched: None)
    assert b"".join(body) == b"2345"
    assert watcher.sent == 4


def test_a_wrapper_that_is_not_the_servers_is_iterated() -> None:
    app = Ranges(answering(werkzeug.wsgi.FileWrapper(File()), LENGTH))
    environ = {"REQUEST_METHOD": "GET", "HTTP_RANGE": "bytes=2-5", "wsgi.file_wrapper": FileWrapper}
    body: Any = app(environ, lambda *args: print)  # type: ignore[arg-type]
    assert not isinstance(body, FileWrapper)
    assert list(body) == [b"2345"]


def test_a_part_is_not_given_to_the_function_that_is_the_wrapper_of_uwsgi() -> None:
    """It would call sendfile on the whole file."""
    wrapped = []

    def wrapper(file: Any, size: int = 0) -> Any:
        wrapped.append(file)
        return file

    file = File()
    assert list(cut(file, wrapper=wrapper)) == [b"2345"]
    assert wrapped == [file]


SPANS = st.lists(st.tuples(st.integers(0, 45), st.integers(0, 45)).map(sorted), min_size=1, max_size=6)


@given(SPANS, st.lists(st.integers(0, 40), max_size=8))
def test_any_split_of_a_body_gives_the_same_parts(spans: list[list[int]], cuts: list[int]) -> None:
    content = bytes(range(40))
    marks = [0, *sorted(cuts), 40]
    chunks = [content[start:stop] for start, stop in itertools.pairwise(marks)]
    wanted = "bytes=" + ",".join(f"{first}-{last}" for first, last in spans)
    length = ("Content-Length", "40")
    bodies = (chunks, lambda: iter(chunks), lambda: FileWrapper(File(content), 7))
    listed, streamed, file = (ask(answering(body, length), wanted) for body in bodies)
    assert (listed.status, parts_of(listed)) == (file.status, parts_of(file))
    if streamed.status == listed.status:
        assert parts_of(streamed) == parts_of(listed)
    for content_range, part in parts_of(listed):
        if content_range:
            first, last = map(int, content_range.removeprefix("bytes ").removesuffix("/40").split("-"))
            assert part == content[first : last + 1]


def parts_of(answer: Any) -> list[tuple[str | None, bytes]]:
    if "multipart" not in (answer.header("Content-Type") or "") or answer.status != 206:
        content_range = answer.header("Content-Range")
        return [(content_range if answer.status == 206 else None, answer.body)]
    boundary = answer.header("Content-Type").partition("boundary=")[2].encode()
    found = []
    for piece in answer.body.split(b"--" + boundary)[1:-1]:
        head, _, part = piece.partition(b"\r\n\r\n")
        found.append((head.rpartition(b"Content-Range: ")[2].decode(), part.removesuffix(b"\r\n")))
    return found
