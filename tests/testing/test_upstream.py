from __future__ import annotations

import json
import socket
import sys
import threading

import pytest

from wsgikit.testing import ScriptedUpstream, cues


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("upstream ")]


def test_without_a_script_it_echoes_what_arrived(fetch):
    with ScriptedUpstream() as upstream:
        answer, body = fetch(upstream, "POST", "/a?b", body=b"caf\xe9", headers={"X-A": "1"})
    echoed = json.loads(body)
    assert (answer.status, echoed["method"], echoed["target"]) == (200, "POST", "/a?b")
    assert (echoed["body"], echoed["connection"]) == ("caf\xe9", 1)
    assert ["X-A", "1"] in echoed["headers"]


def test_it_records_each_request_whole(connect):
    with ScriptedUpstream(cues.answer()) as upstream:
        client = connect(upstream)
        head = b"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.send(head + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n")
        client.until(b"\r\n\r\n")
    (request,) = upstream.requests
    assert (request.method, request.target, request.version) == ("PUT", "/a", "HTTP/1.1")
    assert (request.head, request.body, request.trailers) == (head, b"abcde", [("X-Sum", "5")])
    assert request.complete


def test_connections_are_counted_and_kept(connect):
    with ScriptedUpstream(cues.answer(body=b"ok")) as upstream:
        client = connect(upstream)
        for _ in range(2):
            client.get()
            client.until(b"ok")
        other = connect(upstream)
        other.get()
        other.until(b"ok")
        assert (upstream.connections, upstream.open_connections) == (2, 2)
        assert [request.connection for request in upstream.requests] == [1, 1, 2]
        client.sock.close()
        upstream.wait_for(lambda: upstream.open_connections == 1)
    assert (upstream.connections, upstream.open_connections) == (2, 0)


@pytest.mark.parametrize("line", [b"Connection: close\r\n", b"Connection: x, Close\r\n"])
def test_a_connection_is_closed_when_the_request_asks_for_it(connect, line):
    with ScriptedUpstream(cues.answer(body=b"ok")) as upstream:
        client = connect(upstream)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n")
        assert client.rest().endswith(b"ok")


def test_a_list_gives_one_step_a_request_whatever_the_connection(fetch):
    script = [cues.answer(201), cues.answer(202), cues.answer(203)]
    with ScriptedUpstream(script) as upstream:
        assert [fetch(upstream)[0].status for _ in range(4)] == [201, 202, 203, 500]


def test_an_opened_connection_takes_no_step(connect, fetch):
    with ScriptedUpstream([cues.answer(201)]) as upstream:
        connect(upstream)
        upstream.wait_for(lambda: upstream.connections == 1)
        assert fetch(upstream)[0].status == 201


def test_a_function_of_the_peer_is_a_step(fetch):
    def by_path(peer):
        slow = peer.read_head().target == "/busy"
        (cues.answer(503) if slow else cues.answer(200))(peer)

    with ScriptedUpstream(by_path) as upstream:
        assert [fetch(upstream, target=target)[0].status for target in ("/", "/busy")] == [200, 503]


def test_a_new_script_takes_the_place_of_the_old_one(fetch):
    with ScriptedUpstream(cues.answer(201)) as upstream:
        assert fetch(upstream)[0].status == 201
        upstream.play([cues.answer(202)])
        assert fetch(upstream)[0].status == 202


def mistaken(peer):
    raise KeyError("a mistake in the step")


def test_what_a_step_raises_comes_out_at_the_end(connect):
    upstream = ScriptedUpstream(mistaken).__enter__()
    client = connect(upstream)
    client.get()
    assert client.rest() == b""
    with pytest.raises(KeyError, match="in the step"):
        upstream.__exit__(None, None, None)


def test_an_error_of_the_test_itself_is_not_hidden_by_one_of_a_step(connect):
    upstream = ScriptedUpstream(mistaken).__enter__()
    client = connect(upstream)
    client.get()
    assert client.rest() == b""
    upstream.__exit__(ValueError, ValueError("in the test"), None)


BAD_REQUESTS = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
    b"\x16\x03\x01 no HTTP at all\r\n\r\n",
]


@pytest.mark.parametrize("data", BAD_REQUESTS)
def test_a_bad_request_is_a_fault_and_answered_400(connect, data):
    with ScriptedUpstream() as upstream:
        client = connect(upstream)
        client.send(data)
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request\r\n")
        upstream.wait_for(lambda: upstream.open_connections == 0)
    assert len(upstream.faults) == 1


