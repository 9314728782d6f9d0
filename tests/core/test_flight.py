"""One response between the app and the server: every state of the head, every kind of body, every way to break off."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.core.flight import NOTHING, Flight, FlightBody
from wsgikit.testing import awkward_apps, call, lint
from wsgikit.testing.apps import CLOSED, AwkwardApp, AwkwardError, expectations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HTML = [("Content-Type", "text/html")]


class Upper:
    """A filter that is seen: upper case, a full stop at the end, and how often it was closed."""

    def __init__(self) -> None:
        self.fed: list[bytes] = []
        self.closed = 0
        self.finished = 0

    def feed(self, chunk: bytes) -> bytes:
        self.fed.append(chunk)
        return chunk.upper()

    def finish(self) -> bytes:
        self.finished += 1
        return b"."

    def close(self) -> None:
        self.closed += 1


class Through:
    """A layer with a flight and nothing else; ``decide`` may be given, the filters it gave are kept."""

    def __init__(self, app: Any, decide: Callable[[Flight], Any] | None = None) -> None:
        self.app = app
        self.decide = decide or (lambda flight: self.upper(flight))
        self.filters: list[Upper] = []

    def upper(self, flight: Flight) -> Upper:
        flight.headers = [pair for pair in flight.headers if pair[0] != "Content-Length"]
        self.filters.append(Upper())
        return self.filters[-1]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return Flight(environ, start_response, self.decide).through(self.app)


class Body:
    """An iterable with a close() that counts."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        self.closed += 1


