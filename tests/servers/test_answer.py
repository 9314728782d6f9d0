"""The answer as the strictest server takes it, whatever the app does that PEP 3333 lets it do, or does not."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.servers.strict import StrictServer
from wsgikit.core.input import Truncated
from wsgikit.servers.fix import ServerFix
from wsgikit.servers.head import BadHead
from wsgikit.servers.plans import PLANS
from wsgikit.servers.stream import Unfinished
from wsgikit.testing import build_environ

SERVERS = [name for name in PLANS if name != "wsgikit.handlers.mod_python"]
ANSWERING = [name for name, plan in PLANS.items() if plan.answers_errors]
RAISING = [name for name, plan in PLANS.items() if not plan.answers_errors]


def answering(body: Any, *headers: tuple[str, str], status: str = "200 OK") -> Any:
    """An app that gives ``body``, or what it returns when it is a function."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response(status, list(headers))
        return body() if callable(body) else body

    return app


class Body:
    """An iterable that counts its closings."""

    def __init__(self, chunks: Any) -> None:
        self._chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def close(self) -> None:
        self.closed += 1


def broken(*chunks: bytes, error: BaseException | None = None) -> Iterator[bytes]:
    yield from chunks
    raise error or RuntimeError("in the body")


def ask(app: Any, *, server: str | None = None, writes: bool = True, **keys: Any) -> StrictServer:
    return StrictServer(writes=writes).ask(ServerFix(app, server=server), **keys)


# ---- the head: once, in time, final


@pytest.mark.parametrize("server", SERVERS)
def test_a_head_from_inside_a_generator_comes_in_time(server: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield b""
        start_response("201 Created", [("X-Late", "yes")])
        yield b""
        yield b"late"

    answer = ask(app, server=server)
    assert (answer.status, answer.header("X-Late"), answer.body) == ("201 Created", "yes", b"late")


@pytest.mark.parametrize("server", SERVERS)
def test_a_second_head_before_the_first_byte_replaces_the_first(server: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("X-Old", "1"), ("Content-Length", "3")])
        yield b""
        try:
            raise ValueError
        except ValueError:
            start_response("503 Service Unavailable", [("X-New", "1")], sys.exc_info())
        yield b"sorry"

    answer = ask(app, server=server)
    assert answer.status == "503 Service Unavailable"
    assert (answer.header("X-New"), answer.header("X-Old"), answer.header("Content-Length")) == (
        "1",
        None,
        None,
    )
    assert answer.body == b"sorry"


@pytest.mark.parametrize("writes", [True, False])
@pytest.mark.parametrize("late", ["generator", "write"])
def test_a_second_head_after_the_first_byte_is_the_error_that_led_to_it(writes: bool, late: str) -> None:
    def fail(start_response: Any) -> None:
        try:
            raise ValueError("too late")
        except ValueError:
            start_response("503 Service Unavailable", [], sys.exc_info())

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        if late == "write":
            write(b"first")
            fail(start_response)
        yield b"first"
        fail(start_response)

    with pytest.raises(ValueError, match="too late"):
        ask(app if late == "generator" else lambda e, s: list(app(e, s)), writes=writes)


def test_a_second_call_without_an_error_is_one() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        with pytest.raises(AssertionError, match="second time"):
            start_response("201 Created", [])
        return [b"first"]

    assert ask(app).status == "200 OK"


@pytest.mark.parametrize("kind", [tuple, iter, type("List", (list,), {}), lambda pairs: dict(pairs).items()])
def test_headers_come_in_any_iterable(kind: Any) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", kind([("X-A", "1"), ("X-B", "2")]))
        return [b"ok"]

    answer = ask(app)
    assert (answer.header("X-A"), answer.header("X-B")) == ("1", "2")


def test_the_servers_list_is_a_fresh_one() -> None:
    shared = [("X-A", "1")]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", shared)
        return [b"ok"]

    ask(app)
    assert shared == [("X-A", "1")]


