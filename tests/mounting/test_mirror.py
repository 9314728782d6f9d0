"""Mirror: the shadow sees what the app saw, and the app's answer never knows of it."""

from __future__ import annotations

import io
import os
import pickle
from queue import Queue
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.mounting.mirror import Mirror
from wsgikit.mounting.requestcopy import Tee
from wsgikit.testing import AwkwardError, awkward_apps, call, expectations, lint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PATIENCE = 30.0  # seconds, for what happens at once


class Shadow:
    """An app that puts what it sees into a queue."""

    def __init__(self) -> None:
        self.requests: Queue[tuple[WSGIEnvironment, bytes]] = Queue()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.requests.put((environ, environ["wsgi.input"].read()))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"shadow"]

    def seen(self) -> tuple[WSGIEnvironment, bytes]:
        return self.requests.get(timeout=PATIENCE)

    def paths(self, count: int) -> list[str]:
        return [self.seen()[0]["PATH_INFO"] for _ in range(count)]


def main(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"main ", environ["wsgi.input"].read()]


def ignoring(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"main"]


def mirrored(shadow: WSGIApplication, app: WSGIApplication = main, **options: Any) -> Mirror:
    return Mirror(lint(app), lint(shadow), **options)


# ---- what the shadow sees


@pytest.mark.parametrize("body", [b"", b"body", [b"bo", b"dy"]], ids=["empty", "length", "chunked"])
def test_the_shadow_sees_the_same_request(body: Any) -> None:
    shadow = Shadow()
    app = lint(mirrored(shadow))
    result = call(app, "POST", "/x?a=1", body=body, headers={"X-Asked": "yes"})
    whole = body if isinstance(body, bytes) else b"".join(body)
    assert result.body == b"main " + whole
    environ, seen = shadow.seen()
    assert seen == whole
    assert environ["CONTENT_LENGTH"] == str(len(whole))
    for key in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_X_ASKED", "wsgi.url_scheme"):
        assert environ[key] == result.environ[key]


def test_the_shadow_sees_the_request_as_it_came() -> None:
    def changing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = "/changed"
        environ["wsgiorg.routing_args"][1]["id"] = "changed"
        return ignoring(environ, start_response)

    shadow = Shadow()
    call(Mirror(changing, shadow), path="/x", environ={"wsgiorg.routing_args": ((), {"id": "1"})})
    environ, _ = shadow.seen()
    assert environ["PATH_INFO"] == "/x"
    assert environ["wsgiorg.routing_args"] == ((), {"id": "1"})


def test_the_shadow_gets_nothing_live() -> None:
    shadow = Shadow()
    notes: dict[str, str] = {}
    result = call(mirrored(shadow), environ={"wsgikit.notes": notes, "gunicorn.socket": object()})
    environ, _ = shadow.seen()
    assert not {"wsgikit.notes", "gunicorn.socket", "wsgi.file_wrapper"} & environ.keys()
    assert environ["wsgi.input"] is not result.environ["wsgi.input"]
    assert environ["wsgi.errors"] is not result.environ["wsgi.errors"]
    assert environ["wsgi.multithread"] is True


