"""Through a real socket to a backend that does as it is told."""

from __future__ import annotations

import copy
import gc
import io
import logging
import pickle
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.core.input import TooLarge
from wsgikit.forwarding.errors import BrokenAnswer, ForwardingError, TimedOut
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.upstream import Upstream
from wsgikit.testing import ScriptedUpstream, build_environ, call, cues, lint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.forwarding.conftest import Proxied

    Make = Callable[..., Proxied]


def started(proxy: ReverseProxy, environ: dict[str, Any]) -> tuple[list[Any], Any]:
    """The head that the server is given, and the body before anything is taken from it."""
    head: list[Any] = []
    body = proxy(
        environ, lambda status, headers, exc_info=None: head.extend([status, headers]) or (lambda _: None)
    )
    return head, body


# ---- the plain exchange


def test_an_answer_comes_through(proxied: Make) -> None:
    one = proxied(
        cues.answer("200 Fine", [("X-One", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b"hello")
    )
    result = one.call(path="/a%2Fb?c=d", headers={"Accept": "text/html"})
    assert (result.status, result.reason, result.body) == (200, "Fine", b"hello")
    assert result.header("X-One") == "1"
    assert result.header("Content-Length") == "5"
    assert result.all("Set-Cookie") == ["a=1", "b=2"]
    assert one.upstream.requests[0].target == "/a%2Fb?c=d"
    assert one.upstream.requests[0].header("Accept") == "text/html"


def test_a_small_answer_is_a_list_of_one_chunk(proxied: Make) -> None:
    _, body = started(proxied(cues.raw(cues.OK)).proxy, build_environ())
    assert body == [b"ok"]


def test_host_is_the_upstreams_the_clients_or_a_literal(proxied: Make) -> None:
    for host, sent in (
        ("upstream", None),
        ("client", "site.example:81"),
        ("other.example", "other.example"),
    ):
        one = proxied(host=host)
        one.call(headers={"Host": "site.example:81"})
        own = one.upstream.url.removeprefix("http://")
        assert one.upstream.requests[0].header("Host") == (sent or own)


def test_too_many_interim_answers_in_one_piece_are_a_502(proxied: Make) -> None:
    assert proxied(cues.raw(b"HTTP/1.1 102 Processing\r\n\r\n" * 40 + cues.OK)).call().status == 502


def test_via_is_put_on_both_messages_on_demand(proxied: Make) -> None:
    one = proxied(cues.answer(headers=[("Via", "1.1 inner")], body=b"ok"), via="edge")
    assert one.call().all("Via") == ["1.1 inner", "1.1 edge"]
    assert one.upstream.requests[0].header("Via") == "1.1 edge"


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("body", [b"", b"hello", b"x" * 300_000])
def test_bodies_of_every_framing_come_through(proxied: Make, framing: Any, body: bytes) -> None:
    one = proxied(cues.answer(body=[body] if body else b"", framing=framing))
    result = one.call()
    assert result.body == body
    assert result.header("Transfer-Encoding") is None
    assert result.header("Connection") is None


@pytest.mark.parametrize("body", [b"hello", b"x" * 300_000])
@pytest.mark.parametrize("pieces", [False, True])
def test_request_bodies_come_through(proxied: Make, body: bytes, pieces: bool) -> None:
    one = proxied()
    result = one.call("POST", "/", body=[body[:3], body[3:]] if pieces else body)
    assert result.json()["body"].encode("latin-1") == body
    assert not one.upstream.faults


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_bodies_keep_the_connection(proxied: Make, status: int) -> None:
    one = proxied(cues.answer(status))
    assert [one.call().body for _ in range(2)] == [b"", b""]
    assert one.upstream.connections == 1


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_the_answer_to_head_has_no_body_and_keeps_the_connection(
    proxied: Make, framing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgikit.forwarding.pool.QUARANTINE", 0.0)
    one = proxied(cues.answer(body=b"hello", framing=framing))
    result = one.call("HEAD")
    assert result.body == b""
    assert result.header("Content-Length") == ("5" if framing == "length" else None)
    assert one.call("GET").body == b"hello"
    assert one.call("HEAD").body == b""
    assert one.upstream.connections == 1


def test_trailers_are_dropped_and_do_not_reach_the_next_answer(proxied: Make) -> None:
    script = [
        cues.answer(body=[b"one"], framing="chunked", trailers=[("X-Trailer", "1")]),
        cues.answer(body=b"two"),
    ]
    one = proxied(script)
    first, second = one.call(), one.call()
    assert (first.body, second.body) == (b"one", b"two")
    assert first.header("X-Trailer") is second.header("X-Trailer") is None
    assert one.upstream.connections == 1


@pytest.mark.parametrize("status", [100, 102, 103])
def test_interim_answers_are_read_and_dropped(proxied: Make, status: int) -> None:
    one = proxied(cues.answer(body=b"hello", interim=[(status, [("Link", "</a>")])] * 3))
    for _ in range(2):
        result = one.call()
        assert (result.status, result.body, result.header("Link")) == (200, b"hello", None)
    assert one.upstream.connections == 1


def test_an_answer_that_comes_byte_by_byte_is_understood(proxied: Make) -> None:
    assert proxied(cues.drip()).call().body == b"ok"


def test_base_path_and_mount_point(proxied: Make) -> None:
    one = proxied(base="/base")
    mounted = {"SCRIPT_NAME": "/mnt", "PATH_INFO": "/x", "RAW_URI": "/mnt/x"}
    result = one.call(environ=mounted)
    assert result.json()["target"] == "/base/x"
    assert dict(result.json()["headers"])["X-Forwarded-Prefix"] == "/mnt"


def test_location_is_put_below_the_mount_point(proxied: Make) -> None:
    mounted = {"SCRIPT_NAME": "/mnt", "PATH_INFO": "/x"}
    script = cues.answer(302, [("Location", "/login?next=/x"), ("Set-Cookie", "a=1; Path=/")])
    assert proxied(script).call(environ=mounted).header("Location") == "/mnt/login?next=/x"
    kept = proxied(script, rewrite_location=False).call(environ=mounted)
    assert (kept.header("Location"), kept.header("Set-Cookie")) == ("/login?next=/x", "a=1; Path=/")
    moved = proxied(script, rewrite_cookies=True).call(environ=mounted)
    assert moved.header("Set-Cookie") == "a=1; Path=/mnt"


def test_a_location_that_names_the_upstream_leads_to_the_client_side(proxied: Make) -> None:
    one = proxied()
    one.upstream.play(cues.answer(302, [("Location", f"{one.upstream.url}/login")]))
    assert one.call(environ={"SCRIPT_NAME": "/mnt", "PATH_INFO": "/x"}).header("Location") == "/mnt/login"


def test_notes_name_the_upstream_and_its_time(proxied: Make) -> None:
    one = proxied(cues.answer(body=b"hello"))
    notes: dict[str, Any] = {"mine": 1}
    one.call(environ={"wsgikit.notes": notes})
    assert notes["mine"] == 1
    assert notes["upstream"] == one.upstream.url
    assert 0 < notes["upstream_time"] < 10
    assert "upstream_error" not in notes


def test_unix_sockets_are_spoken_to(proxied: Make, tmp_path: Path) -> None:
    one = proxied(upstream=ScriptedUpstream(unix=str(tmp_path / "s")), base=":/base")
    result = one.call(path="/x")
    assert result.json()["target"] == "/base/x"
    assert dict(result.json()["headers"])["Host"] == "localhost"


def test_ipv6_is_spoken_to(proxied: Make) -> None:
    one = proxied(upstream=ScriptedUpstream(host="::1"))
    assert dict(one.call().json()["headers"])["Host"] == f"[::1]:{one.upstream.port}"


def test_every_address_of_a_name_is_tried(proxied: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = proxied()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", closed.getsockname())]
        found += [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", one.upstream.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
        proxy = ReverseProxy("http://app.internal")
        assert call(proxy).status == 200
        proxy.close()


def test_it_passes_the_lint(proxied: Make) -> None:
    one = proxied()
    for method, body in (("GET", b""), ("HEAD", b""), ("POST", b"x" * 100_000), ("POST", [b"a", b"b"])):
        assert call(lint(one.proxy), method, body=body).status == 200


# ---- streams


def test_pieces_are_handed_on_as_they_come(proxied: Make) -> None:
    go_on = [threading.Event(), threading.Event()]
    pieces = [b"data: 1\n\n", go_on[0], b"data: 2\n\n", go_on[1], b"data: 3\n\n"]
    for framing in ("chunked", "close"):
        one = proxied(
            cues.answer(headers=[("Content-Type", "text/event-stream")], body=pieces, framing=framing)
        )
        _, body = started(one.proxy, build_environ())
        got = []
        for piece in body:
            got.append(piece)
            go_on[len(got) - 1 if len(got) < 3 else 1].set()
        assert got == [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]
        body.close()
        for event in go_on:
            event.clear()


def test_the_head_does_not_wait_for_the_body(proxied: Make) -> None:
    later = threading.Event()
    one = proxied(cues.answer(body=[later, b"hello"]))
    head, body = started(one.proxy, build_environ())
    assert head[0] == "200 OK"
    later.set()
    assert b"".join(body) == b"hello"
    body.close()


def test_request_pieces_are_sent_as_they_come(proxied: Make) -> None:
    one = proxied(cues.answer(body=b"done"))

    def pieces() -> Iterator[bytes]:
        for count in (1, 2, 3):
            yield b"piece"
            one.upstream.wait_for(
                lambda count=count: (
                    one.upstream.requests and one.upstream.requests[0].body == b"piece" * count
                )
            )

    assert one.call("POST", body=pieces()).body == b"done"


def test_a_client_that_leaves_closes_the_upstream_connection(proxied: Make) -> None:
    one = proxied(cues.answer(body=[b"begun", threading.Event(), b"never"], framing="chunked"))
    one.call(stop_after=1)
    # the scripted peer waits for its event; the socket it holds has been closed from here all the same
    _, body = started(one.proxy, build_environ())
    sock = body._exchange._connection._wire.sock
    body.close()
    assert sock.fileno() == -1
    body.close()


def test_an_answer_nobody_closes_gives_its_socket_back_when_it_is_forgotten(proxied: Make) -> None:
    one = proxied(cues.answer(body=[b"begun", threading.Event(), b"never"], framing="chunked"))
    _, body = started(one.proxy, build_environ())
    sock = body._exchange._connection._wire.sock
    del body
    gc.collect()
    assert sock.fileno() == -1
    assert repr(one.proxy._fleets.get().roster.backends[0].pool) == "<Pool 0 in use, 0 idle>"


def test_twenty_megabytes_each_way_stay_out_of_memory(proxied: Make) -> None:
    import tracemalloc

    size, block = 20 << 20, b"x" * 65536
    one = proxied(cues.answer(body=[block] * (size >> 16)))

    class Endless:
        """20 MB that are not in memory."""

        left = size

        def read(self, wanted: int) -> bytes:
            part = block[: min(wanted, self.left)]
            self.left -= len(part)
            return part

    def discard(peer: Any) -> None:
        request = peer.read_head()
        peer._read_bytes = lambda request, left: drain(peer, left)
        peer.read_body()
        cues.answer(body=[block] * (size >> 16))(peer)
        assert request.complete

    def drain(peer: Any, left: int) -> None:
        while left:
            left -= len(peer._take(len(peer._buffer)))
            if left:
                peer._need_more()

    one.upstream.play(discard)
    tracemalloc.start()
    try:
        environ = build_environ("POST", environ={"wsgi.input": Endless(), "CONTENT_LENGTH": str(size)})
        _, body = started(one.proxy, environ)
        received = 0
        for piece in body:
            received += len(piece)
        body.close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received == size
    assert peak < 4 << 20


# ---- answers that come before the request is out


@pytest.mark.parametrize("then", ["linger", "close", "reset"])
def test_an_early_refusal_is_not_lost(proxied: Make, then: Any) -> None:
    one = proxied(cues.early(413, b"too much\n", then=then))

    def pieces() -> Iterator[bytes]:
        yield b"x" * 1000
        one.upstream.wait_for(lambda: one.upstream.requests)
        while True:  # the proxy stops asking once it is refused
            yield b"x" * 65536

    result = one.call("POST", body=pieces())
    assert (result.status, result.body) == (413, b"too much\n")


def test_an_early_refusal_before_a_long_body_of_known_length_is_not_lost(proxied: Make) -> None:
    one = proxied(cues.early(401, b"who?\n", then="linger"))
    result = one.call("PUT", body=b"x" * (8 << 20))
    assert (result.status, result.body) == (401, b"who?\n")


def test_a_backend_may_answer_first_and_read_on(proxied: Make) -> None:
    one = proxied(cues.early(200, b"go on\n", then="keep"))
    body = b"x" * (4 << 20)
    result = one.call("POST", body=[body[n : n + 65536] for n in range(0, len(body), 65536)])
    assert (result.status, result.body) == (200, b"go on\n")
    one.upstream.wait_for(lambda: one.upstream.requests[0].complete)
    assert one.upstream.requests[0].body == body


def test_a_backend_that_echoes_as_it_reads_is_not_a_deadlock(proxied: Make) -> None:
    def echo(peer: Any) -> None:
        request = peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(peer._until(b"\r\n"), 16):
            peer.send(b"%x\r\n%b" % (size, peer._exactly(size + 2)))
        peer._until(b"\r\n")
        request.complete = True
        peer.send(b"0\r\n\r\n")

    one = proxied(echo, read_timeout=10.0)
    blocks = [bytes([n]) * 65536 for n in range(256)]  # 16 MB: more than the sockets' buffers hold
    assert one.call("POST", body=blocks).body == b"".join(blocks)
    one.call("POST", body=[b"again"])
    assert one.upstream.connections == 1


def test_expect_is_passed_on_and_waited_for(proxied: Make) -> None:
    one = proxied(cues.answer(body=b"thanks"))
    result = one.call("POST", headers={"Expect": "100-continue"}, body=b"hello")
    assert result.body == b"thanks"
    assert one.upstream.requests[0].header("Expect") == "100-continue"
    assert one.upstream.requests[0].body == b"hello"


def test_a_body_that_is_refused_before_100_continue_is_not_even_read(proxied: Make) -> None:
    one = proxied(cues.early(417, b"no\n", then="linger"))
    source = io.BytesIO(b"hello")
    asking = {"HTTP_EXPECT": "100-continue", "CONTENT_LENGTH": "5", "wsgi.input": source}
    result = one.call("POST", environ=asking)
    assert (result.status, source.tell()) == (417, 0)


def test_a_backend_that_never_says_continue_gets_the_body_all_the_same(
    proxied: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgikit.forwarding.transports.connection.EXPECT_WAIT", 0.01)
    one = proxied(cues.answer(body=b"thanks", expect="ignore"))
    assert one.call("POST", headers={"Expect": "100-continue"}, body=b"hello").body == b"thanks"


# ---- requests that are not forwarded


@pytest.mark.parametrize(
    "environ",
    [
        {"REQUEST_METHOD": "G\r\nT"},
        {"PATH_INFO": "/a\r\nX-Evil: 1"},
        {"PATH_INFO": "/../secret"},
        {"QUERY_STRING": "a\nb"},
        {"HTTP_X_FIELD": "a\r\nX-Evil: 1"},
        {"HTTP_X_FIELD": "a\0b"},
        {"HTTP_HOST": "a.example,b.example"},
        {"CONTENT_LENGTH": "5, 5"},
        {"CONTENT_LENGTH": "+5"},
        {"HTTP_TRANSFER_ENCODING": "gzip, chunked"},
    ],
)
def test_what_http_forbids_is_answered_400_and_goes_nowhere(
    proxied: Make, environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    one = proxied()
    assert one.call(environ=environ).status == 400
    assert one.upstream.connections == 0
    (record,) = caplog.records
    assert record.name == "wsgikit.forwarding"
    assert record.getMessage().isprintable()


@pytest.mark.parametrize("size", [3, 100_000])
def test_an_upload_that_breaks_off_is_broken_off_at_the_backend(proxied: Make, size: int) -> None:
    one = proxied()
    short = {"wsgi.input": io.BytesIO(b"x" * (size - 1)), "CONTENT_LENGTH": str(size)}
    assert one.call("POST", environ=short).status == 400
    one.upstream.wait_for(lambda: not one.upstream.open_connections)
    assert not any(request.complete for request in one.upstream.requests)


def test_a_chunked_upload_that_breaks_off_is_broken_off_at_the_backend(proxied: Make) -> None:
    one = proxied()

    def pieces() -> Iterator[bytes]:
        yield b"begun"
        raise OSError("the client is gone")

    assert one.call("POST", body=pieces()).status == 400
    one.upstream.wait_for(lambda: not one.upstream.open_connections)
    assert not any(request.complete for request in one.upstream.requests)


def test_a_cap_met_while_reading_is_a_413(proxied: Make) -> None:
    class Capped:
        def read(self, size: int) -> bytes:
            raise TooLarge("too long")

    one = proxied()
    assert one.call("POST", environ={"wsgi.input": Capped(), "CONTENT_LENGTH": "100000"}).status == 413


# ---- failures


def test_a_refused_connection_is_a_502(proxied: Make, caplog: pytest.LogCaptureFixture) -> None:
    one = proxied()
    one.upstream.refuse()
    notes: dict[str, Any] = {}
    result = one.call(path="/x%1b", environ={"wsgikit.notes": notes})
    assert (result.status, result.text) == (
        502,
        "502 Bad Gateway\nThe upstream server could not be reached.\n",
    )
    assert notes["upstream_error"] == "unreachable"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(
        rf"'GET' '/x\x1b' to {one.upstream.url}: answered 502 (unreachable)"
    )
    one.upstream.accept()
    assert one.call().status == 200


def test_a_name_without_an_address_is_a_502(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert call(ReverseProxy("http://nowhere.internal")).status == 502


def test_a_missing_unix_socket_is_a_502(tmp_path: Path) -> None:
    assert call(ReverseProxy(f"unix:{tmp_path}/none")).status == 502


def test_the_answer_to_a_failed_head_has_no_body(proxied: Make) -> None:
    one = proxied(cues.close())
    result = one.call("HEAD")
    assert (result.status, result.body) == (502, b"")


def test_a_connection_that_is_never_accepted_is_a_504(proxied: Make) -> None:
    one = proxied(connect_timeout=0.05)
    one.upstream.stall()
    assert one.call().status == 504


def test_a_backend_that_never_answers_is_a_504(proxied: Make) -> None:
    notes: dict[str, Any] = {}
    assert (
        proxied(cues.never_answer(), read_timeout=0.05).call(environ={"wsgikit.notes": notes}).status == 504
    )
    assert notes["upstream_error"] == "timeout"


def test_a_backend_that_takes_no_more_of_the_body_is_a_504(proxied: Make) -> None:
    stuck = threading.Event()
    one = proxied(cues.raw(stuck, reads="head"), read_timeout=0.05)
    assert one.call("POST", body=b"x" * (32 << 20)).status == 504
    stuck.set()


def test_a_head_that_drips_meets_the_total_timeout(proxied: Make) -> None:
    def dripping(peer: Any) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        while True:
            peer.send(b"x")
            time.sleep(0.005)

    one = proxied(dripping, total_timeout=0.1)
    assert one.call().status == 504


def test_a_body_that_drips_meets_the_total_timeout(proxied: Make) -> None:
    def dripping(peer: Any) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x")
            time.sleep(0.005)

    one = proxied(dripping, total_timeout=0.1)
    with pytest.raises(TimedOut):
        one.call()


def test_the_total_timeout_holds_against_a_backend_that_never_pauses(proxied: Make) -> None:
    one = proxied(cues.answer(body=[b"x" * 65536] * 5000, framing="chunked"), total_timeout=0.05)
    _, body = started(one.proxy, build_environ())
    with pytest.raises(TimedOut, match="total_timeout"):
        for _ in body:
            pass


def test_the_total_timeout_of_one_request_does_not_follow_the_connection(proxied: Make) -> None:
    one = proxied(cues.answer(body=b"ok"), total_timeout=30.0, read_timeout=20.0)
    one.call()
    pool = one.proxy._fleets.get().roster.backends[0].pool
    assert pool._idle[0]._wire.deadline is None


@pytest.mark.parametrize("line", cues.STATUS_LINES.values(), ids=cues.STATUS_LINES)
def test_a_bad_status_line_is_a_502(proxied: Make, line: bytes) -> None:
    assert proxied(cues.bad_status_line(line)).call().status == 502


@pytest.mark.parametrize("line", cues.FIELDS.values(), ids=cues.FIELDS)
def test_a_bad_field_is_a_502(proxied: Make, line: bytes) -> None:
    assert proxied(cues.bad_field(line)).call().status == 502


@pytest.mark.parametrize("length", cues.LENGTHS.values(), ids=cues.LENGTHS)
def test_a_bad_length_is_a_502(proxied: Make, length: bytes) -> None:
    assert proxied(cues.bad_length(length)).call().status == 502


@pytest.mark.parametrize("coding", cues.CODINGS.values(), ids=cues.CODINGS)
def test_a_bad_coding_is_a_502(proxied: Make, coding: bytes) -> None:
    assert proxied(cues.bad_coding(coding)).call().status == 502


@pytest.mark.parametrize(
    "script",
    [
        cues.close(),
        cues.reset(),
        cues.cut_head(),
        cues.cut_head(then="reset"),
        cues.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nhello"),
        cues.raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        cues.interims(100),
        cues.huge_headers(3),
        cues.raw(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        ),
        cues.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
        cues.raw(b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        cues.raw(b"HTTP/1.1 999 No\r\nContent-Length: 2\r\n\r\nok"),
        cues.raw(b"HTTP/1.1 200 OK\r\nX-Fold: a\r\n b\r\nContent-Length: 2\r\n\r\nok"),
    ],
)
def test_no_answer_or_a_bad_one_is_a_502(proxied: Make, script: Any) -> None:
    one = proxied(script)
    result = one.call()
    assert result.status == 502
    assert result.text == "502 Bad Gateway\nThe upstream server gave no valid answer.\n"
    assert repr(one.proxy._fleets.get().roster.backends[0].pool) == "<Pool 0 in use, 0 idle>"


@pytest.mark.parametrize("size", cues.CHUNK_SIZES.values(), ids=cues.CHUNK_SIZES)
def test_a_bad_chunk_breaks_the_answer_off(
    proxied: Make, size: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(BrokenAnswer):
        proxied(cues.bad_chunk_size(size)).call()
    assert "the answer broke off" in caplog.text


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("cue", [cues.short_body, cues.short_chunked, cues.short_chunk])
def test_a_body_cut_short_is_handed_on_and_then_broken_off(proxied: Make, cue: Any, then: Any) -> None:
    one = proxied(cue(then=then))
    environ = build_environ()
    head, body = started(one.proxy, environ)
    assert head[0] == "200 OK"
    got: list[bytes] = []
    with pytest.raises(ForwardingError) as caught:
        got.extend(body)
    body.close()
    assert environ["wsgikit.notes"]["upstream_error"] == caught.value.kind
    assert b"".join(got) in (b"begun", b"")  # a reset may overtake what came before it
    if then == "close":
        assert got
    assert repr(one.proxy._fleets.get().roster.backends[0].pool) == "<Pool 0 in use, 0 idle>"


def test_a_body_that_ends_with_the_connection_must_not_end_with_a_reset(proxied: Make) -> None:
    with pytest.raises(ForwardingError):
        proxied(cues.answer(body=[b"x" * 300_000], framing="close", then="reset")).call()


def test_a_server_that_refuses_the_head_gets_its_error_and_the_connection_is_closed(proxied: Make) -> None:
    one = proxied(cues.answer(body=[b"begun", threading.Event()], framing="chunked"))

    def refusing(*args: Any) -> None:
        raise AssertionError("not this head")

    with pytest.raises(AssertionError, match="not this head"):
        one.proxy(build_environ(), refusing)
    assert repr(one.proxy._fleets.get().roster.backends[0].pool) == "<Pool 0 in use, 0 idle>"


# ---- kept connections


def test_connections_are_kept_and_used_again(proxied: Make) -> None:
    one = proxied()
    for body in (b"", b"x" * 100_000, b""):
        one.call("POST", body=body)
    assert one.upstream.connections == 1


def test_a_connection_that_died_idle_is_noticed_before_it_is_used(proxied: Make) -> None:
    one = proxied(cues.keep_for(1, cues.answer(body=b"ok")))
    for _ in range(3):
        assert one.call("POST", body=b"not to be repeated").status == 200
        one.upstream.wait_for(lambda: not one.upstream.open_connections)
    assert len(one.upstream.requests) == 3


def test_a_request_that_can_be_repeated_is_when_a_kept_connection_dies_under_it(proxied: Make) -> None:
    for dying in (cues.close(), cues.reset()):
        for method, body in (("GET", b""), ("PUT", b"small")):
            one = proxied([cues.answer(body=b"one"), dying, cues.answer(body=b"two")])
            assert one.call().body == b"one"
            assert one.call(method, body=body).body == b"two"
            assert one.upstream.connections == 2


@pytest.mark.parametrize(("method", "body"), [("POST", b"small"), ("PATCH", b""), ("PUT", [b"stream"])])
def test_a_request_that_cannot_be_repeated_is_not(proxied: Make, method: str, body: Any) -> None:
    one = proxied([cues.answer(body=b"one"), cues.close(), cues.answer(body=b"two")])
    one.call()
    assert one.call(method, body=body).status == 502
    assert len(one.upstream.requests) == 2


def test_without_retry_a_fresh_connection_that_dies_is_not_tried_again(proxied: Make) -> None:
    one = proxied([cues.close(), cues.answer(body=b"two")], retry=None)
    assert one.call().status == 502
    assert len(one.upstream.requests) == 1


def test_the_silent_second_try_is_for_answers_that_have_not_begun(proxied: Make) -> None:
    one = proxied([cues.answer(body=b"one"), cues.cut_head(), cues.answer(body=b"three")], retry=None)
    one.call()
    assert one.call().status == 502
    assert len(one.upstream.requests) == 2


@pytest.mark.parametrize(
    "script",
    [
        cues.stray_bytes(),
        cues.stray_bytes(b"x"),
        cues.stray_bytes(b"HTTP/1.1 2"),
        cues.answer(headers=[("Connection", "close")], body=b"ok"),
        cues.raw(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", then="keep"),
        cues.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nokstray", then="keep"),
        cues.answer(headers=[("Proxy-Connection", "close")], body=b"ok"),
    ],
)
def test_a_connection_that_may_not_be_used_again_is_closed(proxied: Make, script: Any) -> None:
    one = proxied(script, retry=None)
    for count in (1, 2):
        assert one.call().body == b"ok"
        assert one.upstream.connections == count


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_where_there_must_be_none_is_not_taken_for_the_next_answer(
    proxied: Make, method: str, status: int, framing: Any
) -> None:
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
    one = proxied(
        [cues.answer(status, body=stray, framing=framing, body_anyway=True), cues.answer(body=b"right")]
    )
    assert one.call(method).body == b""
    assert one.call("POST").body == b"right"


def test_an_unasked_for_408_on_a_kept_connection_is_nobodys_answer(proxied: Make) -> None:
    timed_out = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    later = threading.Event()
    one = proxied([cues.raw(cues.OK, later, timed_out, then="keep"), cues.answer(body=b"right")])
    one.call()
    later.set()
    sock = one.proxy._fleets.get().roster.backends[0].pool._idle[0]._wire
    assert sock.readable(5.0)
    assert one.call("POST").body == b"right"


def test_a_refused_upload_does_not_keep_its_connection(proxied: Make) -> None:
    one = proxied([cues.early(413, then="keep"), cues.answer(body=b"ok")])
    assert one.call("POST", body=[b"x" * 1000, b"x" * 1000]).status in (413, 200)
    assert one.call().body == b"ok"
    assert not one.upstream.faults


# ---- limits, several backends, life and death


def test_more_than_max_connections_is_a_503_that_says_when_to_come_back(proxied: Make) -> None:
    later = threading.Event()
    script = [cues.answer(body=[later, b"slow"]), cues.answer(body=b"ok")]
    one = proxied(script, max_connections=1)
    _, body = started(one.proxy, build_environ())
    result = one.call()
    assert (result.status, result.header("Retry-After")) == (503, "1")
    later.set()
    assert b"".join(body) == b"slow"
    body.close()
    assert one.call().body == b"ok"


def test_several_backends_take_turns_by_weight() -> None:
    with ScriptedUpstream() as a, ScriptedUpstream() as b, ScriptedUpstream() as spare:
        proxy = ReverseProxy([Upstream(a.url, weight=2), b.url, Upstream(spare.url, backup=True)])
        notes: dict[str, Any] = {}
        order = []
        for _ in range(6):
            call(proxy, environ={"wsgikit.notes": notes})
            order.append("a" if notes["upstream"] == a.url else "b")
        proxy.close()
        assert order == list("abaaba")
        assert (len(a.requests), len(b.requests), len(spare.requests)) == (4, 2, 0)


def test_a_policy_may_be_anybodys_callable() -> None:
    with ScriptedUpstream() as a, ScriptedUpstream() as b:
        proxy = ReverseProxy([a.url, b.url], policy=lambda backends, environ: backends[-1])
        call(proxy)
        proxy.close()
        assert (len(a.requests), len(b.requests)) == (0, 1)


def test_threads_share_the_pool_and_leak_nothing(proxied: Make) -> None:
    one = proxied()

    def ask(number: int) -> bool:
        result = one.call(path=f"/{number}", body=b"x" * (number % 3))
        return bool(result.json()["target"] == f"/{number}")

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(400)))
    pool = one.proxy._fleets.get().roster.backends[0].pool
    assert pool.busy == 0
    assert one.upstream.open_connections == len(pool._idle) <= 8
    one.proxy.close()
    one.upstream.wait_for(lambda: not one.upstream.open_connections)


def test_a_dropped_proxy_closes_its_sockets(proxied: Make) -> None:
    one = proxied()
    proxy = ReverseProxy(one.upstream.url)
    call(proxy)
    assert one.upstream.open_connections == 1
    del proxy
    gc.collect()
    one.upstream.wait_for(lambda: not one.upstream.open_connections)


def test_a_closed_proxy_can_still_be_used(proxied: Make) -> None:
    one = proxied()
    one.proxy.close()
    one.call()
    one.proxy.close()
    one.upstream.wait_for(lambda: not one.upstream.open_connections)
    assert one.call().status == 200


def test_a_used_proxy_pickles_and_copies(proxied: Make) -> None:
    one = proxied(read_timeout="20s")
    one.call()
    for twin in (pickle.loads(pickle.dumps(one.proxy)), copy.deepcopy(one.proxy)):
        assert twin == one.proxy
        assert twin.read_timeout == 20.0
        assert call(twin).status == 200
        twin.close()


def found_nobody() -> list[str]:
    return []


def test_a_copy_shows_what_it_was_copied_from(proxied: Make) -> None:
    one = proxied(read_timeout="20s")
    given = [one.upstream.url, Upstream("http://10.0.0.1", weight=2)]
    for proxy in (one.proxy, ReverseProxy(given), ReverseProxy([], resolve=found_nobody)):
        for _ in range(2):
            for twin in (copy.copy(proxy), copy.deepcopy(proxy), pickle.loads(pickle.dumps(proxy))):
                assert (twin.options(), repr(twin)) == (proxy.options(), repr(proxy))
            for upstream in list(proxy.upstreams):  # and after changes, down to the last one
                proxy.upstreams.remove(upstream.url)
            proxy = copy.deepcopy(proxy)


def test_it_shows_its_options() -> None:
    assert (
        repr(ReverseProxy("http://a", host="client")) == "ReverseProxy(upstreams='http://a', host='client')"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"upstreams": []}, r"ReverseProxy: upstreams=\[\] will not do: at least one"),
        ({"upstreams": [Upstream("http://a", weight=0)]}, "at least one with a weight above 0"),
        ({"upstreams": ["http://a", "http://a"]}, "each upstream once"),
        ({"upstreams": "a"}, "Upstream: url='a' will not do"),
        ({"upstreams": 8080}, "a URL, an Upstream, or a list of either"),
        ({"policy": "round_robbin"}, r"policy='round_robbin' will not do.*did you mean 'round_robin'\?"),
        ({"host": "a b"}, "host='a b' will not do"),
        ({"host": None}, "host=None"),
        ({"forwarded": "x"}, "forwarded='x' will not do"),
        ({"forwarded": "x-forwared"}, r"one of 'x-forwarded', .*, None; did you mean 'x-forwarded'\?"),
        ({"read_timeout": "30d"}, "read_timeout='30d' will not do: 2000000 seconds at most"),
        ({"connect_timeout": 1e9}, "connect_timeout=1000000000.0 will not do"),
        ({"connect_timeout": 0}, "connect_timeout=0 will not do: more than 0"),
        ({"read_timeout": "soon"}, "read_timeout='soon' will not do"),
        ({"total_timeout": -1}, "total_timeout=-1 will not do"),
        ({"max_idle": -1}, "max_idle=-1 will not do"),
        ({"max_idle": "all"}, "max_idle='all'"),
        ({"max_connections": 0}, "ReverseProxy: max_connections=0"),
        ({"read_timeuot": 1}, r"no option 'read_timeuot'; did you mean 'read_timeout'\?"),
        ({"keep_prefix": "yes"}, "keep_prefix='yes'"),
        ({"retry": 3}, "retry=3 .* a Retry, or None"),
        ({"max_waiting": -1}, "max_waiting=-1"),
        ({"via": "a b"}, "via='a b'"),
        ({"tls": True}, "tls=True"),
    ],
)
def test_options_that_will_not_do_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        ReverseProxy(**{"upstreams": "http://a", **options})