class Server:
    """A server's start_response that keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.written: list[bytes] = []

    def __call__(self, *args: Any) -> Callable[[bytes], object]:
        self.calls.append(args)
        return self.written.append


def answering(body: Iterable[bytes], *headers: tuple[str, str], status: str = "200 OK") -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(status, [*HTML, *headers])
        return body

    return app


def failing(start_response: Any, status: str = "500 Internal Server Error") -> Any:
    try:
        raise KeyError("the head is decided anew")
    except KeyError:
        return start_response(status, HTML, sys.exc_info())


def leave_alone(flight: Flight) -> None:
    return None


# ---- bodies


@pytest.mark.parametrize("body", [[b"ab", b"c"], (b"ab", b"c"), iter([b"abc"]), Body([b"abc"])])
def test_unchanged_body_is_the_same_object(body: Iterable[bytes]) -> None:
    assert Through(answering(body), leave_alone)({}, Server()) is body


def test_unchanged_file_wrapper_reaches_the_server_as_it_is() -> None:
    class Wrapper(Body):
        pass

    body = Wrapper([b"abc"])
    assert Through(answering(body), leave_alone)({"wsgi.file_wrapper": Wrapper}, Server()) is body


@pytest.mark.parametrize("body", [[b"ab", b"c"], (b"ab", b"c")])
def test_body_in_memory_is_filtered_at_once_and_its_length_told(body: Iterable[bytes]) -> None:
    server = Server()
    layer = Through(answering(body, ("Content-Length", "3")))
    assert layer({}, server) == [b"ABC."]
    assert server.calls == [("200 OK", [*HTML, ("Content-Length", "4")])]
    assert layer.filters[0].closed == 1


def test_streamed_body_gives_one_item_for_one_item_then_the_rest() -> None:
    pulled: list[int] = []

    def stream() -> Iterator[bytes]:
        for number, chunk in enumerate([b"a", b"", b"b"]):
            pulled.append(number)
            yield chunk

    chunks = iter(Through(answering(stream()))({}, Server()))
    for expected, so_far in ((b"A", [0]), (b"", [0, 1]), (b"B", [0, 1, 2]), (b".", [0, 1, 2])):
        assert next(chunks) == expected
        assert pulled == so_far
    with pytest.raises(StopIteration):
        next(chunks)
    with pytest.raises(StopIteration):
        next(chunks)


def test_empty_list_is_filtered_to_what_the_filter_ends_with() -> None:
    assert call(Through(answering([]))).body == b"."


def test_empty_stream_is_filtered_to_what_the_filter_ends_with() -> None:
    assert call(Through(answering(iter(())))).chunks == [b"."]


def test_an_app_that_never_calls_start_response_is_not_covered_up() -> None:
    with pytest.raises(AssertionError, match="before it called start_response"):
        call(Through(lambda environ, start_response: [b"a"]))
    server = Server()
    assert list(Through(lambda environ, start_response: iter(()))({}, server)) == []
    assert server.calls == []


def test_length_is_the_lists_own_or_the_one_declared() -> None:
    seen: list[int | None] = []

    def decide(flight: Flight) -> None:
        seen.append(flight.length())

    for body, declared in (
        ([b"ab", b"c"], "9"),
        (iter([b"a"]), "9"),
        (iter([b"a"]), "nine"),
        (iter([b"a"]), "٣"),
    ):
        Through(answering(body, ("Content-Length", declared)), decide)({}, Server())
    Through(answering(iter(())), decide)({}, Server())
    assert seen == [3, 9, None, None, None]


# ---- answers without content


@pytest.mark.parametrize("body", [[], [b"abc"], (b"abc",), iter([b"abc"])])
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
)
def test_P9_no_content_leaves_where_there_can_be_none(
    method: str, status: str, body: Iterable[bytes]
) -> None:
    layer = Through(answering(body, status=status))
    server = Server()
    assert b"".join(layer({"REQUEST_METHOD": method}, server)) == b""
    assert server.calls == [(status, HTML)]
    assert (layer.filters[0].fed, layer.filters[0].finished, layer.filters[0].closed) == ([], 0, 1)


def test_P9_body_left_out_is_closed_unread() -> None:
    read: list[bytes] = []
    body = Body(iter(lambda: read.append(b"") or b"abc", b""))  # type: ignore[func-returns-value]
    assert call(Through(answering(body)), "HEAD").body == b""
    assert (read, body.closed) == ([], 1)


def test_P9_nothing_is_written_where_there_can_be_no_content() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", HTML)(b"abc")
        return []

    server = Server()
    assert list(Through(app)({"REQUEST_METHOD": "HEAD"}, server)) == []
    assert (server.calls, server.written) == ([("200 OK", HTML)], [])


def test_HEAD_is_remembered_from_before_the_app_edited_environ() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["REQUEST_METHOD"] = "CHANGED"
        return answering([b"abc"])(environ, start_response)

    assert call(Through(app), "HEAD").body == b""


def test_length_of_a_HEAD_is_the_one_declared_and_not_the_bodys() -> None:
    seen: list[int | None] = []
    layer = Through(answering([], ("Content-Length", "7")), lambda flight: seen.append(flight.length()))
    layer({"REQUEST_METHOD": "HEAD"}, Server())
    assert seen == [7]


# ---- when the head is decided


def test_head_is_passed_on_before_the_call_returns() -> None:
    server = Server()
    body = Through(answering(iter([b"a"])))({}, server)
    assert server.calls == [("200 OK", HTML)]
    assert type(body) is FlightBody


def test_lazy_head_is_passed_on_with_the_first_chunk() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", HTML)
        yield b""
        yield b"a"

    server = Server()
    chunks = iter(Through(app)({}, server))
    assert server.calls == []
    assert next(chunks) == b""
    assert server.calls == [("200 OK", HTML)]
    assert list(chunks) == [b"A", b"."]


def test_lazy_app_without_a_chunk_still_has_its_head_passed_on() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", HTML)
        yield from ()

    assert call(Through(app)).chunks == [b"."]


def test_write_goes_through_the_filter_ahead_of_the_iterable() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", HTML)
        write(b"a")
        write(b"b")
        return [b"c"]

    layer = Through(app)
    assert call(lint(layer)).chunks == [b"A", b"B", b"C", b"."]
    assert layer.filters[0].closed == 1


def test_write_of_nothing_reaches_the_server_if_the_body_is_left_alone() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", HTML)(b"")
        return []

    server = Server()
    Through(app, leave_alone)({}, server)
    assert server.written == [b""]


def test_headers_are_a_list_of_the_flights_own() -> None:
    headers = [("A", "1")]

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", headers)
        return []

    server = Server()
    Through(app, lambda flight: flight.headers.append(("B", "2")))({}, server)
    assert headers == [("A", "1")]
    assert server.calls == [("200 OK", [("A", "1"), ("B", "2")])]


# ---- exc_info at each state


def test_exc_info_while_the_head_is_held_replaces_it_and_the_server_hears_of_one_head() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [*HTML, ("X-Withdrawn", "yes")])
        failing(start_response)
        return [b"error"]

    server = Server()
    assert Through(app)({}, server) == [b"ERROR."]
    assert server.calls == [("500 Internal Server Error", [*HTML, ("Content-Length", "6")])]


def test_exc_info_as_the_first_call_is_a_head_like_any_other() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        failing(start_response)
        return [b"error"]

    server = Server()
    Through(app)({}, server)
    assert [len(args) for args in server.calls] == [2]


def test_exc_info_after_the_commit_decides_anew_and_tells_the_server() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", HTML)

        def stream() -> Iterator[bytes]:
            failing(start_response)
            yield b"error"

        return stream()

    layer = Through(app)
    server = Server()
    assert list(layer({}, server)) == [b"ERROR", b"."]
    assert [args[0] for args in server.calls] == ["200 OK", "500 Internal Server Error"]
    assert server.calls[1][2][0] is KeyError
    assert [used.closed for used in layer.filters] == [1, 1]


def test_exc_info_drops_what_the_withdrawn_answers_filter_still_held() -> None:
    class Held(Upper):
        def feed(self, chunk: bytes) -> bytes:
            self.fed.append(chunk)
            return b""

        def finish(self) -> bytes:
            return b"".join(self.fed)

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", HTML)
        yield b"withdrawn"
        failing(start_response)
        yield b"error"

    result = call(Through(app, lambda flight: Held()))
    assert (result.status, result.body) == (500, b"error")


def test_exc_info_for_a_body_that_was_given_back_is_decided_but_cannot_filter() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", HTML)

        def stream() -> Iterator[bytes]:
            failing(start_response)
            yield b"error"

        return stream()

    filters: list[Upper] = []
    reachable: list[bool] = []

    def decide(flight: Flight) -> Upper | None:
        reachable.append(flight.reachable)
        flight.headers.append(("X-Decided", flight.status[:3]))
        if flight.status == "200 OK":
            return None
        filters.append(Upper())
        return filters[-1]

    server = Server()
    assert list(Through(app, decide)({}, server)) == [b"error"]
    assert reachable == [True, False]
    assert filters[0].closed == 1
    assert server.calls[1][:2] == ("500 Internal Server Error", HTML)


def test_exc_info_decides_anew_where_the_first_head_was_left_alone_but_the_body_is_at_hand() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", HTML)
        yield b""
        failing(start_response)
        yield b"error"

    result = call(Through(app, lambda flight: Upper() if flight.status[0] == "5" else None))
    assert (result.status, result.body) == (500, b"ERROR.")


def test_exc_info_after_write_without_output_replaces_the_head() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", HTML)(b"")
        failing(start_response)(b"err")
        return [b"or"]

    result = call(Through(app))
    assert (result.status, result.body) == (500, b"ERROR.")


def test_exc_info_after_the_first_byte_is_raised_again() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", HTML)
        yield b"a"
        failing(start_response)

    server = Server()
    layer = Through(app)
    chunks = iter(layer({}, server))
    assert next(chunks) == b"A"
    with pytest.raises(KeyError):
        next(chunks)
    assert len(server.calls) == 1


def test_exc_info_after_a_byte_was_written_is_raised_again() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", HTML)(b"a")
        failing(start_response)
        return []

    layer = Through(app)
    with pytest.raises(KeyError):
        call(layer)
    assert layer.filters[0].closed == 1


def test_second_call_without_exc_info_is_refused() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", HTML)
        start_response("200 OK", HTML)
        return []

    with pytest.raises(AssertionError, match="second time without exc_info"):
        call(Through(app))


def test_head_that_the_server_refuses_can_be_replaced() -> None:
    class Refusing(Server):
        def __call__(self, *args: Any) -> Callable[[bytes], object]:
            if args[0] == "200 OK":
                raise ValueError("refused")
            return super().__call__(*args)

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", HTML)
        try:
            write(b"a")
        except ValueError:
            start_response("500 Internal Server Error", HTML, sys.exc_info())
        return iter([b"error"])

    layer = Through(app)
    server = Refusing()
    body = layer({}, server)
    assert list(body) == [b"ERROR", b"."]
    body.close()  # type: ignore[attr-defined]
    assert server.calls == [("500 Internal Server Error", HTML)]
    assert [used.closed for used in layer.filters] == [1, 1]


# ---- breaking off


def test_error_in_the_app_ends_the_body_without_a_well_formed_end() -> None:
    def stream() -> Iterator[bytes]:
        yield b"a"
        raise KeyError("midway")

    layer = Through(answering(stream()))
    chunks = iter(layer({}, Server()))
    assert next(chunks) == b"A"
    with pytest.raises(KeyError):
        next(chunks)
    with pytest.raises(StopIteration):
        next(chunks)
    assert (layer.filters[0].finished, layer.filters[0].closed) == (0, 1)


class Broken(Upper):
    """A filter that raises where it is told to."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def feed(self, chunk: bytes) -> bytes:
        if self.where == "feed":
            raise KeyError("feed")
        return super().feed(chunk)

    def finish(self) -> bytes:
        if self.where == "finish":
            raise KeyError("finish")
        return super().finish()