@pytest.mark.parametrize("server", SERVERS)
def test_text_lists_and_fields_are_as_every_server_takes_them(server: str) -> None:
    class Text(str):
        __slots__ = ()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response(Text("200"), ([Text("X-A"), Text("1")], ("Connection", "close"), ("Status", "500")))
        return [b"ok"]

    answer = ask(app, server=server)
    assert (answer.status, answer.header("X-A"), answer.header("Status")) == ("200 OK", "1", None)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("200 OK", [("X-A", "1\r\nX-Injected: 1")]),
        ("200 OK\r\nX-Injected: 1", []),
        ("200 OK", [("X-A", 5)]),
        ("200 OK", [("X-A", None)]),
        ("200 OK", [("X-A", b"5")]),
        ("099 Odd", []),
    ],
)
def test_a_head_that_cannot_be_sent_is_a_500_and_a_line_in_the_log(
    server: str, status: Any, headers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, headers)
        return [b"ok"]

    answer = ask(app, server=server)
    assert answer.status == "500 Internal Server Error"
    assert answer.header("X-Injected") is None
    assert [record.name for record in caplog.records] == ["wsgikit.errors"]
    assert "start_response()" in str(caplog.records[0].exc_info[1])  # type: ignore[index]


@pytest.mark.parametrize("server", ["werkzeug", "hypercorn", "a2wsgi", "asgiref"])
def test_a_date_of_the_servers_own_stands_alone(server: str) -> None:
    app = answering([b"ok"], ("Date", "now"), ("server", "app"), ("X-A", "1"))
    assert [name for name, _ in ask(app, server=server).headers] == ["X-A", "Content-Length"]
    assert ask(app, server="gunicorn").header("Date") == "now"


# ---- the body


@pytest.mark.parametrize("server", SERVERS)
def test_a_body_in_memory_is_handed_on_itself_with_its_length(server: str) -> None:
    body = [b"one", b"two"]
    answer = ask(answering(body), server=server)
    assert answer.iterable is body
    assert answer.header("Content-Length") == "6"


def test_the_apps_own_length_stays() -> None:
    body = (b"onetwo",)
    answer = ask(answering(body, ("content-length", "6")))
    assert answer.iterable is body
    assert answer.headers == [("content-length", "6")]


def test_only_the_first_chunk_is_pulled_before_the_head_goes_out() -> None:
    pulled = []

    def chunks() -> Iterator[bytes]:
        for chunk in (b"", b"one", b"two"):
            pulled.append(chunk)
            yield chunk

    body = ServerFix(answering(chunks))({"REQUEST_METHOD": "GET"}, StrictServer().start_response)
    assert pulled == [b"", b"one"]
    assert list(body) == [b"one", b"two"]


@pytest.mark.parametrize("kind", [list, iter, Body])
@pytest.mark.parametrize("chunk", [bytearray(b"ok"), memoryview(b"ok"), type("Sub", (bytes,), {})(b"ok")])
def test_every_kind_of_bytes_becomes_bytes(kind: Any, chunk: Any) -> None:
    assert ask(answering(kind([chunk]))).body == b"ok"


@pytest.mark.parametrize("body", [["text"], [5], "text", b"bytes", None, 5])
def test_a_body_of_anything_else_is_an_error_before_the_first_byte(body: Any) -> None:
    assert ask(answering(body)).status.startswith("500")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("body", [[], (), [b""], lambda: iter(()), Body([])])
def test_an_empty_body_has_the_length_0(server: str, body: Any) -> None:
    answer = ask(answering(body), server=server)
    assert (answer.body, answer.header("Content-Length")) == (b"", "0")


def test_hypercorn_gets_one_chunk_of_nothing() -> None:
    for body in ([], iter(())):
        assert ask(answering(body), server="hypercorn").chunks == [b""]
    assert ask(answering([b"page"]), server="hypercorn", method="HEAD").chunks == [b""]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("body", [[b"page"], lambda: iter([b"pa", b"ge"]), Body([b"page"])])
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
)
def test_where_there_is_no_content_none_goes_out(server: str, body: Any, method: str, status: str) -> None:
    app = answering(body, ("Content-Length", "4"), ("ETag", '"a"'), status=status)
    answer = ask(app, server=server, method=method)
    assert answer.body == b""
    assert answer.header("Content-Length") == (None if status.startswith("204") else "4")
    assert answer.header("ETag") == '"a"'


