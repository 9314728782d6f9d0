"""The proxy before backends behind TLS, from end to end."""

from __future__ import annotations

import copy
import os
import pickle
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests import certificates
from wsgikit.forwarding.errors import ForwardingError
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.tls import TLS
from wsgikit.testing import ScriptedUpstream, build_environ, call, cues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.forwarding.conftest import Proxied

    Make = Callable[..., Proxied]

UNREACHABLE = "502 Bad Gateway\nThe upstream server could not be reached.\n"


@pytest.fixture
def secured(proxied: Make, tmp_path: Path) -> Make:
    """A proxy and the backend behind it, with TLS in between; ``shown`` and the like are those of the backend."""

    def make(script: Any = None, *, on_connect: Any = None, server: Any = None, **options: Any) -> Proxied:
        upstream = ScriptedUpstream(
            script, on_connect=on_connect, host="localhost", tls=server or certificates.server()
        )
        return proxied(upstream=upstream, **{"tls": TLS(ca=certificates.trusted(tmp_path)), **options})

    return make


def asked(one: Proxied, **request: Any) -> tuple[Any, dict[str, Any]]:
    """The answer, and the notes beside it."""
    notes: dict[str, Any] = {}
    return one.call(environ={"wsgikit.notes": notes}, **request), notes


# ---- the exchange


def test_an_answer_comes_through_and_the_connection_is_kept(secured: Make) -> None:
    one = secured()
    for body in (b"", b"x" * 100_000, b""):
        result = one.call("POST", "/a%2Fb", body=body)
        assert result.json()["body"].encode() == body
        assert result.json()["target"] == "/a%2Fb"
    assert one.upstream.connections == 1, "one handshake for all of them"
    assert one.upstream.requests[0].header("Host") == f"localhost:{one.upstream.port}"
    one.proxy.close()
    one.upstream.wait_for(lambda: not one.upstream.open_connections)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("body", [b"", b"hello", b"x" * 300_000])
def test_bodies_of_every_framing_come_through(
    secured: Make, framing: Any, body: bytes, version: ssl.TLSVersion
) -> None:
    server = certificates.server(version=version)
    one = secured(cues.answer(body=[body] if body else b"", framing=framing), server=server)
    assert [one.call().body for _ in range(2)] == [body, body]
    assert one.upstream.connections == (2 if framing == "close" else 1)


def test_an_answer_that_comes_byte_by_byte_is_understood(secured: Make) -> None:
    assert secured(cues.drip()).call().body == b"ok"


def test_pieces_are_handed_on_as_they_come(secured: Make) -> None:
    go_on = threading.Event()
    one = secured(cues.answer(body=[b"one", go_on, b"two"], framing="chunked"))
    body = iter(one.proxy(build_environ(), lambda *args: lambda data: None))
    assert next(body) == b"one"
    go_on.set()
    assert list(body) == [b"two"]


@pytest.mark.parametrize("then", ["linger", "close", "cut", "reset"])
def test_an_early_refusal_of_a_long_body_is_not_lost(secured: Make, then: Any) -> None:
    one = secured(cues.early(413, b"too much\n", then=then))

    def pieces() -> Iterator[bytes]:
        yield b"x" * 1000
        one.upstream.wait_for(lambda: one.upstream.requests)
        while True:  # the proxy stops asking once it is refused
            yield b"x" * 65536

    result = one.call("POST", body=pieces())
    assert (result.status, result.body) == (413, b"too much\n")


def test_a_backend_may_answer_first_and_read_on(secured: Make) -> None:
    one = secured(cues.early(200, b"go on\n", then="keep"))
    body = b"x" * (4 << 20)
    assert one.call("POST", body=[body[n : n + 65536] for n in range(0, len(body), 65536)]).body == b"go on\n"
    one.upstream.wait_for(lambda: one.upstream.requests[0].complete)
    assert one.upstream.requests[0].body == body


