from __future__ import annotations

import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from tests.responses.bodies.answering import HTML, Body, Heads, answering, start_nothing
from wsgikit.responses.bodies.gathering import WholeBodyLayer
from wsgikit.testing import call, lint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wsgikit.responses.bodies.gathering import Gathering

PAGE = b"0123456789"


class Upper(WholeBodyLayer):
    """The least that a layer for whole bodies can be."""

    def __init__(self, app: Any, *, max_size: int | str = 10) -> None:
        super().__init__(app, "text/*", max_size)

    def act(self, gathering: Gathering, content: bytes) -> Iterable[bytes]:
        gathering.start(gathering.status, [("X-Seen", str(len(content)))])
        return [b"<", content, b">"]


def seen(app: Any, **options: Any) -> bool:
    result = call(lint(Upper(app, **options)))
    return result.header("X-Seen") is not None and result.body.startswith(b"<")


@pytest.mark.parametrize("size", [0, 1, 9, 10])
def test_body_up_to_the_size_is_taken_whole(size: int) -> None:
    for body in ([PAGE[:size]], Body([PAGE[:size]]), Body([PAGE[n : n + 1] for n in range(size)])):
        result = call(lint(Upper(answering(body))))
        assert result.body == b"<" + PAGE[:size] + b">"


BIG = [b"01234", b"56789", b"abcde", b"fghij"]


@pytest.mark.parametrize("body", [BIG, tuple(BIG)])
def test_T6_list_beyond_the_size_is_given_back_itself(body: Any) -> None:
    assert Upper(answering(body))({}, start_nothing) is body


def test_T6_stream_beyond_the_size_goes_on_unchanged() -> None:
    headers = (("ETag", '"a"'), ("Content-Length", "20"))
    result = call(lint(Upper(answering(Body(BIG), headers[0]))))
    assert (result.chunks, result.headers) == (BIG, [HTML, headers[0]])
    result = call(lint(Upper(answering(iter(BIG), *headers))))
    assert (result.chunks, result.headers) == (BIG, [HTML, *headers])


def test_T6_body_announced_to_be_larger_is_not_looked_at() -> None:
    body = Body(BIG)
    assert Upper(answering(body, ("Content-Length", "20")))({}, start_nothing) is body


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("written", range(5))
def test_T6_what_was_written_beyond_the_size_goes_on_unchanged(written: int, listed: bool) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [HTML])
        for chunk in BIG[:written]:
            write(chunk)
        return BIG[written:] if listed else iter(BIG[written:])

    result = call(Upper(app))
    assert (result.chunks, result.headers) == (BIG, [HTML])


def test_T6_what_follows_is_pulled_one_by_one() -> None:
    pulled = []

    def stream() -> Iterator[bytes]:
        for number, chunk in enumerate(BIG):
            pulled.append(number)
            yield chunk

    chunks = iter(Upper(answering(stream()))({}, start_nothing))
    assert [next(chunks), next(chunks), next(chunks)] == BIG[:3]
    assert pulled == [0, 1, 2]
    assert next(chunks) == BIG[3]


def test_T6_memory_does_not_grow_with_the_body() -> None:
    body = (b"x" * 10_000 for _ in range(1000))
    chunks = iter(Upper(answering(body), max_size=100_000)({}, start_nothing))
    tracemalloc.start()
    assert sum(map(len, chunks)) == 10_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300_000


def test_nothing_is_pulled_before_the_server_asks() -> None:
    pulled = []

    def stream() -> Iterator[bytes]:
        pulled.append(1)
        yield PAGE

    heads = Heads()
    body = Upper(answering(stream()))({}, heads)
    assert (pulled, heads) == ([], [])
    assert next(iter(body)) == b"<"
    assert (pulled, len(heads)) == ([1], 1)


def test_list_is_acted_upon_before_the_call_returns() -> None:
    heads = Heads()
    body = Upper(answering([PAGE]))({}, heads)
    assert (len(heads), b"".join(body)) == (1, b"<" + PAGE + b">")


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("text/event-stream", ()),
        ("TEXT/Event-Stream; charset=utf-8", ()),
        ("text/html", (("X-Accel-Buffering", "no"),)),
        ("text/html", (("x-accel-buffering", " NO"),)),
    ],
)
def test_live_answers_are_left_alone(kind: str, headers: Any) -> None:
    body = iter([b"data: 1\n\n"])
    assert Upper(answering(body, *headers, kind=kind))({}, start_nothing) is body


def test_buffering_said_to_be_fine_is_fine() -> None:
    assert seen(answering([PAGE], ("X-Accel-Buffering", "yes")))


def test_late_start_of_another_type_streams_on() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "image/png")])
        yield from BIG

    assert call(lint(Upper(app))).chunks == BIG


def test_late_start_without_a_body_ends_well() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("204 No Content", [])
        return iter(())
        yield

    assert call(lint(Upper(app))).status == 204


def test_exc_info_replaces_a_head_that_waits_and_the_server_never_hears_of_it() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [HTML])
        yield b""
        try:
            raise KeyError
        except KeyError:
            start_response("500 Internal Server Error", [HTML], sys.exc_info())
        yield PAGE

    heads = Heads()
    body = Upper(app)({}, heads)
    assert b"".join(body) == b"<" + PAGE + b">"
    assert heads == [("500 Internal Server Error", [("X-Seen", "10")])]


def test_exc_info_after_the_first_byte_is_raised_though_nothing_is_out() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [HTML])
        yield b"half"
        try:
            raise KeyError
        except KeyError:
            start_response("500 Internal Server Error", [HTML], sys.exc_info())

    heads = Heads()
    with pytest.raises(KeyError):
        list(Upper(app)({}, heads))
    assert heads == []


def test_error_in_the_act_comes_out_and_closes_the_body() -> None:
    class Failing(Upper):
        def act(self, gathering: Gathering, content: bytes) -> Iterable[bytes]:
            raise ZeroDivisionError

    body = Body([PAGE])
    with pytest.raises(ZeroDivisionError):
        call(Failing(answering(body)))
    assert body.closed == 1


def test_what_the_act_gives_is_closed_before_the_body() -> None:
    closed = []

    class Noted(Body):
        def close(self) -> None:
            closed.append(self)

    inner, outer = Noted([PAGE]), Noted([b"out"])

    class Other(Upper):
        def act(self, gathering: Gathering, content: bytes) -> Iterable[bytes]:
            gathering.start("200 OK", [HTML])
            return outer

    assert call(Other(answering(inner))).body == b"out"
    assert closed == [outer, inner]


@pytest.mark.parametrize("max_size", [-1, "4 apples", "x"])
def test_wrong_size_is_refused_by_name(max_size: Any) -> None:
    with pytest.raises(ValueError, match="Upper: max_size="):
        Upper(answering([]), max_size=max_size)


def test_size_takes_units() -> None:
    assert Upper(answering([]), max_size="4MiB").max_size == 4 * 2**20


def test_list_longer_than_its_content_length_is_cut_off() -> None:
    class Same(Upper):
        def act(self, gathering: Gathering, content: bytes) -> Iterable[bytes]:
            gathering.start(gathering.status, gathering.headers)
            return [content] if gathering.given is None else gathering.given

    assert call(Same(answering([b"0123", b"45"], ("Content-Length", "5")))).body == b"01234"
    body = [b"0123", b"45"]
    assert Same(answering(body, ("Content-Length", "6")))({}, start_nothing) is body