def test_to_head_the_length_is_that_of_the_body_the_app_has_made() -> None:
    assert ask(answering([b"page"]), method="HEAD").header("Content-Length") == "4"
    assert ask(answering([]), method="HEAD").header("Content-Length") is None
    assert ask(answering([b"page"], status="304 Not Modified")).header("Content-Length") is None


def test_an_app_that_edits_its_environ_does_not_change_what_was_asked() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["REQUEST_METHOD"] = "GET"
        start_response("200 OK", [])
        return [b"page"]

    assert ask(app, method="HEAD").body == b""


def test_a_length_by_len_is_added_where_the_first_chunk_is_all() -> None:
    class Sized(Body):
        def __len__(self) -> int:
            return 1

    assert ask(answering(Sized([b"page"]))).header("Content-Length") == "4"
    assert ask(answering(Body([b"page"]))).header("Content-Length") is None


@pytest.mark.parametrize("body", [[b"12345"], [b"123", b"45"], iter([b"123", b"45", b"6"])])
def test_what_is_too_long_is_cut(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(answering(body, ("Content-Length", "4")))
    assert answer.body == b"1234"
    assert "longer than its Content-Length" in caplog.text


@pytest.mark.parametrize("body", [[b"1234"], [b"12", b"34"], iter([b"12", b"34"])])
def test_what_is_too_short_is_broken_off(body: Any) -> None:
    server = StrictServer()
    with pytest.raises(Unfinished, match="6 bytes before"):
        server.ask(ServerFix(answering(body, ("Content-Length", "10"))))
    assert server.body == b"1234"


def test_nothing_at_all_where_a_length_was_promised_is_an_error_in_time() -> None:
    assert ask(answering([], ("Content-Length", "10"))).status.startswith("500")


@pytest.mark.parametrize("server", ["werkzeug", "a2wsgi"])
def test_a_client_of_http_1_0_gets_a_length_where_the_server_would_send_chunks(server: str) -> None:
    def chunks() -> Iterator[bytes]:
        return iter([b"one", b"two"])

    old = ask(answering(chunks), server=server, environ={"SERVER_PROTOCOL": "HTTP/1.0"})
    assert (old.header("Content-Length"), old.body) == ("6", b"onetwo")
    assert ask(answering(chunks), server=server).header("Content-Length") is None
    large = iter([b"x" * (1 << 19)] * 4)
    old = ask(answering(large), server=server, environ={"SERVER_PROTOCOL": "HTTP/1.0"})
    assert (old.header("Content-Length"), len(old.body)) == (None, 1 << 21)


@pytest.mark.parametrize("server", ["werkzeug", "a2wsgi"])
@pytest.mark.parametrize("rest", [[], [b"three"], [b"three", b"four"], lambda: iter([b"three"])])
def test_what_is_written_to_a_client_of_http_1_0_is_measured_too(server: str, rest: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        write(b"one")
        write(b"two")
        return rest() if callable(rest) else rest

    answer = ask(app, server=server, environ={"SERVER_PROTOCOL": "HTTP/1.0"})
    assert answer.body.startswith(b"onetwo")
    assert answer.header("Content-Length") == str(len(answer.body))


def test_what_is_written_to_a_client_of_http_1_0_is_held_up_to_a_bound() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        for _ in range(4):
            write(b"x" * (1 << 19))
        return [b"end"]

    answer = ask(app, server="werkzeug", environ={"SERVER_PROTOCOL": "HTTP/1.0"})
    assert (answer.header("Content-Length"), len(answer.body)) == (None, (1 << 21) + 3)


def test_what_is_held_is_out_for_the_app() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"one")
        raise RuntimeError("after the first byte")

    with pytest.raises(RuntimeError, match="after the first"):
        ask(app, server="a2wsgi", environ={"SERVER_PROTOCOL": "HTTP/1.0"})


# ---- write()


@pytest.mark.parametrize("writes", [True, False])
def test_what_is_written_comes_before_what_is_returned(writes: bool) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"")
        write(b"one,")
        write(bytearray(b"two,"))
        return [b"three"]

    assert ask(app, writes=writes).body == b"one,two,three"