def test_bytes_after_a_request_are_the_next_one(connect):
    with ScriptedUpstream(cues.answer(body=b"ok")) as upstream:
        client = connect(upstream)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxSMUGGLED")
        client.until(b"ok")
        client.send(b" / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.until(b"ok")
    assert [request.method for request in upstream.requests] == ["POST", "SMUGGLED"]


def test_an_upload_that_stops_is_left_incomplete(connect):
    with ScriptedUpstream() as upstream:
        client = connect(upstream)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        upstream.wait_for(lambda: upstream.requests and upstream.requests[0].body == b"half")
        client.sock.close()
        upstream.wait_for(lambda: upstream.open_connections == 0)
    assert not upstream.requests[0].complete
    assert upstream.faults == []


@pytest.mark.parametrize("length", [b"Content-Length: 2\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n2\r\n"])
def test_100_continue_is_sent_when_the_body_is_wanted(connect, length):
    with ScriptedUpstream(cues.answer(body=b"done")) as upstream:
        client = connect(upstream)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" + length)
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"ok" + (b"\r\n0\r\n\r\n" if b"chunked" in length else b""))
        client.until(b"done")
    assert upstream.requests[0].body == b"ok"


# ---- doors


def test_refuse_closes_the_door_and_accept_opens_it_on_the_same_port(connect):
    with ScriptedUpstream(cues.answer(body=b"ok")) as upstream:
        kept, url = connect(upstream), upstream.url
        kept.get()
        kept.until(b"ok")
        upstream.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(upstream)
        kept.get()
        kept.until(b"ok")
        upstream.accept()
        connect(upstream).get()
        upstream.wait_for(lambda: len(upstream.requests) == 3)
        assert upstream.url == url


@pytest.mark.skipif(sys.platform != "linux", reason="how a full queue behaves is the kernel's own")
def test_stall_neither_takes_nor_refuses_a_connection(connect):
    with ScriptedUpstream() as upstream:
        upstream.stall()
        with socket.socket() as sock:
            sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sock.connect((upstream.host, upstream.port))
        upstream.accept()
        connect(upstream)
        upstream.wait_for(lambda: upstream.connections == 1)


def test_drop_closes_idle_connections(connect):
    with ScriptedUpstream(cues.answer(body=b"ok")) as upstream:
        client = connect(upstream)
        client.get()
        client.until(b"ok")
        upstream.drop()
        assert upstream.open_connections == 0
        assert client.rest() == b""
        connect(upstream).get()
        upstream.wait_for(lambda: len(upstream.requests) == 2)


def test_on_connect_acts_before_any_request(connect):
    with ScriptedUpstream(on_connect=cues.raw(b"go away", reads="none")) as upstream:
        assert connect(upstream).rest() == b"go away"
    assert upstream.requests == []


def test_a_unix_socket_serves_and_is_removed(connect, tmp_path):
    path = tmp_path / "upstream.sock"
    with ScriptedUpstream(cues.answer(body=b"ok"), unix=str(path)) as upstream:
        assert upstream.url == f"unix:{path}"
        client = connect(upstream)
        client.get()
        client.until(b"ok")
        upstream.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(upstream)
        upstream.accept()
        connect(upstream).get()
        upstream.wait_for(lambda: len(upstream.requests) == 2)
    assert not path.exists()


def test_closing_leaves_no_thread_and_no_socket_behind(connect):
    before = threads()
    hold = threading.Event()
    script = [cues.answer(body=b"ok"), cues.never_answer(), cues.raw(b"half", hold, b"rest")]
    with ScriptedUpstream(script) as upstream:
        clients = [connect(upstream) for _ in range(4)]
        for count, client in enumerate(clients[:3], 1):
            client.get()
            upstream.wait_for(lambda count=count: len(upstream.requests) == count)
        assert clients[2].until(b"half") == b"half"
        clients[3].send(b"GET / HT")
        upstream.wait_for(lambda: upstream.open_connections == 4)
        assert len(threads()) > len(before)
    assert threads() == before
    with pytest.raises(ConnectionRefusedError):
        connect(upstream)
    assert clients[2].rest() == b""


def test_wait_for_says_what_has_been_seen_instead(fetch):
    with ScriptedUpstream() as upstream:
        fetch(upstream)
        with pytest.raises(AssertionError, match="1 requests, 1 connections"):
            upstream.wait_for(lambda: upstream.connections == 2, timeout=0.01)


def test_the_repr_counts(fetch):
    with ScriptedUpstream(cues.keep_for(1)) as upstream:
        fetch(upstream)
        upstream.wait_for(lambda: upstream.open_connections == 0)
        assert repr(upstream) == (
            f"<ScriptedUpstream http://127.0.0.1:{upstream.port}: 1 requests, 1 connections, 0 open, 0 faults>"
        )
