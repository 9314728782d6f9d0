"""Cascade: the next app is asked when the one before has said that it does not know, and sees what that one saw."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.mounting.cascade import Cascade
from wsgikit.testing import AwkwardError, awkward_apps, call, expectations, lint

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PLAIN = ("Content-Type", "text/plain")
NOT_FOUND = "404 Not Found"


class Closed(list[str]):
    """The names of the bodies that were closed."""

    def body(self, name: str, chunks: Iterable[bytes] = (b"",)) -> Iterable[bytes]:
        return _Body(self, name, chunks)


class _Body:
    def __init__(self, closed: Closed, name: str, chunks: Iterable[bytes]) -> None:
        self._closed, self._name, self._chunks = closed, name, chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def close(self) -> None:
        self._closed.append(self._name)


def answering(status: str, text: str = "", name: str = "") -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [PLAIN])
        return [text.encode() or status.encode()]

    return app


def lazily(status: str, text: str = "") -> WSGIApplication:
    """A generator app: start_response is called when it is first pulled."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [PLAIN])
        yield text.encode() or status.encode()

    return app


def writing(status: str, *chunks: bytes) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response(status, [PLAIN])
        for chunk in chunks:
            write(chunk)
        return []

    return app


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [PLAIN])
    return [body]


def reading(status: str, how: Any) -> WSGIApplication:
    """Reads the request's body ``how`` before it answers."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        how(environ["wsgi.input"])
        start_response(status, [PLAIN])
        return [status.encode()]

    return app


# ---- whose answer


@pytest.mark.parametrize(
    "first", [answering(NOT_FOUND), lazily(NOT_FOUND), writing(NOT_FOUND, b"not", b"here")]
)
@pytest.mark.parametrize("second", [answering("200 OK"), lazily("200 OK"), writing("200 OK", b"200 ", b"OK")])
def test_the_next_app_answers_what_the_first_does_not_know(first: Any, second: Any) -> None:
    result = call(lint(Cascade(lint(first), lint(second), answering("500 Not Asked"))))
    assert (result.status, result.text) == (200, "200 OK")


@pytest.mark.parametrize(
    "status", ["200 OK", "301 Moved Permanently", "500 Internal Server Error", "410 Gone"]
)
def test_any_other_answer_stands(status: str) -> None:
    assert call(lint(Cascade(answering(status), answering("200 Not Asked")))).text == status


def test_the_last_answer_stands_whatever_it_is() -> None:
    cascade = Cascade(answering("405 Method Not Allowed"), answering(NOT_FOUND, "the last"))
    assert call(lint(cascade)).text == "the last"
    assert call(lint(Cascade(answering(NOT_FOUND, "alone")))).text == "alone"


def test_statuses_say_what_is_given_up() -> None:
    cascade = Cascade(answering("503 Service Unavailable"), answering("200 OK"), statuses=[502, 503])
    assert call(cascade).status == 200
    assert call(Cascade(answering(NOT_FOUND), answering("200 OK"), statuses=[503])).status == 404


def test_an_error_is_an_answer() -> None:
    with pytest.raises(AwkwardError):
        call(Cascade(awkward_apps["raises at once"], answering("200 OK")))


# ---- transparency


def test_the_answers_own_iterable_is_given_back() -> None:
    body = [b"body"]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        return body

    for cascade in (Cascade(app, echo), Cascade(answering(NOT_FOUND), app)):
        assert cascade({}, lambda status, headers, exc_info=None, /: body.append) is body


@pytest.mark.parametrize("first", [(), (answering(NOT_FOUND),), (lazily(NOT_FOUND),)])
@pytest.mark.parametrize("last", [(), (answering("200 Not Asked"),)])
@pytest.mark.parametrize("name", list(awkward_apps))
def test_awkward_apps_come_through_whole(name: str, first: Any, last: Any) -> None:
    awkward = expectations[name]
    cascade = Cascade(*first, lint(awkward.app, allow=awkward.breaks), *last)
    closed: list[str] = []

    def ask() -> Any:
        return call(
            lint(cascade, allow=awkward.breaks),
            awkward.method,
            awkward.path,
            body=awkward.request_body,
            environ={"wsgikit.testing.closed": closed},
        )

    if awkward.raises:
        with pytest.raises(AwkwardError):
            ask()
    else:
        result = ask()
        assert (result.status, result.body) == (awkward.status, awkward.body)
        assert [pair for pair in result.headers if pair in awkward.headers] == list(awkward.headers)
    assert len(closed) == awkward.closes


def test_an_answer_is_not_waited_for() -> None:
    """Only the first chunk of a generator is pulled, and that only where nothing was said before it."""
    pulled = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        for number in range(3):
            pulled.append(number)
            yield b"%d" % number

    body = Cascade(app, echo)({}, lambda status, headers, exc_info=None, /: lambda chunk: None)
    assert pulled == [0]
    assert list(body) == [b"0", b"1", b"2"]


# ---- exc_info


def failing(then: str, *, before: str = NOT_FOUND) -> WSGIApplication:
    """Calls start_response with ``before``, fails, and changes its mind to ``then``."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(before, [("X-Withdrawn", "yes")])
        try:
            raise AwkwardError
        except AwkwardError:
            start_response(then, [PLAIN], sys.exc_info())
        return [then.encode()]

    return app