@pytest.mark.parametrize("where", ["feed", "finish"])
@pytest.mark.parametrize("streamed", [False, True])
def test_error_in_the_filter_comes_out_and_everything_is_closed_once(where: str, streamed: bool) -> None:
    used = Broken(where)
    body = Body([b"a", b"b"])
    layer = Through(answering(body if streamed else [b"a", b"b"]), lambda flight: used)
    with pytest.raises(KeyError, match=where):
        call(layer)
    assert used.closed == 1
    assert body.closed == int(streamed)


def test_no_chunk_follows_one_that_the_filter_failed_on() -> None:
    chunks = iter(Through(answering(iter([b"a", b"b"])), lambda flight: Broken("feed"))({}, Server()))
    with pytest.raises(KeyError):
        next(chunks)
    with pytest.raises(StopIteration):
        next(chunks)


def test_error_in_the_decision_comes_out_and_the_body_is_closed() -> None:
    def decide(flight: Flight) -> None:
        raise KeyError("undecided")

    body = Body([b"a"])
    server = Server()
    with pytest.raises(KeyError):
        Through(answering(body), decide)({}, server)
    assert body.closed == 1
    assert server.calls == []


def test_error_in_a_lazy_decision_comes_out_and_the_body_is_closed() -> None:
    def decide(flight: Flight) -> None:
        raise KeyError("undecided")

    body = Body([])

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def stream() -> Iterator[bytes]:
            start_response("200 OK", HTML)
            yield b"a"

        body.chunks = stream()
        return body

    with pytest.raises(KeyError):
        call(Through(app, decide))
    assert body.closed == 1


