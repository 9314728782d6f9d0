from __future__ import annotations

import copy
import gc
import io
import json
import logging
import pickle
import sys
import warnings
import weakref
from typing import Any
from wsgiref.util import FileWrapper

import pytest
import werkzeug.exceptions

from wsgikit.access.requestid import RequestId
from wsgikit.responses.errors.catcherrors import CatchErrors
from wsgikit.testing import awkward_apps, call, lint
from wsgikit.testing.apps import CLOSED, AwkwardError, RecordedBody, expectations

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "'cgi' is deprecated")  # WebOb, on Python before 3.13
    import webob.exc

HTML = ("Content-Type", "text/html; charset=utf-8")


class Secret(Exception):
    """What the app raises."""


def at_once(environ: Any, start_response: Any) -> Any:
    raise Secret("<script>password")


def after_the_head(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [HTML, ("Content-Length", "1000"), ("Set-Cookie", "a=1")])
    raise Secret("<script>password")


def lazily(environ: Any, start_response: Any) -> Any:
    raise Secret("<script>password")
    yield


def lazily_after_the_head(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [HTML, ("Content-Length", "1000")])
    raise Secret("<script>password")
    yield


def at_the_first_chunk(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [HTML, ("Content-Length", "1000")])
    return RecordedBody(failing(), environ, "body")


def failing(*chunks: bytes) -> Any:
    yield from chunks
    raise Secret("<script>password")


BEFORE_THE_FIRST_BYTE = [at_once, after_the_head, lazily, lazily_after_the_head, at_the_first_chunk]


def raising(error: BaseException) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        raise error

    return app


# ---- before the first byte


@pytest.mark.parametrize("app", BEFORE_THE_FIRST_BYTE)
def test_an_exception_before_the_first_byte_is_answered_500(
    app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    result = call(lint(CatchErrors(lint(app))))
    assert (result.status, result.reason) == (500, "Internal Server Error")
    assert result.text == "500 Internal Server Error\nThe application failed to answer this request.\n"
    assert result.headers == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(result.body))),
    ]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("app", BEFORE_THE_FIRST_BYTE)
def test_P9_head_has_the_headers_of_get_and_no_body(app: Any) -> None:
    get, head = (call(lint(CatchErrors(lint(app))), method) for method in ("GET", "HEAD"))
    assert head.headers == get.headers
    assert head.body == b""


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("*/*", "text/plain; charset=utf-8"),
        ("image/png", "text/plain; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("debug", [True, False])
def test_the_answer_has_the_form_that_accept_asks_for(accept: str, kind: str, debug: bool) -> None:
    result = call(lint(CatchErrors(at_once, debug=debug)), headers={"Accept": accept})
    assert result.header("Content-Type") == kind
    if "json" in kind:
        assert result.json()["status"] == 500


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
def test_without_debug_nothing_is_told_of_the_error(accept: str) -> None:
    text = call(CatchErrors(at_once), headers={"Accept": accept}).text
    assert not any(word in text for word in ("Secret", "password", "Traceback", ".py"))


def test_with_debug_the_traceback_is_shown_escaped() -> None:
    page = call(CatchErrors(at_once, debug=True), headers={"Accept": "text/html"})
    assert "Secret: &lt;script&gt;password" in page.text
    assert "<script>" not in page.text
    assert page.header("X-Content-Type-Options") == "nosniff"

    assert "Secret: <script>password" in call(CatchErrors(at_once, debug=True)).text
    problem = call(CatchErrors(at_once, debug=True), headers={"Accept": "application/json"}).json()
    assert problem["traceback"].startswith("Traceback (most recent call last):")


def test_with_debug_any_text_can_be_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(
        logging.CRITICAL, "wsgikit.errors"
    )  # what is captured travels between test processes as UTF-8
    for accept in ("text/html", "text/plain", "application/json"):
        app = raising(Secret("größe \udcff \x00"))
        assert call(CatchErrors(app, debug=True), headers={"Accept": accept}).status == 500


# ---- the log


def test_the_exception_is_logged_once_with_method_path_and_request_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for app in (RequestId(CatchErrors(at_once)), CatchErrors(RequestId(at_once))):
        caplog.clear()
        result = call(
            app, "PUT", "/a%20b", environ={"SCRIPT_NAME": "/mnt", "wsgikit.notes": {"request.id": "7"}}
        )
        (record,) = caplog.records
        assert (record.name, record.levelname) == ("wsgikit.errors", "ERROR")
        expected = result.header("X-Request-Id") or result.environ["wsgikit.notes"]["request.id"]
        assert record.getMessage() == f"'PUT' '/mnt/a b' failed, request id {expected!r}"
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], Secret)
        assert result.errors == ""  # wsgi.errors