@pytest.mark.parametrize("writes", [True, False])
def test_what_is_written_is_held_to_the_length_and_left_out_for_head(writes: bool) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "6")])(b"onetwo")
        return [b"three"]

    assert ask(app, writes=writes).body == b"onetwo"
    head = ask(app, writes=writes, method="HEAD")
    assert (head.body, head.header("Content-Length")) == (b"", "6")


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("writes", [True, False])
def test_what_a_generator_writes_goes_out_in_its_turn(writes: bool, early: bool) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [])
        if early:
            write(b"1")
        yield b"2"
        write(b"3")
        write(b"4")
        yield b"5"
        write(b"6")

    assert ask(app, writes=writes).body == (b"123456" if early else b"23456")


@pytest.mark.parametrize("server", ["asgiref", "pyruvate", "granian"])
def test_what_is_written_at_the_very_end_goes_out(server: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [])
        yield b"1"
        write(b"2")
        write(b"3")

    assert ask(app, server=server, writes=False).body == b"123"


@pytest.mark.parametrize("writes", [True, False])
def test_a_generator_that_only_writes_is_no_empty_body(writes: bool) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])(b"all")
        yield from ()

    answer = ask(app, writes=writes)
    assert (answer.body, answer.header("Content-Length")) == (b"all", None)


def test_writing_nothing_leaves_the_head_free() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"")
        raise RuntimeError

    assert ask(app).status.startswith("500")


# ---- errors


def raise_at_once(environ: Any, start_response: Any) -> list[bytes]:
    raise RuntimeError("at once")


