"""BodyLimit: what is announced, what is counted, and what becomes of the answer."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.core.input import TooLarge
from wsgikit.operations.bodylimit import BodyLimit
from wsgikit.testing import AwkwardError, build_environ, call, expectations, lint

PLAIN = [("Content-Type", "text/plain")]
REFUSED = f"413 {HTTPStatus(413).phrase}\nThe request body may have 10 bytes at most.\n"
App = Callable[[Any, Any], Iterable[bytes]]


def echo(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", PLAIN)
    return [body]


def never(environ: Any, start_response: Any) -> list[bytes]:
    raise AssertionError("the app must not be called")


class Unread:
    """A request body that nobody may ask for."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body must not be read")


# ---- what is announced


@pytest.mark.parametrize("size", [10, "10", "10b"])
def test_a_body_of_the_size_passes_and_one_byte_more_is_413(size: int | str) -> None:
    app = BodyLimit(echo, size)
    assert call(app, "POST", body=b"x" * 10).body == b"x" * 10
    answer = call(app, "POST", body=b"x" * 11)
    assert (answer.status, answer.text) == (413, REFUSED)


def test_a_declared_length_beyond_the_limit_is_refused_unread_and_without_the_app() -> None:
    environ = {"CONTENT_LENGTH": "11", "wsgi.input": Unread()}
    assert call(BodyLimit(never, 10), "POST", environ=environ).status == 413


@pytest.mark.parametrize("text", ["4, 4", "+4", "-1", "0x4", "abc", "4_0", " 4", "٤", "1" * 5000])
def test_a_length_that_is_no_number_is_400(text: str) -> None:
    environ = {"CONTENT_LENGTH": text, "wsgi.input": Unread()}
    answer = call(BodyLimit(never, 10), "POST", environ=environ)
    assert (answer.status, "Content-Length is not one number." in answer.text) == (400, True)


def test_two_lengths_that_differ_are_400_and_two_that_agree_are_one() -> None:
    def ask(copy: str) -> int:
        return call(BodyLimit(echo, 10), "POST", body=b"four", environ={"HTTP_CONTENT_LENGTH": copy}).status

    assert (ask("5"), ask("4")) == (400, 200)


def test_the_refusal_takes_the_form_that_was_asked_for() -> None:
    answer = call(BodyLimit(never, 1), "POST", body=b"two", headers={"Accept": "application/json"})
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["status"] == 413


def test_outer_layers_learn_who_refused() -> None:
    notes: dict[str, Any] = {}
    call(BodyLimit(never, 1), "POST", body=b"two", environ={"wsgikit.notes": notes})
    assert notes == {"refused": "BodyLimit"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_request_without_a_body_goes_through_as_it_is(method: str) -> None:
    seen: list[Any] = []
    body = iter([b""])

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        seen.extend([environ, start_response])
        return body

    environ, start = build_environ(method), object()
    assert BodyLimit(app, 1)(environ, start) is body  # type: ignore[arg-type]
    assert seen[0] is environ
    assert seen[1] is start


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"SERVER_PROTOCOL": "HTTP/2"},
        {"REQUEST_METHOD": "POST"},
        {"REQUEST_METHOD": "DELETE"},
    ],
)
def test_a_body_without_an_announcement_is_counted(environ: dict[str, Any]) -> None:
    environ = {**environ, "wsgi.input": io.BytesIO(b"x" * 11)}
    assert call(BodyLimit(echo, 10), environ=environ).status == 413
    environ["wsgi.input"] = io.BytesIO(b"x" * 10)
    assert call(BodyLimit(echo, 10), environ=environ).status == 200


# ---- what is counted


def test_a_chunked_body_is_counted_as_it_is_read() -> None:
    app = BodyLimit(echo, 10)
    assert call(app, "POST", body=[b"12345", b"67890"]).body == b"1234567890"
    assert call(app, "POST", body=[b"12345", b"67890", b"1"]).status == 413


def test_a_length_that_lies_does_not_help() -> None:
    environ = {"CONTENT_LENGTH": "4", "wsgi.input": io.BytesIO(b"x" * 100)}
    assert call(BodyLimit(echo, 10), "POST", environ=environ).status == 413


