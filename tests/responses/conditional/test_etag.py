from __future__ import annotations

import hashlib
import io
import sys
import tempfile
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper

import flask
import pytest

from tests.responses.conditional.counted import Body
from wsgikit.core.body import close
from wsgikit.core.middleware import Layer, Stack
from wsgikit.responses.conditional.conditionalget import ConditionalGet
from wsgikit.responses.conditional.etag import ETag
from wsgikit.responses.conditional.ranges import Ranges
from wsgikit.testing import call, lint

PAGE = b"<title>page</title>"
TAG = f'"{hashlib.sha256(PAGE).hexdigest()[:32]}"'
LENGTH = ("Content-Length", str(len(PAGE)))


def answering(body: Any, *headers: tuple[str, str], status: str = "200 OK") -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [*headers])
        return body

    return app


class Started:
    """A start_response that keeps the head."""

    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] | None = None

    def __call__(self, status: str, headers: Any, exc_info: Any = None, /) -> Any:
        self.headers = headers
        return print


def body_of(app: Any, **environ: Any) -> Any:
    return app({"REQUEST_METHOD": "GET", **environ}, Started())


@pytest.mark.parametrize(("weak", "tag"), [(True, f"W/{TAG}"), (False, TAG)])
@pytest.mark.parametrize("kind", ["list", "tuple", "chunks", "file"])
def test_a_whole_body_has_the_tag_of_its_content(kind: str, weak: bool, tag: str) -> None:
    bodies = {
        "list": [PAGE],
        "tuple": (PAGE,),
        "chunks": [PAGE[:5], b"", PAGE[5:]],
        "file": FileWrapper(io.BytesIO(PAGE), 4),
    }
    answer = call(lint(ETag(answering(bodies[kind]), weak=weak)))
    assert answer.header("ETag") == tag
    assert answer.body == PAGE


def test_a_weak_one_is_the_default() -> None:
    assert call(ETag(answering([PAGE]))).header("ETag") == f"W/{TAG}"


def test_an_iterator_of_known_length_is_tagged_too() -> None:
    body = Body(PAGE[:5], PAGE[5:9], PAGE[9:])
    answer = call(lint(ETag(answering(body, LENGTH))))
    assert answer.header("ETag") == f"W/{TAG}"
    assert answer.chunks == [PAGE[:5], PAGE[5:9], PAGE[9:]]
    assert body.closed == 1


def test_a_page_of_flask_is_tagged_and_then_not_sent_again() -> None:
    app = flask.Flask("page")
    app.add_url_rule("/", view_func=lambda: PAGE.decode())
    tagged = ConditionalGet(ETag(app))
    tag = call(tagged).header("ETag")
    assert tag == f"W/{TAG}"
    answer = call(lint(tagged), headers={"If-None-Match": tag})
    assert (answer.status, answer.body) == (304, b"")


def test_other_content_has_another_tag() -> None:
    assert call(ETag(answering([b"a"]))).header("ETag") != call(ETag(answering([b"b"]))).header("ETag")


@pytest.mark.parametrize("tag", ['"app"', 'W/"app"', ""])
def test_a_tag_of_the_app_is_left_alone(tag: str) -> None:
    body = [PAGE]
    assert call(ETag(answering(body, ("etag", tag)))).all("ETag") == [tag]
    assert body_of(ETag(answering(body, ("etag", tag)))) is body


@pytest.mark.parametrize(
    "status", ["201 Created", "204 No Content", "206 Partial Content", "304 Not Modified", "404 No"]
)
def test_only_a_200_is_tagged(status: str) -> None:
    assert call(ETag(answering([], status=status))).header("ETag") is None


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_only_the_answer_to_a_get_is_tagged(method: str) -> None:
    """HEAD does not tell the content, and a tag of nothing would make a cache think that the page has changed."""
    assert call(ETag(answering([], LENGTH)), method).header("ETag") is None