@pytest.mark.parametrize(
    "read",
    [
        lambda stream: stream.read(),
        lambda stream: stream.read(-1),
        lambda stream: iter(lambda: stream.read(3), b""),
        list,
        lambda stream: stream.readlines(),
        lambda stream: iter(stream.readline, b""),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_kept_however_it_is_read(read: Any, chunked: bool) -> None:
    def reading(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = read(environ["wsgi.input"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return found if not isinstance(found, bytes) else [found]

    shadow = Shadow()
    body = b"one\ntwo\nthree"
    app = Mirror(reading, shadow)
    assert call(app, "POST", body=[body[:5], body[5:]] if chunked else body).body == body
    assert shadow.seen()[1] == body


def test_reads_go_to_the_servers_input_as_they_are() -> None:
    class Recorded(io.BytesIO):
        calls: list[Any] = []  # noqa: RUF012

        def read(self, *size: Any) -> bytes:
            self.calls.append(size)
            return super().read(*size)

    tee = Tee(Recorded(b"abc"), 10)
    assert (tee.read(), tee.read(5), tee.read(-1)) == (b"abc", b"", b"")
    assert Recorded.calls == [(), (5,), (-1,)]


# ---- the answer is not delayed


def test_the_shadow_is_asked_once_the_answer_is_closed() -> None:
    shadow = Shadow()
    body = Mirror(ignoring, shadow)(
        {"PATH_INFO": "/"}, lambda status, headers, exc_info=None, /: lambda chunk: None
    )
    assert list(body) == [b"main"]
    assert shadow.requests.empty()
    body.close()  # type: ignore[attr-defined]
    assert shadow.paths(1) == ["/"]


def test_a_shadow_that_hangs_holds_up_nobody_and_the_queue_is_bounded() -> None:
    entered, released = Event(), Event()

    def hanging(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        entered.set()
        assert released.wait(PATIENCE)
        return shadow(environ, start_response)

    shadow = Shadow()
    mirror = mirrored(hanging, queue=3)
    call(mirror, path="/0")
    assert entered.wait(PATIENCE)
    for number in range(1, 11):
        assert call(mirror, path=f"/{number}").status == 200
    assert mirror.snapshot() == {"mirrored": 1, "failed": 0, "dropped": 7, "waiting": 3}
    released.set()
    assert shadow.paths(4) == ["/0", "/1", "/2", "/3"]


# ---- nor broken


@pytest.mark.parametrize("error", [ValueError("shadow"), SystemExit(3)])
def test_a_shadow_that_raises_is_logged_and_counted(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/fails\n":
            raise error
        return shadow(environ, start_response)

    shadow = Shadow()
    mirror = mirrored(failing)
    assert call(mirror, path="/fails%0a").status == 200
    call(mirror, path="/after")
    assert shadow.paths(1) == ["/after"]
    assert mirror.snapshot() == {"mirrored": 2, "failed": 1, "dropped": 0, "waiting": 0}
    (record,) = caplog.records
    assert record.name == "wsgikit.mounting"
    assert record.getMessage() == "the shadow app failed on '/fails\\n'"


def test_a_thread_that_cannot_be_had_costs_the_copy_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shadow = Shadow()
    mirror = mirrored(shadow)
    with monkeypatch.context() as patched:
        patched.setattr("wsgikit.mounting.background.Thread.start", _no_thread)
        assert call(mirror, path="/1").status == 200
    assert caplog.records[0].getMessage() == "a request could not be mirrored"
    call(mirror, path="/2")
    assert shadow.paths(2) == ["/1", "/2"]


def _no_thread(self: object) -> None:
    raise RuntimeError("can't start new thread")


def test_the_answers_of_the_shadow_are_closed() -> None:
    shadow, closed = Shadow(), Event()

    class Body(list[bytes]):
        def close(self) -> None:
            closed.set()

    def closing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])(b"written")
        return Body([b"shadow"])

    call(mirrored(closing))
    assert closed.wait(PATIENCE)
    assert shadow.requests.empty()


@pytest.mark.parametrize("name", list(awkward_apps))
def test_awkward_apps_come_through_whole(name: str) -> None:
    awkward = expectations[name]
    shadow = Shadow()
    app = lint(Mirror(lint(awkward.app, allow=awkward.breaks), shadow), allow=awkward.breaks)

    def ask() -> Any:
        return call(app, awkward.method, awkward.path, body=awkward.request_body)

    if awkward.raises:
        with pytest.raises(AwkwardError):
            ask()
    else:
        result = ask()
        assert (result.status, result.body) == (awkward.status, awkward.body)
    assert shadow.paths(1) == [awkward.path]


# ---- what is copied


def test_percent_is_exact_over_a_run() -> None:
    shadow = Shadow()
    mirror = Mirror(ignoring, shadow, percent=12.5)
    for number in range(16):
        call(mirror, path=f"/{number}")
    assert len(shadow.paths(2)) == 2
    assert mirror.snapshot()["mirrored"] == 2


def test_percent_0_copies_nothing_and_gives_back_the_apps_own_body() -> None:
    body = [b"body"]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return body

    mirror = Mirror(app, Shadow(), percent=0)
    assert mirror({}, lambda status, headers, exc_info=None, /: body.append) is body
    assert mirror.snapshot()["mirrored"] == 0


def test_methods_can_be_narrowed() -> None:
    shadow = Shadow()
    mirror = mirrored(shadow, methods=("GET", "HEAD"))
    call(mirror, "POST", "/post", body=b"x")
    call(mirror, path="/get")
    assert shadow.paths(1) == ["/get"]


@pytest.mark.parametrize("body", [b"12345", [b"123", b"45"]])
def test_a_body_above_max_body_is_dropped_and_counted(body: Any) -> None:
    shadow = Shadow()
    mirror = mirrored(shadow, max_body=4)
    assert call(mirror, "POST", body=body).body == b"main 12345"
    call(mirror, "POST", "/small", body=b"1234")
    assert shadow.paths(1) == ["/small"]
    assert mirror.snapshot()["dropped"] == 1


def test_a_body_that_the_app_left_is_dropped_and_counted() -> None:
    mirror = mirrored(Shadow(), ignoring)
    for body in (b"body", [b"bo", b"dy"]):
        assert call(mirror, "POST", body=body).text == "main"
    assert mirror.snapshot()["dropped"] == 2


def test_asking_for_nothing_is_not_reading_to_the_end() -> None:
    tee = Tee(io.BytesIO(b"abc"), 10)
    assert (tee.read(0), tee.readline(0), tee.whole("")) == (b"", b"", None)
    assert (tee.read(5), tee.whole("")) == (b"abc", None)
    assert (tee.read(5), tee.whole("")) == (b"", b"abc")


def test_a_server_that_calls_every_input_terminated_has_its_gets_copied() -> None:
    """gunicorn does so for requests without a body."""
    shadow = Shadow()
    call(mirrored(shadow, ignoring), path="/get", environ={"wsgi.input_terminated": True})
    assert shadow.paths(1) == ["/get"]


# ---- processes, and as a component


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_its_own_thread_and_counters() -> None:
    shadow = Shadow()
    mirror = mirrored(shadow)
    child = os.fork()  # before the first request: a thread of this process would not be there in the other
    if child == 0:
        try:
            call(mirror, path="/child")
            path = shadow.seen()[0]["PATH_INFO"]
            os._exit(0 if path == "/child" and mirror.snapshot()["mirrored"] == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert mirror.snapshot()["mirrored"] == 0


def test_options_repr_pickle_and_children() -> None:
    mirror = Mirror(main, ignoring, percent=5, methods=["GET"])
    assert mirror.options() == {"percent": 5, "methods": ["GET"]}
    assert repr(mirror) == "Mirror(percent=5, methods=['GET'])"
    assert pickle.loads(pickle.dumps(mirror)) == mirror
    assert list(mirror.children()) == [("app", main), ("shadow", ignoring)]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"shadow": None}, TypeError, "Mirror: shadow=None"),
        ({"percent": 101}, ValueError, "Mirror: percent=101 will not do: a number from 0 to 100"),
        ({"percent": "5"}, TypeError, "Mirror: percent='5'"),
        ({"percent": float("nan")}, ValueError, "Mirror: percent=nan"),
        ({"queue": 0}, ValueError, "Mirror: queue=0"),
        ({"queue": "many"}, TypeError, "Mirror: queue='many'"),
        ({"methods": "GET"}, TypeError, "Mirror: methods='GET'"),
        ({"methods": ["get"]}, ValueError, "Mirror: methods='get'"),
        ({"max_body": -1}, ValueError, "Mirror: max_body=-1"),
        ({"percents": 5}, TypeError, "did you mean 'percent'"),
    ],
)
def test_a_wrong_option_is_named(options: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Mirror(main, **{"shadow": ignoring, **options})