def test_hostile_text_is_escaped_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    call(CatchErrors(at_once), "GE\x1bT", "/%0d%0aforged%1b[2J%c2%85%e2%80%a8")
    message = caplog.records[0].getMessage()
    assert message.isprintable()
    assert message.isascii()


def test_an_app_that_changes_environ_does_not_change_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        environ["PATH_INFO"], environ["REQUEST_METHOD"] = "/changed", "CHANGED"
        raise Secret

    call(CatchErrors(app), "HEAD", "/shop")
    assert "'HEAD' '/shop'" in caplog.text


def test_outer_layers_find_the_kind_of_error_in_the_notes() -> None:
    notes: dict[str, Any] = {}
    call(CatchErrors(at_once), environ={"wsgikit.notes": notes})
    assert notes["error.type"] == "Secret"


# ---- after the first byte


def midway(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [HTML])
    return RecordedBody(failing(b"<p>half"), environ, "body")


def midway_lazily(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [HTML])
    yield b"<p>half"
    raise Secret("<script>password")


def midway_by_write(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [HTML])(b"<p>half")
    raise Secret("<script>password")


def midway_after_write(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [HTML])(b"<p>half")
    return failing()


@pytest.mark.parametrize("app", [midway, midway_lazily, midway_by_write, midway_after_write])
def test_P10_an_exception_after_the_first_byte_is_logged_once_and_raised_on(
    app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Secret):
        call(lint(CatchErrors(lint(app))))
    assert len(caplog.records) == 1


def test_empty_chunks_are_no_first_byte() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return failing(b"", b"")

    assert call(CatchErrors(app)).status == 500


# ---- heads that cannot be sent


@pytest.mark.parametrize("body", [[b"x"], (b"x",), iter([b"x"])])
def test_an_app_that_does_not_call_start_response_is_answered_for(
    body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert call(CatchErrors(lambda environ, start_response: body)).status == 500
    assert "before it called start_response" in caplog.text


def test_a_head_that_the_server_refuses_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("X-Split", "a\r\nb")])
        return RecordedBody([b"x"], environ, "body")

    def server(environ: Any, start_response: Any) -> Any:
        def strict(status: str, headers: Any, exc_info: Any = None) -> Any:
            if any("\n" in value for _, value in headers):
                raise ValueError("a header with a line break")
            return start_response(status, headers)

        return CatchErrors(app)(environ, strict)

    result = call(server, environ={CLOSED: closed})
    assert (result.status, closed, len(caplog.records)) == (500, ["body"], 1)


def test_a_server_that_takes_a_second_head_and_fails_all_the_same_is_uwsgi() -> None:
    """It sets the exception that it was given, and so Python says SystemError."""
    heads: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        heads.append(status)
        if exc_info:
            raise SystemError("returned a result with an exception set") from exc_info[1]

    body = CatchErrors(at_the_first_chunk)({"REQUEST_METHOD": "GET"}, start_response)
    assert b"".join(body).startswith(b"500")
    assert heads == ["200 OK", "500 Internal Server Error"]