@pytest.mark.parametrize("whole", [True, False])
def test_T6_beyond_max_size_the_original_streams_on(whole: bool) -> None:
    body = [PAGE] if whole else Body(PAGE)
    size = len(PAGE)
    at_most = ETag(answering(body, LENGTH), max_size=size - 1)
    assert body_of(at_most) is body
    assert call(at_most).header("ETag") is None
    assert call(ETag(answering([PAGE], LENGTH), max_size=size)).header("ETag") == f"W/{TAG}"


def test_T6_a_large_file_is_not_read() -> None:
    file = io.BytesIO(PAGE)
    body = FileWrapper(file)
    assert body_of(ETag(answering(body), max_size=5)) is body
    assert file.tell() == 0


@pytest.mark.parametrize(
    "header",
    [
        ("Content-Type", "text/event-stream"),
        ("content-type", "Text/Event-Stream; charset=utf-8"),
        ("X-Accel-Buffering", "no"),
    ],
)
def test_event_streams_are_never_delayed(header: tuple[str, str]) -> None:
    body = Body(PAGE)
    started = Started()
    app = ETag(answering(body, header, LENGTH))
    assert app({"REQUEST_METHOD": "GET"}, started) is body
    assert started.headers == [header, LENGTH]
    assert body.read == 0


def test_P4_a_stream_without_a_length_is_not_held_up() -> None:
    body = Body(PAGE)
    started = Started()
    assert ETag(answering(body))({"REQUEST_METHOD": "GET"}, started) is body
    assert started.headers == []


def test_P4_a_body_whose_head_comes_late_is_not_held_up() -> None:
    given = []

    def lazy(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [LENGTH])
        for chunk in (PAGE[:5], PAGE[5:]):
            given.append(chunk)
            yield chunk

    body = body_of(ETag(lazy))
    assert next(body) == PAGE[:5]
    assert given == [PAGE[:5]]


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_P1_a_held_body_is_closed_once_when_the_client_leaves(taken: int) -> None:
    body = Body(PAGE[:5], PAGE[5:])
    held = body_of(ETag(answering(body, LENGTH)))
    for _ in range(taken):
        next(held)
    held.close()
    held.close()
    assert body.closed == 1
    assert list(held) == []


def test_P1_a_body_that_cannot_be_hashed_is_closed() -> None:
    class Broken(io.BytesIO):
        closings = 0

        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the disk is gone")

        def close(self) -> None:
            self.closings += 1

    file = Broken(PAGE)
    with pytest.raises(OSError, match="the disk is gone"):
        body_of(ETag(answering(FileWrapper(file))), **{"wsgi.file_wrapper": FileWrapper})
    assert file.closings == 1


