from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from wsgikit.core.body import WatchedBody, close, discard, watched


class Reports(list[WatchedBody]):
    def __call__(self, body: WatchedBody) -> None:
        self.append(body)


class Body:
    def __init__(self, chunks: Any, error: Exception | None = None) -> None:
        self.chunks, self.error, self.closed = chunks, error, 0

    def __iter__(self) -> Any:
        return iter(self.chunks)

    def close(self) -> None:
        self.closed += 1
        if self.error:
            raise self.error


@pytest.fixture
def done() -> Reports:
    return Reports()


def test_close_calls_what_is_there() -> None:
    body = Body([])
    close(body)
    close([])
    assert body.closed == 1


def test_a_list_keeps_its_length_and_can_be_read_twice(done: Reports) -> None:
    _, out = watched([b"ab", b"c"], {}, done)
    assert len(out) == 2  # type: ignore[arg-type]
    assert list(out) == [b"ab", b"c"] == list(out)
    one, single = watched([b"abc"], {}, done)
    assert next(iter(single)) == b"abc"
    assert one.sent == 3
    assert one.first_byte is not None


def test_any_body_with_a_length_keeps_it_and_can_be_read_again(done: Reports) -> None:
    class Chunks(list[bytes]):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    chunks = Chunks([b"ab", b"c"])
    watcher, out = watched(chunks, {}, done)
    assert len(out) == 2  # type: ignore[arg-type]
    assert list(out) == [b"ab", b"c"] == list(out)
    close(out)
    close(out)
    assert chunks.closed == 1
    assert done == [watcher]


def test_other_bodies_have_no_length(done: Reports) -> None:
    _, out = watched(iter([b"a"]), {}, done)
    assert not hasattr(out, "__len__")


def test_bytes_and_first_byte_are_counted(done: Reports) -> None:
    watcher, out = watched(iter([b"", b"ab", b"c"]), {}, done)
    iterator = iter(out)
    next(iterator)
    assert watcher.first_byte is None
    next(iterator)
    assert watcher.first_byte is not None
    assert list(iterator) == [b"c"]
    assert watcher.sent == 3


def test_close_reports_once_and_closes_once(done: Reports) -> None:
    body = Body([b"a"])
    watcher, out = watched(body, {}, done)
    close(out)
    close(out)
    assert done == [watcher]
    assert body.closed == 1


def test_a_body_never_iterated_is_still_closed(done: Reports) -> None:
    body = Body([b"a"])
    _, out = watched(body, {}, done)
    close(out)
    assert body.closed == 1
    assert list(out) == []


def test_an_error_while_iterating_is_kept_and_goes_on(done: Reports) -> None:
    def broken() -> Any:
        yield b"a"
        raise OSError("gone")

    watcher, out = watched(broken(), {}, done)
    with pytest.raises(OSError, match="gone"):
        list(out)
    close(out)
    assert isinstance(watcher.error, OSError)
    assert not watcher.late
    assert watcher.sent == 1


def test_an_error_in_close_is_kept_goes_on_and_is_reported(done: Reports) -> None:
    watcher, out = watched(Body([], OSError("late")), {}, done)
    with pytest.raises(OSError, match="late"):
        close(out)
    assert done == [watcher]
    assert isinstance(watcher.error, OSError)
    assert watcher.late


def test_none_is_no_body(done: Reports) -> None:
    """A function that forgot its return: the server is to say so, and not to send an empty answer."""
    watcher, out = watched(None, {}, done)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="NoneType"):
        list(out)
    close(out)
    assert done == [watcher]
    assert isinstance(watcher.error, TypeError)
    assert not watcher.late


@pytest.mark.parametrize("body", [[5], [5, b"x"], iter([5])])
def test_what_is_no_bytes_is_the_apps_error(done: Reports, body: Any) -> None:
    watcher, out = watched(body, {}, done)
    with pytest.raises(TypeError):
        list(out)
    assert isinstance(watcher.error, TypeError)
    assert watcher.first_byte is None


def test_a_body_that_is_false_is_a_body(done: Reports) -> None:
    class Falsy(Body):
        def __bool__(self) -> bool:
            return False

    assert list(watched(Falsy([b"x"]), {}, done)[1]) == [b"x"]


def test_a_file_wrapper_stays_one(done: Reports) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.seek(4)
        body = FileWrapper(file)
        watcher, out = watched(body, {"wsgi.file_wrapper": FileWrapper}, done)
        assert type(out) is FileWrapper
        inner = out.filelike
        assert inner.fileno() == file.fileno()
        assert inner.tell() == 4
        close(out)  # as after sendfile: nothing was read
        assert watcher.sent == 6
        assert done == [watcher]
        assert file.closed


def test_a_file_wrapper_that_is_read_is_counted(done: Reports) -> None:
    file = io.BytesIO(b"0123456789")
    watcher, out = watched(FileWrapper(file, 4), {"wsgi.file_wrapper": FileWrapper}, done)
    assert b"".join(out) == b"0123456789"
    close(out)
    assert watcher.sent == 10
    assert file.closed


def test_a_read_that_fails_in_a_file_wrapper_is_kept_and_goes_on(done: Reports) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("disk gone")

    watcher, body = watched(FileWrapper(Failing(b"page")), {"wsgi.file_wrapper": FileWrapper}, done.append)
    with pytest.raises(OSError, match="disk gone"):
        next(iter(body))
    assert isinstance(watcher.error, OSError)


def test_a_part_of_a_file_counts_as_long_as_it_says_it_is(done: Reports) -> None:
    class Window(io.BytesIO):
        """A part of a larger file, with the descriptor of the whole, as servers want it for sendfile."""

        def fileno(self) -> int:
            return whole.fileno()

    with tempfile.TemporaryFile() as whole:
        whole.write(b"x" * 1000)
        whole.flush()
        _, body = watched(FileWrapper(Window(b"x" * 100)), {"wsgi.file_wrapper": FileWrapper}, done.append)
        close(body)
    assert done[0].sent == 100


def held(content: Body) -> Iterator[bytes]:
    """What many a middleware does; nothing of it runs when a generator that was not started is closed."""
    try:
        yield from content
    finally:
        content.close()


def test_a_generator_that_is_discarded_closes_what_it_holds() -> None:
    content = Body([b"content"])
    discard(held(content))
    assert content.closed == 1


def test_a_generator_inside_a_watched_body_is_discarded_too() -> None:
    content, reports = Body([b"content"]), Reports()
    body = watched(watched(held(content), {}, reports)[1], {}, reports)[1]
    discard(body)
    assert content.closed == 1
    assert len(reports) == 2


def test_a_generator_that_has_begun_or_ended_is_only_closed() -> None:
    content = Body([b"content"])
    begun = held(content)
    next(begun)
    discard(begun)
    discard(begun)
    assert content.closed == 1


def test_any_other_body_is_discarded_unread() -> None:
    content = Body([b"content"])
    content.chunks = None  # it cannot be iterated
    discard(content)
    assert content.closed == 1
    discard([b"content"])


def test_a_generator_that_fails_when_it_is_discarded_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    content = Body([b"content"])

    def fails() -> Iterator[bytes]:
        try:
            raise LookupError("no first chunk")
            yield b""
        finally:
            content.close()

    discard(fails())
    assert content.closed == 1
    (record,) = caplog.records
    assert record.name == "wsgikit.errors"
    assert "no first chunk" in caplog.text
