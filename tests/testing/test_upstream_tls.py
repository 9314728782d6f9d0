from __future__ import annotations

import socket
import ssl
import threading

import pytest

from tests import certificates
from wsgikit.testing import ScriptedUpstream, cues

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def secure(connect):
    """A client through TLS that takes an end for one only when it is announced."""

    def connected(upstream, by="ours"):
        context = ssl.create_default_context()
        certificates.authority(by).configure_trust(context)
        raw = connect(upstream)
        raw.sock = context.wrap_socket(raw.sock, server_hostname="localhost", suppress_ragged_eofs=False)
        return raw

    return connected


def upstream(script=None, **options):
    return ScriptedUpstream(script, tls=certificates.server(), **options)


def test_it_answers_through_tls_and_keeps_the_connection(secure):
    with upstream(cues.answer(body=b"ok")) as backend:
        assert backend.url == f"https://127.0.0.1:{backend.port}"
        client = secure(backend)
        for _ in range(2):
            client.get()
            client.until(b"ok")
        assert backend.connections == 1
        assert [request.target for request in backend.requests] == ["/", "/"]


def test_unix_sockets_can_have_tls_as_well(secure, tmp_path):
    with upstream(cues.answer(body=b"ok"), unix=str(tmp_path / "s")) as backend:
        assert backend.url == f"unix:{tmp_path}/s"
        client = secure(backend)
        client.get()
        client.until(b"ok")


@pytest.mark.parametrize("then", ["close", "linger"])
def test_an_end_is_announced(secure, then):
    with upstream(cues.raw(b"hello", then=then)) as backend:
        client = secure(backend)
        client.get()
        assert client.rest() == b"hello"


@pytest.mark.parametrize(
    ("then", "error"), [("cut", ssl.SSLEOFError), ("reset", (ConnectionResetError, ssl.SSLEOFError))]
)
def test_an_end_can_come_unannounced(secure, then, error):
    with upstream(cues.raw(then=then)) as backend:
        client = secure(backend)
        client.get()
        with pytest.raises(error):
            client.rest()


def test_a_cut_without_tls_is_a_close(connect):
    with ScriptedUpstream(cues.raw(b"hello", then="cut")) as backend:
        client = connect(backend)
        client.get()
        assert client.rest() == b"hello"


def test_a_body_left_unread_does_not_overtake_the_answer_when_lingering(secure):
    with upstream(cues.early(413, b"too much\n")) as backend:
        client = secure(backend)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000)
        assert client.rest().endswith(b"too much\n")


def test_a_step_on_connect_comes_before_the_handshake(secure, connect):
    go_on = threading.Event()
    with upstream(cues.answer(body=b"ok"), on_connect=lambda peer: peer.wait(go_on)) as backend:
        thread = threading.Thread(target=lambda: secure(backend).get())
        thread.start()
        backend.wait_for(lambda: backend.connections == 1)
        assert not backend.requests
        go_on.set()
        thread.join()
        backend.wait_for(lambda: backend.requests)
    with upstream(on_connect=cues.raw(b"220 mail", reads="none")) as backend:
        assert connect(backend).rest() == b"220 mail"


@pytest.mark.parametrize(
    "spoiled", [cues.cut_handshake(), cues.cut_handshake(then="reset"), cues.raw(b"220 mail", reads="none")]
)
def test_a_spoiled_handshake_fails_at_the_client(secure, spoiled):
    with upstream(on_connect=spoiled) as backend:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            secure(backend)
        backend.wait_for(lambda: not backend.open_connections)
        assert not backend.faults


def test_a_client_that_leaves_in_the_middle_of_the_handshake_is_no_fault(connect):
    with upstream() as backend:
        connect(backend).sock.close()
        backend.wait_for(lambda: backend.connections and not backend.open_connections)
        assert not backend.faults


def test_a_handshake_that_fails_is_a_fault(secure, connect):
    with upstream() as backend:
        with pytest.raises(ssl.SSLCertVerificationError):
            secure(backend, by="theirs")
        client = connect(backend)
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert client.rest()[:1] in (b"\x15", b""), "an alert"
        client.sock.close()
        backend.wait_for(lambda: len(backend.faults) == 2)
    assert sorted(backend.faults) == [
        "no TLS handshake: HTTP_REQUEST",
        "no TLS handshake: TLSV1_ALERT_UNKNOWN_CA",
    ]


def test_what_is_not_http_is_refused_through_tls(secure):
    with upstream() as backend:
        client = secure(backend)
        client.send(b"no HTTP at all\r\n\r\n")
        assert client.rest().startswith(b"HTTP/1.1 400 ")
    assert len(backend.faults) == 1


def test_closing_ends_what_is_under_way(secure, connect):
    with upstream(cues.never_answer()) as backend:
        clients = [
            secure(backend),
            connect(backend),
        ]  # the one waits for its answer, the other for a handshake
        clients[0].get()
        backend.wait_for(lambda: backend.requests and backend.connections == 2)
    assert backend.open_connections == 0
    assert not [one for one in threading.enumerate() if one.name.startswith("upstream ")]


def test_a_connection_that_is_dropped_ends_without_a_word(secure):
    with upstream(cues.answer(body=b"ok")) as backend:
        client = secure(backend)
        client.get()
        client.until(b"ok")
        backend.drop()
        with pytest.raises((ssl.SSLEOFError, ConnectionError)):
            client.rest()


def test_a_step_can_look_at_the_records(connect):
    with ScriptedUpstream(on_connect=lambda peer: peer.send(peer.read_record()[5:])) as backend:
        client = connect(backend)
        client.sock.sendall(b"\x16\x03\x01\x00\x05hello" + ASK)
        assert client.until(b"hello").startswith(b"hello")
        client.sock.shutdown(socket.SHUT_WR)