def test_filter_is_closed_when_the_app_raises_after_write() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", HTML)(b"a")
        raise KeyError("after write()")

    layer = Through(app)
    with pytest.raises(KeyError):
        call(layer)
    assert (layer.filters[0].finished, layer.filters[0].closed) == (0, 1)


def test_head_of_an_app_that_raises_never_reaches_the_server() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", HTML)
        raise KeyError

    server = Server()
    with pytest.raises(KeyError):
        Through(app)({}, server)
    assert server.calls == []


@pytest.mark.parametrize("stop_after", [0, 1, 2, None])
def test_body_and_filter_are_closed_once_wherever_the_client_leaves(stop_after: int | None) -> None:
    body = Body([b"a", b"b", b"c"])
    layer = Through(answering(body))
    call(lint(layer), stop_after=stop_after)
    assert (body.closed, layer.filters[0].closed) == (1, 1)


def test_second_close_is_harmless_and_nothing_comes_after_it() -> None:
    body = Body([b"a"])
    flying = Through(answering(body))({}, Server())
    flying.close()  # type: ignore[attr-defined]
    flying.close()  # type: ignore[attr-defined]
    assert list(flying) == []
    assert body.closed == 1


def test_body_is_closed_even_if_closing_the_filter_raises() -> None:
    class Stuck(Upper):
        def close(self) -> None:
            raise KeyError("stuck")

    body = Body([b"a"])
    flying = Through(answering(body), lambda flight: Stuck())({}, Server())
    with pytest.raises(KeyError):
        flying.close()  # type: ignore[attr-defined]
    assert body.closed == 1


# ---- the awkward apps


@pytest.mark.parametrize("expected", expectations.values(), ids=list(awkward_apps))
@pytest.mark.parametrize("decide", [leave_alone, None], ids=["left alone", "filtered"])
def test_awkward_apps_arrive_right(expected: AwkwardApp, decide: Any) -> None:
    class Same(Upper):
        def feed(self, chunk: bytes) -> bytes:
            return chunk

        def finish(self) -> bytes:
            return b""

    closed: list[str] = []
    layer = lint(
        Through(lint(expected.app, allow=expected.breaks), decide or (lambda flight: Same())),
        allow=expected.breaks,
    )
    request: dict[str, Any] = {
        "method": expected.method,
        "path": expected.path,
        "body": expected.request_body,
        "environ": {CLOSED: closed},
    }
    if expected.raises:
        with pytest.raises(AwkwardError):
            call(layer, **request)
    else:
        result = call(layer, **request)
        assert (result.status, result.body) == (expected.status, expected.body)
    assert len(closed) == expected.closes


def test_a_generator_whose_content_is_left_out_closes_what_it_holds() -> None:
    closed: list[str] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return held()

    def held() -> Any:
        try:
            yield b"content"
        finally:
            closed.append("held")

    body = Flight({"REQUEST_METHOD": "HEAD"}, lambda *_: None, lambda flight: NOTHING).through(app)
    assert list(body) == []
    assert closed == []
    body.close()
    assert closed == ["held"]