def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    source = io.BytesIO(b"x" * 1_000_000)
    environ = {"wsgi.input": source, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert call(BodyLimit(echo, 10), "POST", environ=environ).status == 413
    assert source.tell() == 11


class Blocking(io.BytesIO):
    """As on wsgiref: to ask for more than was announced is to wait for ever."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0 or size > len(self.getvalue()) - self.tell():
            raise AssertionError("it would hang")
        return super().read(size)


def test_lines_are_read_without_asking_for_more_than_was_announced() -> None:
    def lines(environ: Any, start_response: Any) -> list[bytes]:
        found = [environ["wsgi.input"].readline(), environ["wsgi.input"].readline()]
        start_response("200 OK", PLAIN)
        return found

    environ = {"CONTENT_LENGTH": "8", "wsgi.input": Blocking(b"one\ntwo\n")}
    assert call(BodyLimit(lines, 100), "POST", environ=environ).chunks == [b"one\n", b"two\n"]


@given(
    st.lists(st.binary(max_size=20), max_size=6),
    st.integers(0, 60),
    st.lists(st.tuples(st.sampled_from(["read", "readline"]), st.integers(1, 30)), min_size=1, max_size=20),
)
def test_what_is_read_within_the_limit_is_what_was_sent(
    pieces: list[bytes], size: int, reads: list[tuple[str, int]]
) -> None:
    sent = b"".join(pieces)
    got: list[bytes] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        for name, amount in reads:
            got.append(getattr(environ["wsgi.input"], name)(amount))
        start_response("200 OK", PLAIN)
        return []

    answer = call(BodyLimit(app, size), "POST", body=[piece for piece in pieces if piece])
    read = b"".join(got)
    assert sent.startswith(read)
    assert len(read) <= size
    if answer.status == 413:
        assert len(sent) > size
    if len(sent) <= size:
        assert answer.status == 200


# ---- what becomes of the answer


def chunked(app: App, size: int = 10, **options: Any) -> Any:
    return call(BodyLimit(app, size), "POST", body=[b"x" * 11], **options)


def raise_before(environ: Any, start_response: Any) -> list[bytes]:
    return echo(environ, start_response)


def raise_after_head(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [*PLAIN, ("Content-Length", "11")])
    return [environ["wsgi.input"].read()]


def raise_another(environ: Any, start_response: Any) -> list[bytes]:
    try:
        return echo(environ, start_response)
    except ValueError as error:
        raise KeyError("upload") from error


def swallow(environ: Any, start_response: Any) -> list[bytes]:
    try:
        environ["wsgi.input"].read()
    except ValueError:
        pass
    start_response("200 OK", PLAIN)
    return [b"thank you"]


def swallow_after_head(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", PLAIN)
    try:
        environ["wsgi.input"].read()
    except ValueError:
        pass
    return [b"thank you"]


def answer_500(environ: Any, start_response: Any) -> list[bytes]:
    import sys

    try:
        return raise_after_head(environ, start_response)
    except ValueError:
        start_response("500 Internal Server Error", PLAIN, sys.exc_info())
        return [b"oh no"]


def generate(environ: Any, start_response: Any) -> Iterator[bytes]:
    yield from echo(environ, start_response)


def generate_after_head(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [*PLAIN, ("Content-Length", "11")])
    return (environ["wsgi.input"].read() for _ in range(1))


def generate_after_empty(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", PLAIN)
    yield b""
    yield environ["wsgi.input"].read()


def generate_and_swallow(environ: Any, start_response: Any) -> Iterator[bytes]:
    yield from swallow(environ, start_response)


def generate_nothing(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", PLAIN)
    try:
        environ["wsgi.input"].read()
    except ValueError:
        return
    yield b"thank you"


def generate_late_and_swallow(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)

    def body() -> Iterator[bytes]:
        try:
            environ["wsgi.input"].read()
        except ValueError:
            pass
        yield b"thank you"

    return body()


def write_after(environ: Any, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", PLAIN)
    try:
        environ["wsgi.input"].read()
    except ValueError:
        pass
    write(b"thank you")
    return []


TOO_LATE_FOR_NONE = [
    raise_before,
    raise_after_head,
    raise_another,
    swallow,
    swallow_after_head,
    answer_500,
    generate,
    generate_after_head,
    generate_after_empty,
    generate_and_swallow,
    generate_nothing,
    generate_late_and_swallow,
    write_after,
]


@pytest.mark.parametrize("app", TOO_LATE_FOR_NONE)
@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_whatever_the_app_makes_of_it_the_answer_is_one_finished_413(app: App, method: str) -> None:
    answer = call(lint(BodyLimit(app, 10)), method, body=[b"x" * 11])
    assert answer.status == 413
    assert answer.text == ("" if method == "HEAD" else REFUSED)
    assert answer.all("Content-Length") == [str(len(REFUSED))]


@pytest.mark.parametrize("app", TOO_LATE_FOR_NONE)
def test_the_same_apps_are_left_alone_within_the_limit(app: App) -> None:
    answer = call(lint(BodyLimit(app, 11)), "POST", body=[b"x" * 11])
    assert answer.status == 200
    assert answer.body in (b"x" * 11, b"thank you")


def test_a_413_of_the_apps_own_stays() -> None:
    def own(environ: Any, start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except TooLarge as error:
            start_response("413 Too Much", PLAIN)
            return [str(error).encode()]
        return []

    answer = chunked(own)
    assert (answer.status, answer.text) == (413, "the request body is longer than 10 bytes")


@pytest.mark.parametrize("app", [raise_after_head, swallow_after_head, answer_500, generate])
def test_the_head_is_given_to_the_server_once_where_the_app_read_within_its_call(app: App) -> None:
    """gunicorn would send both."""
    heads: list[Any] = []
    environ = build_environ("POST", body=[b"x" * 11])
    list(BodyLimit(app, 10)(environ, lambda *head: heads.append(head) or io.BytesIO().write))
    assert [len(head) for head in heads] == [2]


@pytest.mark.parametrize("wrote", [True, False])
def test_once_bytes_are_out_the_answer_breaks_off(wrote: bool) -> None:
    def late(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", PLAIN)
        if wrote:
            write(b"first")
        else:
            yield b"first"
        yield environ["wsgi.input"].read()

    with pytest.raises(TooLarge):
        chunked(late)


def test_an_error_that_has_nothing_to_do_with_it_passes() -> None:
    def fail(environ: Any, start_response: Any) -> list[bytes]:
        raise AwkwardError

    def fail_later(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b""
        raise AwkwardError

    for app in (fail, fail_later):
        with pytest.raises(AwkwardError):
            chunked(app)


def test_a_body_with_a_length_is_the_same_object() -> None:
    whole = [b"thank", b"you"]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", PLAIN)
        return whole

    environ = build_environ("POST", body=[b"x"])
    assert BodyLimit(app, 10)(environ, lambda *head: io.BytesIO().write) is whole


def test_a_file_wrapper_is_the_same_object() -> None:
    environ = build_environ("POST", body=[b"x"])
    wrapper = environ["wsgi.file_wrapper"](io.BytesIO(b"file"))

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return wrapper

    assert BodyLimit(app, 10)(environ, lambda *head: io.BytesIO().write) is wrapper


def test_the_apps_body_is_closed_once_when_a_413_comes_in_its_place() -> None:
    closed: list[str] = []

    class Body:
        def __init__(self, environ: Any) -> None:
            self._input = environ["wsgi.input"]

        def __iter__(self) -> Iterator[bytes]:
            yield self._input.read()

        def close(self) -> None:
            closed.append("closed")

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", PLAIN)
        return Body(environ)

    assert chunked(app).status == 413
    assert closed == ["closed"]


def test_two_limits_within_each_other_answer_once() -> None:
    assert call(BodyLimit(BodyLimit(echo, 5), 10), "POST", body=[b"x" * 6]).text.endswith(
        "5 bytes at most.\n"
    )
    assert call(BodyLimit(BodyLimit(echo, 10), 5), "POST", body=[b"x" * 6]).text.endswith(
        "5 bytes at most.\n"
    )


# ---- frameworks, which answer for themselves whatever is raised within


def flask_app() -> Any:
    import flask

    app = flask.Flask("uploads")

    @app.post("/")
    def upload() -> str:
        return f"{len(flask.request.get_data())} bytes"

    @app.post("/form")
    def form() -> str:
        return f"{len(flask.request.form)} fields"

    return app


def webob_app() -> Any:
    import webob.dec

    @webob.dec.wsgify
    def app(request: Any) -> str:
        return f"{len(request.POST)} fields" if request.path == "/form" else f"{len(request.body)} bytes"

    return app


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")  # WebOb, on Python before 3.13
@pytest.mark.parametrize("made", [flask_app, webob_app])
@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/plain"), ("/form", "application/x-www-form-urlencoded")]
)
def test_frameworks_answer_413_too(made: Callable[[], Any], path: str, kind: str) -> None:
    app = BodyLimit(made(), 1000)
    headers = {"Content-Type": kind}
    assert call(app, "POST", path, headers=headers, body=[b"a=1&b=" + b"x" * 994]).status == 200
    assert call(app, "POST", path, headers=headers, body=[b"a=1&b=" + b"x" * 995]).status == 413
    assert call(app, "POST", path, headers=headers, body=b"a=1&b=" + b"x" * 995).status == 413


# ---- every awkward app, its request one whose body is counted


@pytest.mark.parametrize(
    "case", sorted(expectations.values(), key=lambda case: case.name), ids=lambda case: case.name
)
@pytest.mark.parametrize("linger", [0, "1MiB"])
def test_awkward_apps_between_two_lints(case: Any, linger: int | str) -> None:
    layer: Any = BodyLimit(lint(case.app, allow=case.breaks), "1MiB", linger=linger)
    layers = [lint(layer, allow=case.breaks)]
    if not case.breaks:
        layers.append(validator(BodyLimit(case.app, "1MiB", linger=linger)))
    for app in layers:
        closed: list[str] = []
        environ = {"SERVER_PROTOCOL": "HTTP/2", "wsgikit.testing.closed": closed}
        if case.raises:
            with pytest.raises(AwkwardError):
                call(app, case.method, case.path, body=case.request_body, environ=environ)
        else:
            answer = call(app, case.method, case.path, body=case.request_body, environ=environ)
            assert (answer.status, answer.body) == (case.status, case.body)
        assert len(closed) == case.closes


@pytest.mark.parametrize("size", [-1, "10 apples", 1.5, None, True])
def test_a_size_that_will_not_do_is_named(size: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="BodyLimit: size="):
        BodyLimit(echo, size)
    with pytest.raises((ValueError, TypeError), match="BodyLimit: linger="):
        BodyLimit(echo, 10, linger=size)


def test_a_size_of_nothing_lets_no_body_in() -> None:
    app = BodyLimit(echo, 0)
    assert call(app).status == 200
    assert call(app, "POST").status == 200
    assert call(app, "POST", body=b"x").status == 413
    assert call(app, "POST", body=[b"x"]).status == 413


# ---- what is left of a refused body


class Upload(io.BytesIO):
    """A request body that comes by the piece, and breaks off with an error where it is told to."""

    def __init__(self, size: int, breaks_at: int | None = None) -> None:
        super().__init__(b"x" * size)
        self._breaks_at = breaks_at

    def read(self, size: int | None = -1, /) -> bytes:
        if self._breaks_at is not None and self.tell() >= self._breaks_at:
            raise ConnectionResetError
        return super().read(size)


def refused_then_left(upload: Upload, app: App = never, linger: int | str = 100, **environ: Any) -> int:
    """How much of the upload was read, once its refusal has been read and closed; nothing before that."""
    heads: list[Any] = []
    layer = BodyLimit(app, 10, linger=linger)
    request = {**build_environ("POST"), "wsgi.input": upload, **environ}
    body: Any = layer(request, lambda *head: heads.append(head))
    before = upload.tell()
    assert b"".join(body) == REFUSED.encode()
    assert [status[:3] for status, *_ in heads] == ["413"]
    assert upload.tell() == before
    if hasattr(body, "close"):
        body.close()
    return upload.tell()


ANNOUNCED = {"CONTENT_LENGTH": "70"}
CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


@pytest.mark.parametrize(("app", "environ"), [(never, ANNOUNCED), (echo, CHUNKED)])
def test_the_rest_of_a_refused_body_is_dropped_once_the_refusal_is_out(
    app: App, environ: dict[str, Any]
) -> None:
    assert refused_then_left(Upload(70), app, **environ) == 70


def test_no_more_is_dropped_than_was_allowed_or_announced() -> None:
    assert refused_then_left(Upload(70), linger=20, **ANNOUNCED) == 20
    assert refused_then_left(Upload(90), **ANNOUNCED) == 70
    assert refused_then_left(Upload(90), echo, linger=20, **CHUNKED) == 31


def test_nothing_is_dropped_unless_that_is_wanted() -> None:
    assert refused_then_left(Upload(70), linger=0, **ANNOUNCED) == 0


def test_nothing_is_dropped_that_the_client_still_holds_back() -> None:
    assert refused_then_left(Upload(70), HTTP_EXPECT="100-continue", **ANNOUNCED) == 0


def test_nothing_is_dropped_of_a_body_whose_end_the_server_does_not_tell() -> None:
    assert refused_then_left(Upload(70), echo, **{**CHUNKED, "wsgi.input_terminated": False}) == 11


def test_a_client_that_leaves_meanwhile_is_no_error() -> None:
    assert refused_then_left(Upload(70, breaks_at=0), **ANNOUNCED) == 0


def test_an_app_that_refuses_by_itself_has_the_rest_dropped_too() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        with suppress(TooLarge):
            environ["wsgi.input"].read()
        start_response("413 Too Much", PLAIN)
        return [REFUSED.encode()]

    assert refused_then_left(Upload(70), app, **CHUNKED) == 70


def test_a_body_that_reads_before_it_is_iterated_is_a_413_too() -> None:
    class Eager:
        def __init__(self, environ: Any) -> None:
            self._input = environ["wsgi.input"]

        def __iter__(self) -> Iterator[bytes]:
            return iter([self._input.read()])

    def app(environ: Any, start_response: Any) -> Eager:
        start_response("200 OK", PLAIN)
        return Eager(environ)

    answer = chunked(app)
    assert (answer.status, answer.text) == (413, REFUSED)