def test_a_backend_that_echoes_as_it_reads_is_not_a_deadlock(secured: Make) -> None:
    def echo(peer: Any) -> None:
        request = peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(peer._until(b"\r\n"), 16):
            peer.send(b"%x\r\n%b" % (size, peer._exactly(size + 2)))
        peer._until(b"\r\n")
        request.complete = True
        peer.send(b"0\r\n\r\n")

    one = secured(echo, read_timeout=10.0)
    blocks = [bytes([n % 256]) * 65536 for n in range(320)]  # 20 MiB: more than the sockets' buffers hold
    assert one.call("POST", body=blocks).body == b"".join(blocks)
    one.call("POST", body=[b"again"])
    assert one.upstream.connections == 1


def test_expect_is_passed_on_and_waited_for(secured: Make) -> None:
    one = secured(cues.answer(body=b"thanks"))
    assert one.call("POST", headers={"Expect": "100-continue"}, body=b"hello").body == b"thanks"
    assert one.upstream.requests[0].body == b"hello"


def test_a_location_that_names_the_upstream_leads_to_the_client_side(secured: Make) -> None:
    one = secured()
    one.upstream.play(cues.answer(302, [("Location", f"{one.upstream.url}/login")]))
    assert one.call(environ={"SCRIPT_NAME": "/mnt", "PATH_INFO": "/x"}).header("Location") == "/mnt/login"