def raise_after_start(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    raise RuntimeError("after start_response")


EARLY = {
    "at once": raise_at_once,
    "after start_response": raise_after_start,
    "before the first byte": answering(lambda: broken(b"")),
    "never called": lambda environ, start_response: [b"page"],
    "never called, nothing given": lambda environ, start_response: [],
    "bytes before the head": lambda environ, start_response: iter([b"page"]),
}


@pytest.mark.parametrize("server", [None, *ANSWERING])
@pytest.mark.parametrize("early", EARLY)
def test_an_error_before_the_first_byte_is_answered_and_logged_once(
    server: str | None, early: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = ask(EARLY[early], server=server, path="/a%0Ab")
    assert answer.status == "500 Internal Server Error"
    assert str(len(answer.body)) == answer.header("Content-Length")
    assert b"RuntimeError" not in answer.body
    assert [(record.name, record.levelno) for record in caplog.records] == [("wsgikit.errors", logging.ERROR)]
    assert "\n" not in caplog.records[0].getMessage()


@pytest.mark.parametrize("server", RAISING)
@pytest.mark.parametrize("early", EARLY)
def test_where_the_server_does_that_right_it_gets_the_error(
    server: str, early: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises((RuntimeError, AssertionError)):
        ask(EARLY[early], server=server)
    assert not caplog.records


@pytest.mark.parametrize("server", [None, *SERVERS])
def test_an_error_after_the_first_byte_is_raised_again_and_nothing_more_given(server: str | None) -> None:
    body = Body(broken(b"first"))
    strict = StrictServer()
    with pytest.raises(RuntimeError, match="in the body"):
        strict.ask(ServerFix(answering(body), server=server))
    assert strict.body == b"first"
    assert body.closed == 1
    assert list(strict.iterable) == []


@pytest.mark.parametrize("server", SERVERS)
def test_a_request_body_that_breaks_off_is_a_400(server: str) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise Truncated("the request body ended 5 bytes early")

    assert ask(app, server=server).status == "400 Bad Request"
    assert ask(answering(lambda: broken(error=Truncated())), server=server).status == "400 Bad Request"


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_is_no_error_of_the_app_passes_and_the_body_is_closed(error: type[BaseException]) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise error

    with pytest.raises(error):
        ask(app)
    body = Body(broken(error=error()))
    with pytest.raises(error):
        ask(answering(body))
    assert body.closed == 1


# ---- close()


@pytest.mark.parametrize("server", [None, *SERVERS])
@pytest.mark.parametrize("chunks", [[], [b"one"], [b"one", b"two"]])
def test_the_body_is_closed_once(server: str | None, chunks: list[bytes]) -> None:
    for method in ("GET", "HEAD"):
        body = Body(chunks)
        answer = ask(answering(body), server=server, method=method)
        answer.iterable.close()
        assert body.closed == 1


def test_the_body_is_closed_when_its_first_chunk_raises_and_when_the_server_refuses_the_head() -> None:
    body = Body(broken())
    assert ask(answering(body)).status.startswith("500")
    assert body.closed == 1

    def refusing(status: str, headers: Any) -> Any:
        raise OSError("gone")

    body = Body([b"one"])
    with pytest.raises(OSError, match="gone"):
        ServerFix(answering(body))({"REQUEST_METHOD": "GET"}, refusing)
    assert body.closed == 1


@pytest.mark.parametrize("server", SERVERS)
def test_a_generator_that_is_not_asked_for_runs_its_finally(server: str) -> None:
    ended = []

    def middleware(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "4")])

        def generate() -> Iterator[bytes]:
            try:
                yield b"page"
            finally:
                ended.append("closed")

        return generate()

    assert ask(middleware, server=server, method="HEAD").body == b""
    assert ended == ["closed"]


def test_an_error_in_close_does_not_hide_the_answer_to_the_first(caplog: pytest.LogCaptureFixture) -> None:
    class Worse(Body):
        def close(self) -> None:
            raise OSError("in close")

    assert ask(answering(Worse(broken()))).status.startswith("500")
    assert "in close" in caplog.text
    assert "in the body" in caplog.text


@pytest.mark.parametrize("server", ["asgiref", "pyruvate", "twisted"])
@pytest.mark.parametrize("ending", [iter, lambda chunks: broken(*chunks)])
def test_where_the_server_does_not_close_the_end_does(server: str, ending: Any) -> None:
    body = Body(ending([b"one"]))
    app = ServerFix(answering(body), server=server)
    answer = iter(app(build_environ(), StrictServer().start_response))
    assert next(answer) == b"one"
    with pytest.raises((RuntimeError, StopIteration)):
        next(answer)
    assert body.closed == 1


def test_a_connection_that_was_upgraded_has_no_head_to_come() -> None:
    """uWSGI's websockets: the app has answered by itself, and returns nothing."""
    given: list[bytes] = []
    app = ServerFix(lambda environ, start_response: given, server="uwsgi")
    request = build_environ(headers={"Upgrade": "websocket"})
    assert list(app(request, StrictServer().start_response)) == []


def test_a_body_without_end_ends_at_its_length(caplog: pytest.LogCaptureFixture) -> None:
    """Cut, and cut, and cut: the worker was lost, and each chunk was a line in the log."""
    body = Body(iter(lambda: b"abc", b""))
    answer = ask(answering(body, ("Content-Length", "5")))
    assert answer.body == b"abcab"
    assert body.closed == 1
    assert len(caplog.records) == 1


def test_a_length_of_thousands_of_digits_is_a_bad_head() -> None:
    caught: list[BaseException] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        try:
            start_response("200 OK", [("Content-Length", "9" * 5000)])
        except BadHead as error:
            caught.append(error)
        start_response("200 OK", [])
        return [b"ok"]

    assert ask(app).body == b"ok"
    assert caught


@pytest.mark.parametrize("when", ["called", "iterated", "replaced"])
@pytest.mark.parametrize("server", ["gunicorn", "uwsgi"])
def test_an_error_leaves_no_circle_that_keeps_the_request_alive(
    server: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        logging.getLogger("wsgikit.errors"), "disabled", True
    )  # what is logged is kept by pytest

    def app(environ: Any, start_response: Any) -> Any:
        if when == "called":
            raise RuntimeError
        return rest(start_response)

    def rest(start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        if when == "iterated":
            raise RuntimeError
        yield b"first"
        try:
            raise RuntimeError
        except RuntimeError:
            start_response("500 Oops", [], sys.exc_info())

    class Given:
        """What goes when the request does."""

    strict = StrictServer()
    given = Given()
    gone = weakref.ref(given)
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(RuntimeError):
            strict.ask(ServerFix(app, server=server), environ={"x.given": given})
        strict.iterable = None
        del given
        assert gone() is None
    finally:
        gc.enable()