def test_the_head_that_came_last_counts() -> None:
    result = call(lint(Cascade(failing("500 Internal Server Error"), answering("200 OK"))))
    assert (result.status, result.header("X-Withdrawn")) == (500, None)
    assert (
        call(lint(Cascade(failing(NOT_FOUND, before="200 OK"), answering("200 OK", "second")))).text
        == "second"
    )


def test_exc_info_after_the_head_went_out_is_the_servers_to_judge() -> None:
    def late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", [PLAIN])
        write(b"first byte")
        try:
            raise AwkwardError
        except AwkwardError:
            start_response("500 Internal Server Error", [PLAIN], sys.exc_info())
        return [b"unreached"]

    with pytest.raises(AwkwardError):
        call(Cascade(late, echo))


def test_exc_info_after_a_kept_byte_is_raised_again() -> None:
    def late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(NOT_FOUND, [PLAIN])(b"first byte")
        try:
            raise AwkwardError
        except AwkwardError:
            start_response("500 Internal Server Error", [PLAIN], sys.exc_info())
        return [b"unreached"]

    with pytest.raises(AwkwardError):
        call(Cascade(late, echo))


def test_a_second_head_without_exc_info_is_an_error() -> None:
    def twice(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(NOT_FOUND, [])
        start_response("200 OK", [])
        return []

    with pytest.raises(AssertionError, match="a second time"):
        call(Cascade(twice, echo))


@pytest.mark.parametrize("chunks", [[], [b""], [b"body"]])
def test_a_body_without_a_head_is_an_error_and_closed(chunks: list[bytes]) -> None:
    closed = Closed()

    with pytest.raises(AssertionError, match="did not call start_response"):
        call(Cascade(lambda environ, start_response: closed.body("headless", chunks), echo))
    assert closed == ["headless"]


# ---- close


def test_every_answer_is_closed_once() -> None:
    closed = Closed()

    def app(name: str, status: str) -> WSGIApplication:
        def named(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response(status, [PLAIN])
            return closed.body(name)

        return named

    call(
        Cascade(
            app("a", NOT_FOUND), app("b", "405 Method Not Allowed"), app("c", "200 OK"), app("d", "200 OK")
        )
    )
    assert closed == ["a", "b", "c"]


def test_an_answer_that_breaks_while_its_status_is_waited_for_is_closed() -> None:
    closed = Closed()

    def broken() -> Iterator[bytes]:
        yield b""
        raise AwkwardError

    with pytest.raises(AwkwardError):
        call(Cascade(lambda environ, start_response: closed.body("broken", broken()), echo))
    assert closed == ["broken"]


def test_a_generator_whose_first_chunk_was_pulled_is_closed_when_the_client_leaves() -> None:
    ended = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        try:
            yield b"1"
            yield b"2"
        finally:
            ended.append(True)

    for stop_after in (0, 1):
        call(Cascade(app, echo), stop_after=stop_after)
    assert ended == [True, True]


# ---- the request


def test_each_app_gets_its_own_environ() -> None:
    def changing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = "/changed"
        start_response(NOT_FOUND, [])
        return []

    def path(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        return [environ["PATH_INFO"].encode()]

    assert call(Cascade(changing, changing, path), path="/x").text == "/x"


BODY = b"".join(b"line %d\n" % number for number in range(5000))
READERS = {
    "not": lambda stream: None,
    "whole": lambda stream: stream.read(),
    "some": lambda stream: stream.read(10),
    "lines": lambda stream: [stream.readline(), stream.readlines(100)],
    "iterated": list,
}


@pytest.mark.parametrize("how", READERS)
@pytest.mark.parametrize(
    "body", [BODY, [BODY[:100], BODY[100:]], b"", []], ids=["length", "chunked", "empty", "no chunks"]
)
def test_the_next_app_reads_the_body_from_its_first_byte(how: str, body: Any) -> None:
    cascade = Cascade(
        lint(reading(NOT_FOUND, READERS[how])), lint(reading(NOT_FOUND, READERS["some"])), lint(echo)
    )
    result = call(lint(cascade), "POST", body=body)
    assert result.body == (body if isinstance(body, bytes) else b"".join(body))


@pytest.mark.parametrize("how", READERS)
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY)])
def test_a_body_above_max_body_leaves_the_first_answer(how: str, chunked: bool, size: int) -> None:
    cascade = Cascade(reading(NOT_FOUND, READERS[how]), echo, max_body=size)
    body = [BODY[n : n + 999] for n in range(0, len(BODY), 999)] if chunked else BODY
    result = call(lint(cascade), "POST", body=body)
    assert (result.status, result.body) == ((404, NOT_FOUND.encode()) if size < len(BODY) else (200, BODY))