def test_any_other_system_error_is_none_of_it() -> None:
    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        if exc_info:
            raise SystemError("something else")

    body = iter(CatchErrors(at_the_first_chunk)({"REQUEST_METHOD": "GET"}, start_response))
    with pytest.raises(SystemError):
        next(body)


# ---- close()


class Unclosable(RecordedBody):
    def close(self) -> None:
        super().close()
        raise Secret("in close()")


@pytest.mark.parametrize("app_ends", ["well", "badly"])
def test_P1_an_error_in_close_is_logged_and_raised_on(
    app_ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[str] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return Unclosable([b"whole"] if app_ends == "well" else failing(b"half"), environ, "body")

    with pytest.raises(Secret, match="close"):
        call(CatchErrors(app), environ={CLOSED: closed})
    assert closed == ["body"]
    assert len(caplog.records) == (1 if app_ends == "well" else 2)


def test_an_error_in_the_close_of_a_body_that_was_replaced_is_logged_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed: list[str] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return Unclosable(failing(), environ, "body")

    assert call(CatchErrors(app), environ={CLOSED: closed}).status == 500
    assert closed == ["body"]
    assert len(caplog.records) == 2


def test_P1_a_body_that_was_replaced_is_closed_once() -> None:
    closed: list[str] = []
    assert call(CatchErrors(at_the_first_chunk), environ={CLOSED: closed}).status == 500
    assert closed == ["body"]


def test_a_file_that_the_server_sends_itself_is_still_one_and_its_close_is_seen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class UnclosableFile(io.BytesIO):
        def close(self) -> None:
            if not self.closed:  # once: io closes again what is collected
                super().close()
                raise Secret("in close()")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return environ["wsgi.file_wrapper"](UnclosableFile(b"x"))

    body: Any = CatchErrors(app)({"wsgi.file_wrapper": FileWrapper}, lambda *args: print)  # type: ignore[arg-type]
    assert type(body) is FileWrapper
    assert list(body) == [b"x"]
    with pytest.raises(Secret):
        body.close()
    assert len(caplog.records) == 1


# ---- exceptions that are answers


@pytest.mark.parametrize("module", ["werkzeug", "webob"])
@pytest.mark.parametrize("where", ["at once", "after the head", "at the first chunk"])
def test_an_exception_that_is_an_answer_is_sent_as_itself(
    module: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        if where != "at once":
            start_response("200 OK", [HTML])
        if where == "at the first chunk":
            return chunks()
        raise error()

    def chunks() -> Any:
        raise error()
        yield

    def error() -> Exception:
        if module == "werkzeug":
            return werkzeug.exceptions.MethodNotAllowed(["GET"], "no such method")
        return webob.exc.HTTPMethodNotAllowed("no such method", headers={"Allow": "GET"})

    result = call(CatchErrors(app), "PUT")
    assert (result.status, result.header("Allow")) == (405, "GET")
    assert "no such method" in result.text
    assert caplog.records == []


def test_redirects_too() -> None:
    from werkzeug.routing import RequestRedirect

    for error in (
        RequestRedirect("https://example.com/"),
        webob.exc.HTTPFound(location="https://example.com/"),
    ):
        result = call(CatchErrors(raising(error)))
        assert 300 <= result.status < 400
        assert result.header("Location") == "https://example.com/"


def test_an_answer_inside_an_exception_is_sent() -> None:
    from werkzeug.wrappers import Response

    error = werkzeug.exceptions.HTTPException(response=Response("own", 418))
    assert (call(CatchErrors(raising(error))).status, call(CatchErrors(raising(error))).text) == (418, "own")


def test_an_http_exception_without_a_status_is_an_error_like_any_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert call(CatchErrors(raising(werkzeug.exceptions.HTTPException()))).status == 500
    assert len(caplog.records) == 1


def test_an_exception_that_is_an_answer_but_comes_too_late_is_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])(b"<p>half")
        raise werkzeug.exceptions.NotFound

    with pytest.raises(werkzeug.exceptions.NotFound):
        call(CatchErrors(app))
    assert len(caplog.records) == 1


