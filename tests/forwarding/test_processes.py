"""Forks, greenlets and real servers around the proxy and behind it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import waitress

from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import ScriptedUpstream, build_environ, call, cues

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.forwarding.conftest import Proxied


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_after_use_never_shares_a_socket(proxied: Any) -> None:
    one: Proxied = proxied()
    one.call()
    assert one.upstream.connections == 1
    child = os.fork()
    if child == 0:
        try:
            right = call(one.proxy).json()["connection"] == 2
            os._exit(0 if right else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert one.call().json()["connection"] == 1
    assert one.upstream.connections == 2


@contextmanager
def child_that_lives() -> Iterator[None]:
    """A child, forked in here, that holds all of our sockets for as long as this lasts."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    try:
        yield
    finally:
        os.close(write)
        os.waitpid(child, 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_connection_closed_here_ends_for_the_backend_though_a_child_has_it_too(proxied: Any) -> None:
    one: Proxied = proxied()
    one.call()
    with child_that_lives():
        one.proxy.close()
        one.upstream.wait_for(lambda: one.upstream.open_connections == 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_so_does_one_whose_client_leaves(proxied: Any) -> None:
    go_on = threading.Event()
    one: Proxied = proxied(cues.answer(body=[b"first", go_on, *[bytes(1 << 20)] * 50]))
    body: Any = one.proxy(build_environ(), lambda status, headers, exc_info=None: print)
    assert next(iter(body)) == b"first"
    with child_that_lives():
        body.close()
        go_on.set()
        one.upstream.wait_for(lambda: one.upstream.open_connections == 0)


GEVENT = """
from gevent import monkey
monkey.patch_all()
import sys, time
import gevent
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import call

proxy = ReverseProxy(sys.argv[1], read_timeout=5.0)
assert call(proxy).json()["connection"] == 1
assert call(proxy).json()["connection"] == 1, "the kept connection is used again"
body = b"x" * (4 << 20)
assert call(proxy, "POST", body=body).json()["body"] == body.decode()

# Two at once, in one thread: the first waits for the backend until the second has been there.
first = gevent.spawn(call, proxy, "GET", "/wait")
second = gevent.spawn(call, proxy, "GET", "/go")
gevent.joinall([first, second], timeout=5.0, raise_error=True)
assert (first.value.body, second.value.body) == (b"waited", b"gone")

assert call(proxy, "GET", "/close").status == 200
gevent.sleep(0.05)
connections = call(proxy, "POST").json()["connection"]
assert call(ReverseProxy(sys.argv[1], read_timeout=0.05), "GET", "/never").status == 504
print("right")
"""


def test_greenlets_take_turns_and_kept_connections_are_used_and_checked() -> None:
    pytest.importorskip("gevent")
    go = threading.Event()

    def script(peer: Any) -> None:
        target = peer.read_body().target
        if target == "/wait":
            peer.wait(go)
            cues.answer(body=b"waited")(peer)
        elif target == "/go":
            go.set()
            cues.answer(body=b"gone")(peer)
        elif target == "/close":
            cues.answer(body=b"ok")(peer)
            peer.close()
        elif target == "/never":
            cues.never_answer()(peer)
        else:
            cues.echo(peer)

    with ScriptedUpstream(script) as upstream:
        ran = subprocess.run(
            [sys.executable, "-c", GEVENT, upstream.url],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (ran.stdout, ran.returncode) == ("right\n", 0), ran.stderr


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def backend_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Tells its body back, or streams, as it is asked."""
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"%d\n" % number for number in range(1000))
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Path", environ["PATH_INFO"])])
    return [body]


@contextmanager
def under_waitress(app: Any) -> Iterator[int]:
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.effective_port
    finally:
        server.trigger.pull_trigger(server.close)
        server.task_dispatcher.shutdown()
        thread.join(10)


@contextmanager
def under_wsgiref(app: Any) -> Iterator[int]:
    server: WSGIServer = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


SERVERS = {"waitress": under_waitress, "wsgiref": under_wsgiref}


@pytest.mark.parametrize("behind", SERVERS)
def test_real_backends_are_understood(behind: str) -> None:
    with SERVERS[behind](backend_app) as port:
        proxy = ReverseProxy(f"http://127.0.0.1:{port}")
        for _ in range(2):
            result = call(proxy, "POST", "/caf%C3%A9", body=b"x" * 200_000)
            assert (result.status, result.body) == (200, b"x" * 200_000)
            assert result.header("X-Path") == "/caf\xc3\xa9"
            streamed = call(proxy, "GET", "/stream")
            assert streamed.body == b"".join(b"%d\n" % number for number in range(1000))
            assert call(proxy, "HEAD", "/").body == b""
        proxy.close()


def exchange(port: int, request: bytes) -> bytes:
    """All that a server answers until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize("around", SERVERS)
def test_real_servers_carry_it(around: str) -> None:
    with ScriptedUpstream() as upstream:
        proxy = ReverseProxy(upstream.url)
        with SERVERS[around](proxy) as port:
            tail = b"Host: site.example\r\nConnection: close\r\n"
            got = exchange(port, b"GET /a%2Fb?c HTTP/1.1\r\n" + tail + b"\r\n")
            assert got.split(b" ", 2)[1] == b"200"
            body = b"x" * 300_000
            posted = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n" % len(body)
            assert body in exchange(port, posted + tail + b"\r\n" + body)
            got = exchange(port, b"HEAD / HTTP/1.1\r\n" + tail + b"\r\n")
            assert got.endswith(b"\r\n\r\n")
        proxy.close()
        first = upstream.requests[0]
        assert first.target == (
            "/a%2Fb?c" if around == "waitress" else "/a/b?c"
        )  # wsgiref does not give the raw path
        assert first.header("X-Forwarded-For") == "127.0.0.1"
        assert first.header("X-Forwarded-Host") == "site.example"
        assert not upstream.faults


@pytest.mark.parametrize("around", SERVERS)
def test_a_broken_off_answer_is_visibly_broken_off(around: str) -> None:
    with ScriptedUpstream(cues.short_body(b"begun", length=100)) as upstream:
        proxy = ReverseProxy(upstream.url)
        with SERVERS[around](proxy) as port:
            got = exchange(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        proxy.close()
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"Content-Length: 100" in head
    assert len(body) < 100


def test_a_chunked_upload_comes_through_a_real_server() -> None:
    with ScriptedUpstream() as upstream:
        proxy = ReverseProxy(upstream.url)
        with under_waitress(proxy) as port:
            exchange(
                port,
                b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            )
        proxy.close()
        assert upstream.requests[0].body == b"hello world"
        assert not upstream.faults