# ---- whom to trust


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (certificates.certificate(by="theirs"), "unable to get local issuer certificate"),
        (certificates.certificate("other.internal"), "not valid for 'localhost'"),
        (certificates.expired(), "certificate has expired"),
    ],
)
def test_a_backend_that_is_not_trusted_is_a_502_and_the_reason_is_for_the_log(
    secured: Make, shown: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    one = secured(server=certificates.server(shown))
    result, notes = asked(one)
    assert (result.status, result.text) == (502, UNREACHABLE)
    assert notes["upstream_error"] == "not_trusted"
    assert reason in caplog.text
    assert not one.upstream.requests
    assert secured(server=certificates.server(shown), tls=TLS(verify=False)).call().status == 200


def test_backends_are_verified_unless_somebody_says_otherwise(secured: Make) -> None:
    assert secured(tls=None).call().status == 502


def test_an_older_version_than_the_minimum_is_a_502(secured: Make, tmp_path: Path) -> None:
    server = certificates.server(version=ssl.TLSVersion.TLSv1_2)
    strict = TLS(ca=certificates.trusted(tmp_path), minimum="1.3")
    assert secured(server=server, tls=strict).call().text == UNREACHABLE
    assert secured(server=server).call().status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_backend_that_wants_to_know_us_gets_our_certificate(
    secured: Make, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    server = certificates.server(clients="ours", version=version)
    ca, cert = certificates.trusted(tmp_path), certificates.client(tmp_path)
    assert secured(server=server, tls=TLS(ca=ca, cert=cert)).call("POST", body=[b"a", b"b"]).status == 200
    for request in ({}, {"method": "POST", "body": [b"a", b"b"]}):
        stranger = secured(server=server)
        assert stranger.call(**request).text == UNREACHABLE
        assert not stranger.upstream.requests


def slow_to_tell(port: int, asked: threading.Event, told: threading.Event) -> int:
    """The port of one in front of ``port`` that has ``told`` what comes after the handshake once it is ``asked``."""
    listener, shaken = socket.create_server(("localhost", 0)), threading.Event()

    def ask(ours: socket.socket, theirs: socket.socket) -> None:
        with suppress(OSError):
            theirs.sendall(ours.recv(65536))  # the ClientHello; what follows comes after the handshake for us
            while data := ours.recv(65536):
                shaken.set()
                theirs.sendall(data)

    def pass_on() -> None:
        with listener, listener.accept()[0] as ours, socket.create_connection(("localhost", port)) as theirs:
            threading.Thread(target=ask, args=(ours, theirs), daemon=True).start()
            with suppress(OSError):
                while data := theirs.recv(65536):
                    if late := shaken.is_set():
                        asked.wait()
                    ours.sendall(data)
                    if late:
                        told.set()

    threading.Thread(target=pass_on, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_body_that_has_begun_goes_nowhere_else_when_our_certificate_is_refused_late(secured: Make) -> None:
    asked, told = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        yield b"first"
        asked.set()
        assert told.wait(5)
        yield b"second"

    strict = secured(server=certificates.server(clients="ours", version=ssl.TLSVersion.TLSv1_3))
    other = secured()
    late = f"https://localhost:{slow_to_tell(strict.upstream.port, asked, told)}"
    proxy = ReverseProxy([late, other.upstream.url], policy="first", tls=other.proxy.tls)
    assert call(proxy, "POST", body=body()).text == UNREACHABLE
    assert not other.upstream.requests
    proxy.close()


def test_the_name_of_a_backend_can_be_another_than_its_hosts(secured: Make, tmp_path: Path) -> None:
    server = certificates.server(certificates.certificate("app.internal"))
    tls = TLS(ca=certificates.trusted(tmp_path), server_name="app.internal")
    one = secured(server=server, tls=tls)
    assert one.call().status == 200
    assert one.upstream.requests[0].header("Host") == f"localhost:{one.upstream.port}"


def test_a_context_of_ones_own_does_as_well(secured: Make, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=certificates.trusted(tmp_path))
    one = secured(tls=context)
    assert one.call().status == 200
    assert one.proxy.tls is context


# ---- failures


@pytest.mark.parametrize(
    "spoiled",
    [
        cues.raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", reads="none", then="linger"),
        cues.cut_handshake(),
        cues.cut_handshake(then="reset"),
    ],
)
def test_what_is_no_handshake_is_a_502(secured: Make, spoiled: Any) -> None:
    result, notes = asked(secured(on_connect=spoiled))
    assert result.text == UNREACHABLE
    assert notes["upstream_error"] == "unreachable"


def test_a_handshake_that_is_never_answered_is_a_504(secured: Make) -> None:
    one = secured(on_connect=cues.never_answer(reads="none"), connect_timeout=0.05)
    assert one.call().status == 504
    one.upstream.wait_for(lambda: not one.upstream.open_connections)


def test_a_backend_that_never_answers_is_a_504(secured: Make) -> None:
    assert secured(cues.never_answer(), read_timeout=0.05).call().status == 504


def test_a_body_that_drips_meets_the_total_timeout(secured: Make) -> None:
    beat = threading.Event()

    def dripping(peer: Any) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x")
            beat.wait(0.005)

    with pytest.raises(ForwardingError):
        secured(dripping, total_timeout=0.2).call()


@pytest.mark.parametrize(
    "script", [cues.close(), cues.reset(), cues.raw(then="cut"), cues.cut_head(then="cut")]
)
def test_no_answer_is_a_502(secured: Make, script: Any) -> None:
    result = secured(script).call()
    assert result.text == "502 Bad Gateway\nThe upstream server gave no valid answer.\n"


@pytest.mark.parametrize("body", [b"hello", b"x" * 300_000])
def test_a_body_that_ends_with_the_connection_must_end_with_a_close_notify(
    secured: Make, body: bytes
) -> None:
    message = b"HTTP/1.1 200 OK\r\n\r\n" + body
    assert secured(cues.raw(message)).call().body == body
    for then in ("cut", "reset"):
        with pytest.raises(ForwardingError):
            secured(cues.raw(message, then=then)).call()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_says_where_it_ends_needs_no_close_notify(secured: Make, framing: Any) -> None:
    one = secured(cues.answer(body=[b"x" * 300_000], framing=framing, then="cut"))
    assert [len(one.call().body) for _ in range(2)] == [300_000] * 2


@pytest.mark.parametrize("then", ["close", "cut"])
@pytest.mark.parametrize("cue", [cues.short_body, cues.short_chunked, cues.short_chunk])
def test_a_body_cut_short_is_broken_off(secured: Make, cue: Any, then: Any) -> None:
    with pytest.raises(ForwardingError):
        secured(cue(then=then)).call()


# ---- kept connections


@pytest.mark.parametrize("then", ["close", "cut"])
def test_a_connection_that_died_idle_is_noticed_before_it_is_used(secured: Make, then: Any) -> None:
    one = secured(cues.answer(body=b"ok", then=then))
    for _ in range(3):
        assert one.call("POST", body=b"not to be repeated").status == 200
        one.upstream.wait_for(lambda: not one.upstream.open_connections)
    assert len(one.upstream.requests) == 3


def test_an_unasked_for_408_on_a_kept_connection_is_nobodys_answer(secured: Make) -> None:
    later, sent = threading.Event(), threading.Event()

    def impatient(peer: Any) -> None:
        peer.read()
        peer.send(cues.OK, later, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        sent.set()

    one = secured([impatient, cues.answer(body=b"right")])
    assert one.call().body == b"ok"
    later.set()
    assert sent.wait(10)
    assert one.call("POST").body == b"right"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_after_use_leaves_the_connections_of_its_parent_alone(secured: Make) -> None:
    one = secured()
    one.call()
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if call(one.proxy).json()["connection"] == 2 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert one.call("POST").json()["connection"] == 1


def test_a_used_proxy_pickles_and_copies(secured: Make) -> None:
    one = secured()
    one.call()
    for twin in (pickle.loads(pickle.dumps(one.proxy)), copy.deepcopy(one.proxy)):
        assert twin == one.proxy
        assert call(twin).status == 200
        twin.close()


# ---- greenlets, and real servers

GEVENT = """
import sys
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.tls import TLS
from wsgikit.testing import call

early, url, ca = sys.argv[1:]
if early == "no":
    made = TLS(ca=ca).context()
    assert call(ReverseProxy(url, tls=made)).status == 200
from gevent import monkey
monkey.patch_all()
import gevent

proxy = ReverseProxy(url, tls=made if early == "no" else TLS(ca=ca), read_timeout=5.0)
assert call(proxy).status == 200
body = b"x" * (4 << 20)
assert call(proxy, "POST", body=body).json()["body"] == body.decode()

# Two at once, in one thread: the first waits for the backend until the second has been there.
first = gevent.spawn(call, proxy, "GET", "/wait")
second = gevent.spawn(call, proxy, "GET", "/go")
gevent.joinall([first, second], timeout=5.0, raise_error=True)
assert (first.value.body, second.value.body) == (b"waited", b"gone")
print("right")
"""


@pytest.mark.parametrize("early", ["yes", "no"])
def test_greenlets_take_turns(tmp_path: Path, early: str) -> None:
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
        else:
            cues.echo(peer)

    with ScriptedUpstream(script, tls=certificates.server()) as upstream:
        ran = subprocess.run(
            [sys.executable, "-c", GEVENT, early, upstream.url, certificates.trusted(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (ran.stdout, ran.returncode) == ("right\n", 0), ran.stderr


class Careless(BaseHTTPRequestHandler):
    """As the standard library does it: closes without a close_notify."""

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/counted":
            self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def test_a_server_that_is_careless_about_ends_is_believed_where_it_counts(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Careless)
    server.socket = certificates.server().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=partial(server.serve_forever, 0.02))
    thread.start()
    try:
        proxy = ReverseProxy(
            f"https://127.0.0.1:{server.server_port}", tls=TLS(ca=certificates.trusted(tmp_path))
        )
        assert call(proxy, "GET", "/counted").body == b"hello"
        with pytest.raises(ForwardingError):
            call(proxy, "GET", "/to-the-end")
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