def test_an_answer_that_fails_itself_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(werkzeug.exceptions.NotFound):
        def get_body(self, *args: Any, **kwargs: Any) -> str:
            raise Secret

    assert call(CatchErrors(raising(Broken()))).status == 500
    assert len(caplog.records) == 1


# ---- what passes


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("where", ["call", "body"])
def test_what_is_no_exception_passes(
    error: type[BaseException], where: str, caplog: pytest.LogCaptureFixture
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        if where == "call":
            raise error
        start_response("200 OK", [HTML])

        class Body:
            def __iter__(self) -> Any:
                raise error

        return Body()

    with pytest.raises(error):
        call(CatchErrors(app))
    assert caplog.records == []


def test_greenlet_exit_passes() -> None:
    gevent = pytest.importorskip("gevent")
    with pytest.raises(gevent.GreenletExit):
        call(CatchErrors(raising(gevent.GreenletExit())))


# ---- transparency


@pytest.mark.parametrize("body", [[b"x"], (b"x",), []])
def test_P5_a_body_that_cannot_raise_is_the_same_object(body: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return body

    assert CatchErrors(app)({}, lambda *args: None) is body  # type: ignore[arg-type, return-value]


def test_a_body_with_a_length_keeps_it_and_can_be_iterated_again() -> None:
    class Sized:
        def __len__(self) -> int:
            return 2

        def __iter__(self) -> Any:
            return iter([b"a", b"b"])

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        return Sized()

    body: Any = CatchErrors(app)({}, lambda *args: None)  # type: ignore[arg-type, return-value]
    assert (len(body), list(body), list(body)) == (2, [b"a", b"b"], [b"a", b"b"])


@pytest.mark.parametrize("name", expectations)
def test_P1_to_P9_awkward_apps_arrive_right(name: str) -> None:
    expected = expectations[name]
    allowed = expected.breaks
    layer = lint(CatchErrors(lint(awkward_apps[name], allow=allowed)), allow=allowed)
    closed: list[str] = []
    request = {"body": expected.request_body, "environ": {CLOSED: closed}}
    if expected.raises and expected.body:
        with pytest.raises(AwkwardError):
            call(layer, expected.method, expected.path, **request)
    else:
        result = call(layer, expected.method, expected.path, **request)
        assert result.status == (500 if expected.raises else expected.status)
        assert expected.raises or result.body == expected.body
    assert len(closed) == expected.closes


def test_P8_the_error_is_let_go_with_the_request() -> None:
    class Held:
        pass

    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        held = Held()
        seen.append(weakref.ref(held))
        start_response("200 OK", [HTML])
        raise Secret

    logger = logging.getLogger("wsgikit.errors")
    logger.disabled = True  # pytest keeps the records
    try:
        call(CatchErrors(app))
        gc.collect()
        assert seen[0]() is None
    finally:
        logger.disabled = False


def test_P2_exc_info_of_the_app_itself_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [HTML])
        try:
            raise Secret
        except Secret:
            start_response("503 Service Unavailable", [HTML], sys.exc_info())
        return [b"handled"]

    result = call(lint(CatchErrors(lint(app))))
    assert (result.status, result.body, caplog.records) == (503, b"handled", [])


# ---- options


@pytest.mark.parametrize("debug", ["no", 1, None])
def test_debug_is_true_or_false(debug: Any) -> None:
    with pytest.raises(TypeError, match="CatchErrors: debug="):
        CatchErrors(at_once, debug=debug)


def test_options_pickle_and_copy() -> None:
    layer = CatchErrors(at_once, debug=True)
    assert layer.options() == {"debug": True}
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert call(twin).status == 500


def test_the_problem_is_valid_json_in_any_case() -> None:
    result = call(
        CatchErrors(raising(Secret('"}\n</script>')), debug=True), headers={"Accept": "application/json"}
    )
    assert json.loads(result.body)["title"] == "Internal Server Error"
