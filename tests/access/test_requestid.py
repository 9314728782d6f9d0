"""RequestId: one id, everywhere the same."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.access.requestid import RequestId, RequestIdFilter, current
from wsgikit.access.trust import TrustedProxies
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import ScriptedUpstream, call


def shows(environ: Any, start_response: Any) -> Iterable[bytes]:
    assert environ["HTTP_X_REQUEST_ID"] == environ["wsgikit.request_id"] == current()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgikit.request_id"].encode()]


def test_the_app_the_client_and_outer_layers_see_the_same() -> None:
    environ: dict[str, Any] = {"wsgikit.notes": {}}
    answer = call(RequestId(shows), environ=environ)
    assert answer.header("X-Request-Id") == answer.text == environ["wsgikit.notes"]["request.id"]


@pytest.mark.parametrize(
    ("trust", "peer", "sent", "kept"),
    [
        ("private", "10.0.0.1", "abc-123", True),
        ("private", "10.0.0.1", "0192f3e0-0000-7000-8000-000000000000", True),
        ("private", "10.0.0.1", "a/b+c=d:e~f@g._-", True),
        ("private", "10.0.0.1", "x" * 128, True),
        ("private", "203.0.113.9", "abc-123", False),
        (None, "10.0.0.1", "abc-123", False),
        ("unix", "", "abc-123", True),
        ("loopback", "", "abc-123", False),
        ("private", "10.0.0.1", "x" * 129, False),
        ("private", "10.0.0.1", "", False),
        ("private", "10.0.0.1", "a b", False),
        ("private", "10.0.0.1", "a\r\nSet-Cookie: x", False),
        ("private", "10.0.0.1", "<script>", False),
        ("private", "10.0.0.1", "é", False),
        ("private", "10.0.0.1", "abc\n", False),
    ],
)
def test_an_id_is_kept_when_well_formed_and_from_a_trusted_peer(
    trust: Any, peer: str, sent: str, kept: bool
) -> None:
    answer = call(RequestId(shows, trust=trust), environ={"HTTP_X_REQUEST_ID": sent, "REMOTE_ADDR": peer})
    assert (answer.text == sent) is kept
    assert answer.header("X-Request-Id") == answer.text


@pytest.mark.parametrize(("peer", "kept"), [("10.0.0.1", True), ("203.0.113.7", False)])
def test_behind_trusted_proxies_the_true_peer_is_asked_about(peer: str, kept: bool) -> None:
    layer = TrustedProxies(RequestId(shows, trust="private"), ["10.0.0.0/8", "203.0.113.7"])
    answer = call(
        layer,
        headers={"X-Forwarded-For": "10.9.9.9" if not kept else "203.0.113.9", "X-Request-Id": "abc"},
        environ={"REMOTE_ADDR": peer},
    )
    assert (answer.text == "abc") is kept


def test_an_id_of_the_apps_own_is_replaced_in_place() -> None:
    def own(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("x-request-id", "mine"), ("A", "b"), ("X-Request-ID", "again")])
        return []

    answer = call(RequestId(own))
    assert [name for name, _ in answer.headers] == ["X-Request-Id", "A"]
    assert answer.header("X-Request-Id") == current()


def test_another_header_takes_its_place() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["HTTP_X_CORRELATION_ID"].encode()]

    answer = call(RequestId(app, header="X-Correlation-Id"))
    assert answer.header("X-Correlation-Id") == answer.text
    assert answer.header("X-Request-Id") is None


def test_environ_of_the_outer_layers_keeps_its_header() -> None:
    environ = {"HTTP_X_REQUEST_ID": "theirs"}
    RequestId(lambda environ, start_response: [])(environ, lambda *_: None)  # type: ignore[arg-type]
    assert environ["HTTP_X_REQUEST_ID"] == "theirs"
    assert "wsgikit.request_id" not in environ


def test_the_body_is_the_apps_own_object() -> None:
    body = [b"x"]
    assert RequestId(lambda environ, start_response: body)({}, lambda *_: None) is body  # type: ignore[arg-type]


def test_generator_bodies_and_threads_have_their_own() -> None:
    barrier = threading.Barrier(4)

    def streams(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(3):
            barrier.wait(10)
            yield current().encode() + b" "

    answers: list[Any] = []
    layer = RequestId(streams)
    threads = [threading.Thread(target=lambda: answers.append(call(layer))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.text for answer in answers}) == 4
    assert all(answer.text.split() == [answer.header("X-Request-Id")] * 3 for answer in answers)


def test_log_records_carry_it() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "", (), None)
    call(RequestId(shows))
    assert RequestIdFilter().filter(record)
    assert record.request_id == current() != ""  # type: ignore[attr-defined]
    other = logging.LogRecord("x", logging.INFO, "", 0, "", (), None)
    thread = threading.Thread(target=RequestIdFilter().filter, args=(other,))
    thread.start()
    thread.join()
    assert other.request_id == "-"  # type: ignore[attr-defined]


def test_one_inside_another_keeps_the_id_it_finds() -> None:
    inner = RequestId(shows, header="X-Request-ID")
    answer = call(RequestId(inner, header="X-Correlation-Id"), headers={"X-Request-Id": "forged"})
    assert answer.text == answer.header("X-Request-Id") == answer.header("X-Correlation-Id") == current()


def test_greenlets_have_their_own() -> None:
    """Generator bodies that take turns in one thread, under gevent's own server."""
    pytest.importorskip("gevent")
    code = """
from gevent import monkey; monkey.patch_all()
import gevent, logging, urllib.request
from gevent.pywsgi import WSGIServer
from wsgikit.access.requestid import RequestId, RequestIdFilter, current

def streams(environ, start_response):
    start_response("200 OK", [])
    for _ in range(3):
        gevent.sleep(0.005)
        record = logging.makeLogRecord({})
        RequestIdFilter().filter(record)
        assert record.request_id == current()
        yield (current() + " ").encode()

server = WSGIServer(("127.0.0.1", 0), RequestId(streams), log=None)
server.start()

def ask():
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=10) as answer:
        return answer.headers["X-Request-Id"], answer.read().decode().split()

jobs = [gevent.spawn(ask) for _ in range(8)]
gevent.joinall(jobs, timeout=20, raise_error=True)
ids = {job.value[0] for job in jobs}
assert len(ids) == 8 and all(job.value[1] == [job.value[0]] * 3 for job in jobs), [job.value for job in jobs]
print("ok")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "ok\n", done.stderr


# --- W3C Trace Context

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


def traced(environ: dict[str, Any], **options: Any) -> dict[str, Any]:
    """What the app gets of both headers, and what the notes say."""
    seen: dict[str, Any] = {}

    def app(inner: Any, start_response: Any) -> Iterable[bytes]:
        seen.update({key: inner[key] for key in inner if key.startswith("HTTP_TRACE")})
        start_response("200 OK", [])
        return []

    notes: dict[str, Any] = {}
    call(RequestId(app, **options), environ={"REMOTE_ADDR": "10.0.0.1", "wsgikit.notes": notes, **environ})
    return seen | {key: value for key, value in notes.items() if key != "request.id"}


def test_the_trace_of_a_trusted_peer_goes_on() -> None:
    seen = traced({"HTTP_TRACEPARENT": TRACEPARENT, "HTTP_TRACESTATE": "a=1,b@c=2"}, trust="private")
    assert seen["trace_id"] == TRACE
    assert seen["parent_id"] == PARENT != seen["span_id"]
    assert seen["HTTP_TRACEPARENT"] == f"00-{TRACE}-{seen['span_id']}-01"
    assert seen["HTTP_TRACESTATE"] == "a=1,b@c=2"


@pytest.mark.parametrize("trust", [None, "loopback"])
def test_the_trace_of_a_stranger_ends(trust: Any) -> None:
    assert traced({"HTTP_TRACEPARENT": TRACEPARENT, "HTTP_TRACESTATE": "a=1"}, trust=trust) == {}


def test_a_malformed_trace_takes_its_state_with_it() -> None:
    assert traced({"HTTP_TRACEPARENT": "00-x", "HTTP_TRACESTATE": "a=1"}, trust="private") == {}
    assert traced({"HTTP_TRACESTATE": "a=1"}, trust="private") == {}


def test_a_malformed_state_goes_alone() -> None:
    seen = traced({"HTTP_TRACEPARENT": TRACEPARENT, "HTTP_TRACESTATE": "no pair"}, trust="private")
    assert seen.keys() == {"HTTP_TRACEPARENT", "trace_id", "span_id", "parent_id"}


def test_no_trace_is_begun() -> None:
    assert traced({}, trust="private") == {}


def test_the_outer_environ_keeps_its_trace() -> None:
    environ = {"HTTP_TRACEPARENT": TRACEPARENT, "REMOTE_ADDR": "10.0.0.1"}
    RequestId(lambda environ, start_response: [], trust="private")(environ, lambda *_: None)  # type: ignore[arg-type]
    assert environ["HTTP_TRACEPARENT"] == TRACEPARENT


def test_one_inside_another_leaves_the_trace_as_it_is() -> None:
    spans: list[str] = []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        spans.append(environ["HTTP_TRACEPARENT"].split("-")[2])
        spans.append(environ["wsgikit.notes"]["span_id"])
        start_response("200 OK", [])
        return []

    layer = RequestId(RequestId(app), trust="private")
    call(layer, environ={"HTTP_TRACEPARENT": TRACEPARENT, "REMOTE_ADDR": "10.0.0.1"})
    assert spans[0] == spans[1] != PARENT


def test_log_records_carry_the_trace_and_the_next_request_has_none() -> None:
    found: list[Any] = []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        record = logging.makeLogRecord({})
        RequestIdFilter().filter(record)
        found.append(record.trace_id)
        start_response("200 OK", [])
        return []

    layer = RequestId(app, trust="private")
    call(layer, environ={"HTTP_TRACEPARENT": TRACEPARENT, "REMOTE_ADDR": "10.0.0.1"})
    call(layer, environ={"REMOTE_ADDR": "10.0.0.1"})
    assert found == [TRACE, "-"]


def test_a_reverse_proxy_sends_both_on() -> None:
    with ScriptedUpstream() as upstream:
        proxy = ReverseProxy(upstream.url)
        call(
            RequestId(proxy, trust="private"),
            environ={
                "HTTP_TRACEPARENT": TRACEPARENT,
                "HTTP_TRACESTATE": "a=1",
                "HTTP_X_REQUEST_ID": "r1",
                "REMOTE_ADDR": "10.0.0.1",
            },
        )
        proxy.close()
    (received,) = upstream.requests
    assert (received.header("traceparent") or "").startswith(f"00-{TRACE}-")
    assert PARENT not in (received.header("traceparent") or "")
    assert received.header("tracestate") == "a=1"
    assert received.header("x-request-id") == "r1"


@given(st.text())
def test_no_sent_text_gets_into_an_answer_unless_well_formed(sent: str) -> None:
    answer = call(
        RequestId(shows, trust="private"), environ={"HTTP_X_REQUEST_ID": sent, "REMOTE_ADDR": "10.0.0.1"}
    )
    found = answer.header("X-Request-Id") or ""
    assert re.fullmatch(r"[A-Za-z0-9._~+/=:@-]{1,128}", found)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"header": "X Request"}, ValueError, "RequestId: header='X Request'"),
        ({"header": 7}, TypeError, "header=7"),
        ({"trust": "privat"}, ValueError, "RequestId: trust='privat' .* did you mean 'private'"),
        ({"trusted": "private"}, TypeError, "did you mean 'trust'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        RequestId(shows, **options)
