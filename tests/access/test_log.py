"""AccessLog: one line for each request, when it is over, whatever happened."""

from __future__ import annotations

import copy
import gc
import io
import json
import logging
import mmap
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgikit.access.log import AccessLog
from wsgikit.access.requestid import RequestId
from wsgikit.access.trust import TrustedProxies
from wsgikit.core.condition import Condition
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.responses.cache.layer import Cache
from wsgikit.routing import Route, Router
from wsgikit.testing import AwkwardError, ScriptedUpstream, call, expectations, lint

OK = [("Content-Type", "text/plain")]


def hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", list(OK))
    return [b"hello"]


class Log(list[str]):
    """The lines of a json log, read."""

    def layer(self, app: Any, **options: Any) -> AccessLog:
        return AccessLog(app, "json", to=self.append, **options)

    @property
    def only(self) -> dict[str, Any]:
        (line,) = self
        entry: dict[str, Any] = json.loads(line)
        return entry


@pytest.fixture
def log() -> Log:
    return Log()


def status_and_size(log: Log) -> tuple[int, int]:
    entry = log.only
    return entry["http.response.status_code"], entry["http.response.body.size"]


# --- when, and what


def test_the_line_comes_with_close_and_not_before(log: Log) -> None:
    body = log.layer(hello)({"REQUEST_METHOD": "GET"}, lambda *_: None)  # type: ignore[arg-type]
    assert b"".join(body) == b"hello"
    assert log == []
    body.close()  # type: ignore[attr-defined]
    body.close()  # type: ignore[attr-defined]
    assert status_and_size(log) == (200, 5)


# What each awkward app's line has to say: the status the client saw, and the bytes handed to the server.
@pytest.mark.parametrize("case", expectations.values(), ids=lambda case: case.name)
def test_each_awkward_app_gives_one_line(log: Log, case: Any) -> None:
    app = log.layer(case.app)
    answer = None
    try:
        answer = call(app, case.method, case.path, body=case.request_body)
    except AwkwardError:
        assert case.raises
    status, size = status_and_size(log)
    assert status in range(100, 600)
    if answer is not None:
        assert status == answer.status
        assert size == (0 if case.method == "HEAD" or status in (204, 304) else len(answer.body))
    else:
        assert log.only["error.type"] == "AwkwardError"
        assert size == len(case.body)
        assert status == (case.status if case.body else 500)


def test_an_app_that_raises_before_anything_is_a_500(log: Log) -> None:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        raise KeyError("x")

    with pytest.raises(KeyError):
        call(log.layer(broken))
    assert status_and_size(log) == (500, 0)
    assert log.only["error.type"] == "KeyError"


def test_an_app_that_raises_in_its_first_chunk_is_a_500(log: Log) -> None:
    def broken(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b""
        raise KeyError("x")

    with pytest.raises(KeyError):
        call(log.layer(broken))
    assert status_and_size(log) == (500, 0)


def test_an_app_that_returns_none_stays_an_error_and_is_a_500(log: Log) -> None:
    def forgets(environ: Any, start_response: Any) -> None:
        start_response("200 OK", [])

    with pytest.raises(TypeError):
        call(log.layer(forgets))
    assert status_and_size(log) == (500, 0)


@pytest.mark.parametrize("status", ["302 Found", "204 No Content"])
def test_a_close_that_fails_comes_after_the_status(log: Log, status: str) -> None:
    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b""])

        def close(self) -> None:
            raise OSError("late")

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, [])
        return Body()

    with pytest.raises(OSError, match="late"):
        call(log.layer(app))
    assert status_and_size(log) == (int(status[:3]), 0)
    assert log.only["error.type"] == "OSError"