def test_a_first_answer_that_stands_is_whole() -> None:
    """Written bytes and the body that it still reads, though Cascade has read ahead meanwhile."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        source = environ["wsgi.input"]
        write = start_response(NOT_FOUND, [PLAIN])
        write(source.readline())
        return iter(lambda: source.read(1000), b"")

    chunks = [BODY[n : n + 10] for n in range(0, len(BODY), 10)]
    result = call(lint(Cascade(app, echo, max_body=100)), "POST", body=chunks)
    assert (result.status, result.body) == (404, BODY)


def test_what_is_kept_goes_to_a_file_and_is_dropped_when_the_answer_is_closed() -> None:
    """An unclosed temporary file would be a ResourceWarning, which is an error here."""
    body = bytes(3_000_000)
    cascade = Cascade(reading(NOT_FOUND, READERS["whole"]), echo, max_body="4MB")
    assert call(lint(cascade), "POST", body=body).body == body
    with pytest.raises(AwkwardError):
        call(
            Cascade(reading(NOT_FOUND, READERS["whole"]), awkward_apps["raises at once"], max_body="4MB"),
            "POST",
            body=body,
        )


def test_no_more_is_read_than_was_announced() -> None:
    class Blocking(io.BytesIO):
        """As on wsgiref, where reading past the end waits for ever."""

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 <= size <= len(self.getvalue()) - self.tell()
            return super().read(size)

    cascade = Cascade(reading(NOT_FOUND, READERS["whole"]), echo)
    environ = {"CONTENT_LENGTH": "4"}
    assert call(cascade, "POST", body=Blocking(b"body"), environ=environ).body == b"body"  # type: ignore[arg-type]


def test_without_a_body_the_servers_input_is_left_alone() -> None:
    seen = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ["wsgi.input"])
        start_response("200 OK", [])
        return []

    source = io.BytesIO()
    # gunicorn says so for every request
    call(Cascade(app, echo), body=source, environ={"wsgi.input_terminated": True})  # type: ignore[arg-type]
    assert seen == [source]


@pytest.mark.parametrize("length", ["+4", "abc", "4, 4"])
def test_a_malformed_length_is_answered_400(length: str) -> None:
    result = call(
        lint(Cascade(echo, echo), allow=["request-length"]),
        "POST",
        body=b"body",
        environ={"CONTENT_LENGTH": length},
    )
    assert result.status == 400
    assert "is not a number" in result.text


# ---- as a component


def test_options_repr_pickle_and_children() -> None:
    cascade = Cascade(echo, call, statuses=(404,), max_body="10MB")  # type: ignore[arg-type]
    assert cascade.options() == {"apps": (echo, call), "statuses": (404,), "max_body": "10MB"}
    assert pickle.loads(pickle.dumps(cascade)) == cascade
    assert list(cascade.children()) == [("1", echo), ("2", call)]


@pytest.mark.parametrize(
    ("apps", "options", "error", "said"),
    [
        ((), {}, ValueError, "Cascade: apps="),
        ((None,), {}, TypeError, "Cascade: apps=None"),
        ((echo,), {"statuses": 404}, TypeError, "Cascade: statuses=404"),
        ((echo,), {"statuses": "404"}, TypeError, "Cascade: statuses='404'"),
        ((echo,), {"statuses": ["404"]}, TypeError, "Cascade: statuses='404'"),
        ((echo,), {"statuses": [40]}, ValueError, "Cascade: statuses=40 "),
        ((echo,), {"max_body": "1MiBB"}, ValueError, "Cascade: max_body='1MiBB'"),
    ],
)
def test_a_wrong_option_is_named(apps: Any, options: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Cascade(*apps, **options)