def failing(chunks: list[bytes], page: bytes = b"error") -> Any:
    """An app that gives ``chunks``, and then changes its mind."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [LENGTH])
        return body(start_response)

    def body(start_response: Any) -> Iterator[bytes]:
        yield from chunks
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        if page:
            yield page

    return app


@pytest.mark.parametrize("page", [b"error", b"", PAGE[5:], PAGE])
@pytest.mark.parametrize("chunks", [[], [PAGE[:5]]])
def test_P2_what_was_held_of_an_answer_that_is_withdrawn_is_dropped(chunks: list[bytes], page: bytes) -> None:
    answer = call(lint(ETag(failing(chunks, page))))
    assert (answer.status, answer.body, answer.header("ETag")) == (500, page, None)


def test_P2_after_the_first_byte_the_error_comes_out() -> None:
    with pytest.raises(ValueError, match="late"):
        call(lint(ETag(failing([PAGE]))))


def test_P2_a_head_decided_anew_is_not_tagged() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("404 Not Found", [])
        try:
            raise ValueError("late")
        except ValueError:
            start_response("200 OK", [], sys.exc_info())
        return [PAGE]

    answer = call(lint(ETag(app)))
    assert (answer.status, answer.body, answer.header("ETag")) == (200, PAGE, None)


def test_P4_an_answer_in_the_place_of_another_is_not_held_up() -> None:
    page = Body(PAGE)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Internal Server Error", [LENGTH], sys.exc_info())
        return page

    assert body_of(ETag(app)) is page


def test_P3_what_is_written_goes_untagged_and_in_order() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [LENGTH])
        write(PAGE[:5])
        return iter([PAGE[5:]])

    answer = call(lint(ETag(app)))
    assert (answer.body, answer.header("ETag")) == (PAGE, None)


def test_P5_a_list_and_a_file_are_the_same_objects() -> None:
    for body in ([PAGE], FileWrapper(io.BytesIO(PAGE))):
        assert body_of(ETag(answering(body))) is body


def test_P6_the_apps_header_list_is_left_alone() -> None:
    headers = [LENGTH]

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return [PAGE]

    assert call(ETag(app)).header("ETag") == f"W/{TAG}"
    assert headers == [LENGTH]


@pytest.mark.parametrize("chunks", [[PAGE[:5]], [PAGE + b"more"]])
def test_P10_a_body_of_another_length_than_announced_has_no_tag(chunks: list[bytes]) -> None:
    answer = call(ETag(answering(iter(chunks), LENGTH)))
    assert (answer.body, answer.header("ETag")) == (b"".join(chunks), None)


def test_P10_a_body_that_breaks_off_while_it_is_held_never_ends_well() -> None:
    def broken() -> Iterator[bytes]:
        yield PAGE[:5]
        raise ValueError("broken")

    started = Started()
    held: Any = ETag(answering(broken(), LENGTH))({"REQUEST_METHOD": "GET"}, started)
    with pytest.raises(ValueError, match="broken"):
        next(held)
    assert list(held) == []
    assert started.headers is None


def test_a_file_is_put_back_to_where_its_body_begins() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"head" + PAGE + b"tail")
        file.seek(4)
        started = Started()
        app = ETag(answering(FileWrapper(file), LENGTH), weak=False)
        body = app({"REQUEST_METHOD": "GET", "wsgi.file_wrapper": FileWrapper}, started)
        assert started.headers == [LENGTH, ("ETag", TAG)]
        assert file.tell() == 4
        assert io.FileIO(file.fileno(), closefd=False).tell() == 4  # from where gunicorn sends
        close(body)


def test_with_a_strong_tag_a_download_is_resumed() -> None:
    app = lint(
        Stack(Layer(ConditionalGet), Layer(Ranges), Layer(ETag, weak=False))(answering([PAGE], LENGTH))
    )
    tag = call(app).header("ETag") or ""
    answer = call(app, headers={"Range": "bytes=5-", "If-Range": tag})
    assert (answer.status, answer.body, answer.header("ETag")) == (206, PAGE[5:], tag)
    assert call(app, headers={"Range": "bytes=5-", "If-Range": '"old"'}).status == 200
    assert call(app, headers={"Range": "bytes=5-", "If-None-Match": tag}).status == 304


@pytest.mark.parametrize("options", [{"weak": "no"}, {"weak": 1}, {"max_size": None}, {"max_size": True}])
def test_an_option_of_another_kind_is_refused(options: Any) -> None:
    with pytest.raises(TypeError, match=f"ETag: {next(iter(options))}="):
        ETag(answering([]), **options)


@pytest.mark.parametrize("max_size", [-1, "1 apple", ""])
def test_a_size_that_is_none_is_refused(max_size: Any) -> None:
    with pytest.raises(ValueError, match="ETag: max_size="):
        ETag(answering([]), max_size=max_size)


def test_options_are_shown_as_given() -> None:
    layer = ETag(answering([]), max_size="2KiB")
    assert repr(layer) == "ETag(max_size='2KiB')"
    assert (layer.weak, layer.max_size) == (True, 2048)