def test_an_app_that_raises_later_has_shown_its_status(log: Log) -> None:
    def broken(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"abc"
        raise KeyError("x")

    with pytest.raises(KeyError):
        call(log.layer(broken))
    assert status_and_size(log) == (200, 3)
    assert log.only["error.type"] == "KeyError"


def test_the_status_is_the_last_one_that_was_in_time(log: Log) -> None:
    def changes_its_mind(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        try:
            raise KeyError("x")
        except KeyError:
            start_response("503 Service Unavailable", [], sys.exc_info())
        return [b"sorry"]

    assert call(log.layer(changes_its_mind)).status == 503
    assert status_and_size(log) == (503, 5)


def test_a_replacement_that_came_too_late_is_not_logged(log: Log) -> None:
    def too_late(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"abc"
        try:
            raise KeyError("x")
        except KeyError:
            start_response("500 Internal Server Error", [], sys.exc_info())

    with pytest.raises(KeyError):
        call(log.layer(too_late))
    assert status_and_size(log) == (200, 3)


def test_an_app_that_never_answers_is_a_500(log: Log) -> None:
    body = log.layer(lambda environ, start_response: [])({}, lambda *_: None)  # type: ignore[arg-type]
    body.close()  # type: ignore[attr-defined]
    assert status_and_size(log) == (500, 0)


def test_bytes_through_write_count(log: Log) -> None:
    def writes(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        write(b"ab")
        write(b"")
        return [b"cde"]

    assert call(log.layer(writes)).body == b"abcde"
    assert status_and_size(log) == (200, 5)
    assert log.only["ttfb"] <= log.only["duration"]


def test_a_client_that_leaves_early_is_logged_with_what_it_took(log: Log) -> None:
    def endless(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        while True:
            yield b"abc"

    call(log.layer(endless), stop_after=4)
    assert status_and_size(log) == (200, 12)


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 No")]
)
def test_an_answer_without_a_body_has_none(log: Log, method: str, status: str) -> None:
    def wrong(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, [])
        return [b"not sent"]

    call(log.layer(wrong), method)
    assert status_and_size(log) == (int(status[:3]), 0)


def test_times_are_of_the_body_too(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    from wsgikit.access import exchange
    from wsgikit.core import body

    now = [10.0]
    monkeypatch.setattr(exchange, "perf_counter", lambda: now[0])
    monkeypatch.setattr(body, "perf_counter", lambda: now[0])

    def slow(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        now[0] += 0.5
        yield b"first"
        now[0] += 2
        yield b"second"

    call(log.layer(slow))
    assert (log.only["ttfb"], log.only["duration"]) == (0.5, 2.5)


def test_the_servers_file_wrapper_stays_one(log: Log) -> None:
    def file(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 100), 10)
        return wrapped

    body = log.layer(file)({"wsgi.file_wrapper": FileWrapper}, lambda *_: None)  # type: ignore[arg-type]
    assert isinstance(body, FileWrapper)
    assert b"".join(body) == b"x" * 100
    body.close()
    assert status_and_size(log) == (200, 100)


@pytest.mark.parametrize(
    ("announced", "sent"), [("30", 30), ("100", 90), ("", 90), ("junk", 90), ("9" * 5000, 90)]
)
def test_a_file_that_the_server_sends_itself_counts_as_far_as_it_is_announced(
    log: Log, announced: str, sent: int
) -> None:
    """As gunicorn and waitress do with sendfile: no byte passes by here."""

    def part(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("206 Partial Content", [("Content-Length", announced)])
        file = io.BytesIO(b"x" * 100)
        file.seek(10)
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
        return wrapped

    body = log.layer(part)({"wsgi.file_wrapper": FileWrapper}, lambda *_: None)  # type: ignore[arg-type]
    body.close()  # type: ignore[attr-defined]
    assert status_and_size(log) == (206, sent)


def test_a_list_keeps_its_length(log: Log) -> None:
    body = log.layer(hello)({}, lambda *_: None)  # type: ignore[arg-type]
    assert len(body) == 1  # type: ignore[arg-type]


def test_it_is_right_between_two_lints(log: Log) -> None:
    assert call(lint(log.layer(lint(hello)))).status == 200
    assert status_and_size(log) == (200, 5)


def test_a_request_leaves_no_cycle_behind(log: Log) -> None:
    layer = log.layer(hello)
    call(layer)
    gc.collect()
    gc.disable()
    try:
        body = layer({"REQUEST_METHOD": "GET"}, lambda *_: None)  # type: ignore[arg-type]
        list(body)
        body.close()  # type: ignore[attr-defined]
        del body
        assert gc.collect() == 0
    finally:
        gc.enable()


def raises(environ: Any, start_response: Any) -> Iterable[bytes]:
    raise KeyError("x")


def raises_later(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"a"
    raise KeyError("x")


@pytest.mark.parametrize("app", [raises, raises_later])
def test_a_request_that_failed_leaves_no_cycle_behind(log: Log, app: Any) -> None:
    layer = log.layer(app)

    def ask() -> None:
        try:
            body = layer({"REQUEST_METHOD": "GET"}, lambda *_: None)  # type: ignore[arg-type]
            try:
                list(body)
            finally:
                body.close()  # type: ignore[attr-defined]
        except KeyError:
            pass

    ask()
    gc.collect()
    gc.disable()
    try:
        ask()
        assert gc.collect() == 0
    finally:
        gc.enable()


# --- who asked, and for what


def test_the_client_is_the_one_that_trusted_proxies_verified(log: Log) -> None:
    layer = log.layer(TrustedProxies(hello, "private"))
    call(layer, headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"}, environ={"REMOTE_ADDR": "10.0.0.1"})
    entry = log.only
    assert (entry["client.address"], entry["network.peer.address"]) == ("203.0.113.9", "10.0.0.1")


def test_the_peer_is_known_also_behind_werkzeugs_own_proxyfix(log: Log) -> None:
    layer = log.layer(ProxyFix(hello))
    call(layer, headers={"X-Forwarded-For": "203.0.113.9"}, environ={"REMOTE_ADDR": "10.0.0.1"})
    entry = log.only
    assert (entry["client.address"], entry["network.peer.address"]) == ("203.0.113.9", "10.0.0.1")


def test_a_forged_address_is_nowhere(log: Log) -> None:
    layer = log.layer(TrustedProxies(hello, "private"))
    call(layer, headers={"X-Forwarded-For": "6.6.6.6"}, environ={"REMOTE_ADDR": "203.0.113.9"})
    assert "6.6.6.6" not in log[0]
    assert log.only["client.address"] == "203.0.113.9"


def test_the_request_is_the_one_that_came_in_whatever_inner_layers_did(log: Log) -> None:
    def meddles(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ.update(PATH_INFO="/other", SCRIPT_NAME="/x", QUERY_STRING="z=1", REQUEST_METHOD="POST")
        environ.pop("RAW_URI", None)
        environ.pop("REQUEST_URI", None)
        return hello(environ, start_response)

    call(log.layer(meddles), "GET", "/shop?a=1")
    entry = log.only
    assert (entry["http.request.method"], entry["url.path"], entry["url.query"]) == ("GET", "/shop", "a=1")


def test_the_request_id_is_seen_through_copies_of_environ(log: Log) -> None:
    def copies(environ: Any, start_response: Any) -> Iterable[bytes]:
        return RequestId(hello)(dict(environ), start_response)

    answer = call(log.layer(copies))
    assert log.only["request.id"] == answer.header("X-Request-Id")


def test_notes_of_inner_layers_and_apps_are_printed(log: Log) -> None:
    def tags(environ: Any, start_response: Any) -> Iterable[bytes]:
        inner = dict(environ)
        inner["wsgikit.notes"]["cache"] = "hit"
        return hello(inner, start_response)

    call(log.layer(tags))
    assert log.only["cache"] == "hit"


def test_notes_of_outer_layers_are_kept(log: Log) -> None:
    notes = {"tenant": "a"}
    call(log.layer(hello), environ={"wsgikit.notes": notes})
    assert log.only["tenant"] == "a"


def test_proxy_cache_and_routes_are_in_the_line(log: Log) -> None:
    with ScriptedUpstream() as upstream:
        proxy = ReverseProxy(upstream.url)
        app = log.layer(Cache(Router([Route("/<name>", proxy)])))
        call(app, path="/a")
        proxy.close()
    assert log.only["upstream"] == upstream.url
    assert log.only["upstream_time"] > 0
    assert log.only["cache"] == "miss"


def test_secrets_are_hidden_unless_told(log: Log) -> None:
    call(log.layer(hello), path="/?password=x&a=1")
    assert log.only["url.query"] == "password=[redacted]&a=1"
    log.clear()
    call(log.layer(hello, redact=()), path="/?password=x")
    assert log.only["url.query"] == "password=x"


# --- which requests


class PathIs(Condition):
    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, environ: Any) -> bool:
        return bool(environ["PATH_INFO"] == self.path)


class ClientIs(Condition):
    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(self, environ: Any) -> bool:
        return bool(environ["REMOTE_ADDR"] == self.address)


def is_error(environ: Any, status: int) -> bool:
    return status >= 400


@pytest.mark.parametrize(
    ("options", "logged"),
    [
        ({}, ["/", "/health", "/shop"]),
        ({"skip": "/health"}, ["/", "/shop"]),
        ({"skip": ["/health", "/"]}, ["/shop"]),
        ({"skip": []}, ["/", "/health", "/shop"]),
        ({"only": "/shop"}, ["/shop"]),
        ({"only": ["/shop", "/health"], "skip": "/health"}, ["/shop"]),
        ({"skip": PathIs("/shop")}, ["/", "/health"]),
        ({"skip": ~PathIs("/shop")}, ["/shop"]),
        ({"only": PathIs("/shop") | PathIs("/")}, ["/", "/shop"]),
        ({"only": lambda environ, status: environ["PATH_INFO"] == "/"}, ["/"]),
        ({"skip": is_error}, ["/", "/health", "/shop"]),
        ({"only": is_error}, []),
        ({"sample": 0.0}, []),
        ({"sample": 1}, ["/", "/health", "/shop"]),
    ],
)
def test_skip_only_and_sample_choose(log: Log, options: dict[str, Any], logged: list[str]) -> None:
    layer = log.layer(hello, **options)
    for path in ("/", "/health", "/shop"):
        assert call(layer, path=path).body == b"hello"
    assert [json.loads(line)["url.path"] for line in log] == logged


def test_a_path_is_the_whole_path(log: Log) -> None:
    call(log.layer(hello, skip="/app/health"), path="/health", environ={"SCRIPT_NAME": "/app"})
    assert log == []


def test_a_condition_sees_the_verified_client(log: Log) -> None:
    layer = log.layer(TrustedProxies(hello, "private"), skip=ClientIs("203.0.113.9"))
    call(layer, headers={"X-Forwarded-For": "203.0.113.9"}, environ={"REMOTE_ADDR": "10.0.0.1"})
    assert log == []


def test_a_choice_changes_nothing_in_the_line() -> None:
    lines: list[str] = []
    for skip in (None, "/none"):
        layer = AccessLog(TrustedProxies(hello, "private"), "%(var.REMOTE_ADDR)", to=lines.append, skip=skip)
        call(layer, headers={"X-Forwarded-For": "203.0.113.9"}, environ={"REMOTE_ADDR": "10.0.0.1"})
    assert lines == ["10.0.0.1", "10.0.0.1"]


def test_a_choice_can_be_made_by_the_notes(log: Log) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["wsgikit.notes"]["cache"] = environ["PATH_INFO"][1:]
        return hello(environ, start_response)

    layer = log.layer(app, skip=lambda environ, status: environ["wsgikit.notes"]["cache"] == "hit")
    for path in ("/hit", "/miss"):
        call(layer, path=path)
    assert log.only["cache"] == "miss"


def test_a_path_is_found_as_people_write_it(log: Log) -> None:
    call(log.layer(hello, skip="/café"), path="/caf%C3%A9")
    assert log == []


@pytest.mark.parametrize(
    ("options", "logged"),
    [
        ({"slow": 1}, ["/slow"]),
        ({"slow": "1s"}, ["/slow"]),
        ({"slow": "1500ms"}, ["/slow"]),
        ({"slow": 2.5}, []),
        ({"slow": 0}, ["/quick", "/slow", "/failed"]),
        ({"slow": "1s", "only": is_error}, ["/slow", "/failed"]),
        ({"slow": "1s", "skip": "/slow"}, []),
        ({"slow": "1s", "skip": "/slow", "only": is_error}, ["/failed"]),
        ({"slow": "1s", "sample": 0.0}, []),
    ],
)
def test_slow_ones_are_written_beside_those_that_are_picked(
    log: Log, options: dict[str, Any], logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from wsgikit.access import exchange

    now = [10.0]
    monkeypatch.setattr(exchange, "perf_counter", lambda: now[0])

    def works(environ: Any, start_response: Any) -> Iterable[bytes]:
        now[0] += 2 if environ["PATH_INFO"] == "/slow" else 0
        start_response("500 Oh" if environ["PATH_INFO"] == "/failed" else "200 OK", [])
        return []

    for path in ("/quick", "/slow", "/failed"):
        call(log.layer(works, **options), path=path)
    assert [json.loads(line)["url.path"] for line in log] == logged


def test_memory_that_a_request_took_can_be_printed() -> None:
    lines: list[str] = []
    kept: list[mmap.mmap] = []

    def grows(environ: Any, start_response: Any) -> Iterable[bytes]:
        kept.append(mmap.mmap(-1, 16 << 20))  # not from what Python has to spare
        kept[0].write(b"x" * (16 << 20))
        return hello(environ, start_response)

    call(AccessLog(grows, "%(rss_delta) %(rss)", to=lines.append))
    delta, rss = map(int, lines[0].split())
    assert 12 << 20 < delta <= rss


def test_memory_is_in_the_line_where_it_is_asked_for(log: Log) -> None:
    call(log.layer(hello, memory=True))
    assert log.only["rss"] > 1 << 20
    assert abs(log.only["rss_delta"]) < 64 << 20
    assert list(log.only)[-2:] == ["rss", "rss_delta"]
    log.clear()
    call(AccessLog(hello, "logfmt", to=log.append, memory=True))
    assert re.search(r" rss=\d+ rss_delta=-?\d+$", log[0])
    log.clear()
    call(AccessLog(hello, "uwsgi", to=log.append, memory=True))
    assert re.match(
        r"\{address space usage: \d+ bytes/\d+MB\} \{rss usage: \d+ bytes/\d+MB\} \[pid: ", log[0]
    )


def test_a_sample_is_drawn(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    from wsgikit.access import log as module

    draws = iter([0.1, 0.9, 0.49, 0.5])
    monkeypatch.setattr(module, "random", lambda: next(draws))
    layer = log.layer(hello, sample=0.5)
    for path in ("/1", "/2", "/3", "/4"):
        call(layer, path=path)
    assert [json.loads(line)["url.path"] for line in log] == ["/1", "/3"]


def test_a_rule_inside_can_skip_the_line(log: Log) -> None:
    def quiet(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["wsgikit.notes"]["skip_log"] = True
        return hello(environ, start_response)

    call(log.layer(quiet))
    assert log == []


# --- a log that fails


def test_a_failing_sink_never_breaks_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    def full(line: str) -> None:
        raise OSError("no space left")

    layer = AccessLog(hello, to=full)
    with caplog.at_level(logging.WARNING, "wsgikit.access"):
        for _ in range(3):
            assert call(layer).body == b"hello"
    assert layer.dropped == 3
    assert [record.getMessage() for record in caplog.records] == [
        "access log: a line was lost: OSError: no space left"
    ]


def test_a_failing_skip_loses_no_line(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "wsgikit.access"):
        call(log.layer(hello, skip=lambda environ, status: 1 / 0))
    assert status_and_size(log) == (200, 5)
    assert "ZeroDivisionError" in caplog.text


def test_a_complaint_holds_no_byte_of_a_strangers(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    def fails(environ: Any, status: int) -> bool:
        raise ValueError(environ["PATH_INFO"])

    call(log.layer(hello, skip=fails), environ={"PATH_INFO": "/a\nforged: \x1b[31m"})
    (record,) = caplog.records
    assert record.getMessage() == r"access log: skip or only: ValueError: /a\x0aforged: \x1b[31m"


def test_what_a_server_got_wrong_loses_the_line_and_not_the_answer() -> None:
    layer = AccessLog(hello, to=list[str]().append)
    assert call(layer, environ={"REMOTE_ADDR": 7}).body == b"hello"
    assert layer.dropped == 1


# --- as a component


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"format": "jsn"}, ValueError, "did you mean 'json'"),
        ({"sample": 2}, ValueError, "sample=2"),
        ({"sample": "all"}, TypeError, "sample='all'"),
        ({"skip": 7}, TypeError, "skip=7"),
        ({"skip": [7]}, TypeError, "skip=7"),
        ({"skip": [["/health"]]}, TypeError, r"skip=\['/health'\]"),
        ({"memory": "yes"}, TypeError, "memory='yes'"),
        ({"memory": True}, ValueError, "memory=True .* json, logfmt or uwsgi"),
        ({"memory": True, "format": "%(addr)"}, ValueError, r"%\(rss\)"),
        ({"skip": "health"}, ValueError, "starts with a slash"),
        ({"only": b"/"}, TypeError, "only=b'/'"),
        ({"redact": "password"}, TypeError, "redact='password'"),
        ({"queue": 0}, ValueError, "queue=0"),
        ({"queue": "1"}, TypeError, "queue='1'"),
        ({"to": 7}, TypeError, "to=7"),
        ({"too": "stderr"}, TypeError, "did you mean 'to'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        AccessLog(hello, **options)


def test_it_pickles_and_copies_with_its_options() -> None:
    layer = AccessLog(hello, "json", to="logger:x", skip=["/health"], sample=0.5, redact=["a"], queue=10)
    call(layer)
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert twin.options() == layer.options()
    assert layer.queue == 10
    assert "format='json'" in repr(layer)
