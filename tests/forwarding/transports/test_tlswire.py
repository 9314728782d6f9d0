"""A wire through TLS: what goes over it, what ends it, and how long it waits."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from tests import certificates
from wsgikit.forwarding.errors import ConnectTimedOut, NoAnswer, NotTrusted, TimedOut, Unreachable
from wsgikit.forwarding.tls import TLS
from wsgikit.forwarding.transports import tlswire
from wsgikit.forwarding.transports.tlswire import Engine, TLSWire, connect_tls
from wsgikit.forwarding.upstream import parse
from wsgikit.testing import ScriptedUpstream, cues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Dial = Callable[..., TLSWire]

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[Dial]:
    """Connects to a scripted backend, and closes the wire at the end."""
    with ExitStack() as stack:

        def connected(
            upstream: ScriptedUpstream, *, timeout: float = 10.0, read_timeout: float = 10.0, **options: Any
        ) -> TLSWire:
            tls = TLS(**{"ca": certificates.trusted(tmp_path), **options})
            wire = connect_tls(parse(upstream.url), timeout, read_timeout, tls.context(), tls.server_name)
            stack.callback(wire.close)
            return wire

        yield connected


def rest(wire: TLSWire) -> bytes:
    """All that comes until the other side says that it closes."""
    data = b""
    while piece := wire.receive():
        data += piece
    return data


def ask(wire: TLSWire) -> bytes:
    wire.send(ASK)
    return rest(wire)


def repeat(call: Callable[[], object]) -> None:
    """Again and again, until it raises."""
    while True:
        call()


def script(*pieces: Any, then: Any = "close") -> Any:
    return cues.raw(*pieces, reads="head", then=then)


# ---- the handshake


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_names_and_addresses_are_verified_and_names_alone_are_asked_for(
    dial: Dial, host: str, version: ssl.TLSVersion
) -> None:
    context = certificates.server(version=version)
    asked: list[str | None] = []
    context.sni_callback = lambda sock, name, context: asked.append(name)
    with ScriptedUpstream(script(b"hello"), host=host, tls=context) as upstream:
        assert ask(dial(upstream)) == b"hello"
    assert asked == ["localhost" if host == "localhost" else None]


def test_the_name_can_be_another_than_the_hosts(dial: Dial) -> None:
    context = certificates.server(certificates.certificate("app.internal"))
    asked: list[str | None] = []
    context.sni_callback = lambda sock, name, context: asked.append(name)
    with ScriptedUpstream(tls=context) as upstream:
        dial(upstream, server_name="app.internal")
        with pytest.raises(NotTrusted, match=r"not valid for '127\.0\.0\.1'"):
            dial(upstream)
    assert asked == ["app.internal", None]


def test_a_dot_at_the_end_of_a_name_is_no_part_of_it(dial: Dial) -> None:
    context = certificates.server(certificates.certificate("app.internal"))
    with ScriptedUpstream(tls=context) as upstream:
        dial(upstream, server_name="app.internal.")


def test_unix_sockets_have_the_name_they_are_given(dial: Dial, tmp_path: Path) -> None:
    context = certificates.server(certificates.certificate("app.internal"))
    with ScriptedUpstream(script(b"hello"), unix=str(tmp_path / "s"), tls=context) as upstream:
        wire = dial(upstream, server_name="app.internal")
        assert ask(wire) == b"hello"
        with pytest.raises(NotTrusted, match="not valid for 'localhost'"):
            dial(upstream)


def test_only_http_1_is_offered(dial: Dial) -> None:
    context = certificates.server()
    context.set_alpn_protocols(["h2", "http/1.1"])
    chosen: list[str | None] = []

    def note(peer: Any) -> None:
        peer.read()
        chosen.append(peer._sock.selected_alpn_protocol())
        peer.close()

    with ScriptedUpstream(note, tls=context) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        assert wire.receive() == b""
    assert chosen == ["http/1.1"]


def test_a_protocol_that_is_not_spoken_here_is_refused(tmp_path: Path) -> None:
    server, client = certificates.server(), TLS(ca=certificates.trusted(tmp_path)).context()
    for context in (server, client):
        context.set_alpn_protocols(["h2"])
    with ScriptedUpstream(tls=server) as upstream, pytest.raises(Unreachable, match="speaks 'h2'"):
        connect_tls(parse(upstream.url), 10.0, 10.0, client)


def test_an_unknown_authority_is_not_trusted_and_the_backend_hears_why(dial: Dial) -> None:
    context = certificates.server(certificates.certificate(by="theirs"))
    with ScriptedUpstream(tls=context) as upstream:
        with pytest.raises(NotTrusted, match="unable to get local issuer certificate"):
            dial(upstream)
        upstream.wait_for(lambda: upstream.faults)
        assert upstream.faults == ["no TLS handshake: TLSV1_ALERT_UNKNOWN_CA"]
        upstream.wait_for(lambda: not upstream.open_connections)


def test_a_certificate_past_its_day_is_not_trusted(dial: Dial) -> None:
    context = certificates.server(certificates.expired())
    with ScriptedUpstream(tls=context) as upstream, pytest.raises(NotTrusted, match="expired"):
        dial(upstream)


def test_a_name_in_the_subject_is_none(dial: Dial) -> None:
    context = certificates.server(certificates.nameless())
    with ScriptedUpstream(host="localhost", tls=context) as upstream, pytest.raises(NotTrusted):
        dial(upstream)


@pytest.mark.parametrize("shown", [certificates.expired(), certificates.certificate("other", by="theirs")])
def test_whoever_answers_is_taken_where_that_is_asked_for(dial: Dial, shown: Any) -> None:
    with ScriptedUpstream(script(b"hello"), tls=certificates.server(shown)) as upstream:
        wire = dial(upstream, verify=False)
        assert ask(wire) == b"hello"


def test_the_system_decides_whom_to_trust_unless_told(
    dial: Dial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with ScriptedUpstream(tls=certificates.server()) as upstream:
        monkeypatch.setenv("SSL_CERT_FILE", certificates.trusted(tmp_path, "theirs"))
        with pytest.raises(NotTrusted):
            dial(upstream, ca=None)
        monkeypatch.setenv("SSL_CERT_FILE", certificates.trusted(tmp_path, "ours"))
        dial(upstream, ca=None)


def test_a_backends_own_certificate_may_vouch_for_it(dial: Dial, tmp_path: Path) -> None:
    shown = certificates.certificate()
    pinned = tmp_path / "pinned.pem"
    shown.cert_chain_pems[0].write_to_path(str(pinned))
    with ScriptedUpstream(tls=certificates.server(shown)) as upstream:
        dial(upstream, ca=str(pinned))


def test_an_older_version_than_the_minimum_is_refused(dial: Dial) -> None:
    with ScriptedUpstream(tls=certificates.server(version=TLS12)) as upstream:
        dial(upstream)
        with pytest.raises(Unreachable, match="protocol version") as caught:
            dial(upstream, minimum="1.3")
        assert not isinstance(caught.value, NotTrusted)


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_our_certificate_is_shown_where_it_is_asked_for(
    dial: Dial, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    shown: list[Any] = []

    def note(peer: Any) -> None:
        shown.append(peer._sock.getpeercert()["subjectAltName"])
        script(b"hello")(peer)

    with ScriptedUpstream(note, tls=certificates.server(clients="ours", version=version)) as upstream:
        wire = dial(upstream, cert=certificates.client(tmp_path))
        assert ask(wire) == b"hello"
    assert shown == [(("DNS", "client.internal"),)]


@pytest.mark.parametrize(
    ("version", "by", "message"),
    [
        (TLS13, None, "our certificate, or the lack of one, was refused .*required"),
        (TLS13, "theirs", "our certificate, or the lack of one, was refused .*unknown ca"),
        (TLS12, "theirs", "our certificate, or the lack of one, was refused .*unknown ca"),
        (TLS12, None, "no TLS connection .*alert handshake failure"),  # TLS 1.2 has no word for it
    ],
)
def test_a_backend_that_wants_another_certificate_of_us_does_not_trust_us(
    dial: Dial, version: ssl.TLSVersion, by: str | None, message: str, tmp_path: Path
) -> None:
    cert = by and certificates.client(tmp_path, by)
    with ScriptedUpstream(tls=certificates.server(clients="ours", version=version)) as upstream:
        with pytest.raises(Unreachable, match=message):
            ask(dial(upstream, cert=cert))  # with TLS 1.3 the handshake is done for us before it is for them
        upstream.wait_for(lambda: upstream.faults)
        assert not upstream.requests


class Alerted:
    """OpenSSL as it is when the other side has sent an alert: servers in Python cannot be made to send one later on."""

    def read(self, size: int) -> bytes:
        error = ssl.SSLError(1, "")
        error.reason = "TLSV1_ALERT_ACCESS_DENIED"
        raise error

    def unwrap(self) -> None:
        raise ssl.SSLError(1, "")


def test_an_alert_about_certificates_that_follows_an_answer_does_not_say_unreachable(dial: Dial) -> None:
    # Unreachable says that nobody has seen the request, and that it can be sent again.
    go_on = threading.Event()
    with ScriptedUpstream(script(b"hello", go_on, b"alert"), tls=certificates.server()) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        assert wire.receive() == b"hello"
        wire._tls = Alerted()  # type: ignore[assignment]
        go_on.set()
        with pytest.raises(NoAnswer, match="access denied"):
            wire.receive()


@pytest.mark.parametrize(
    ("spoiled", "message"),
    [
        (cues.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", reads="none", then="linger"), "wrong version number"),
        (cues.raw(b"220 mail.internal ESMTP\r\n", reads="none", then="linger"), "no TLS connection"),
        (cues.cut_handshake(), "closed in the middle of the TLS handshake"),
        (cues.cut_handshake(then="reset"), "the TLS handshake broke off"),
    ],
)
def test_what_is_no_handshake_leaves_the_backend_unreachable(dial: Dial, spoiled: Any, message: str) -> None:
    with ScriptedUpstream(on_connect=spoiled, tls=certificates.server()) as upstream:
        with pytest.raises(Unreachable, match=message):
            dial(upstream)
        upstream.wait_for(lambda: not upstream.open_connections)


def drip(peer: Any) -> None:
    """Sends a record that would be whole after an hour."""
    peer.read_record()
    peer.send(bytes.fromhex("1603034000"))
    beat = threading.Event()
    while True:
        beat.wait(0.005)
        peer.send(b"\x02")


@pytest.mark.parametrize("slow", [cues.never_answer(reads="none"), drip])
def test_connection_and_handshake_share_one_limit(dial: Dial, slow: Any) -> None:
    with ScriptedUpstream(on_connect=slow, tls=certificates.server()) as upstream:
        with pytest.raises(ConnectTimedOut, match=r"no TLS connection within 0.1 s"):
            dial(upstream, timeout=0.1)
        upstream.wait_for(lambda: not upstream.open_connections)


def test_a_connection_that_is_never_accepted_meets_the_limit_as_well(dial: Dial) -> None:
    with ScriptedUpstream(tls=certificates.server()) as upstream:
        upstream.stall()
        with pytest.raises(ConnectTimedOut):
            dial(upstream, timeout=0.05)


def test_a_handshake_that_has_no_time_left_is_not_begun(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 9.0])
    monkeypatch.setattr(tlswire, "monotonic", lambda: next(times))
    with ScriptedUpstream(tls=certificates.server()) as upstream, pytest.raises(ConnectTimedOut):
        dial(upstream, timeout=5.0)


def test_a_name_that_none_can_have_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"a\.\.b"):
        connect_tls(parse("https://a..b"), 5.0, 5.0, TLS(verify=False).context())


# ---- reading


def test_session_tickets_are_nothing_to_read(dial: Dial) -> None:
    with ScriptedUpstream(script(b"hello"), tls=certificates.server(version=TLS13)) as upstream:
        wire = dial(upstream)
        select_sees = super(TLSWire, wire).readable
        assert select_sees(10.0), "two tickets are on their way"
        assert not wire.readable()
        assert not select_sees()
        wire.send(ASK)
        assert wire.readable(10.0)
        assert rest(wire) == b"hello"


def test_all_records_that_have_come_are_read_at_once(dial: Dial) -> None:
    # One read of the socket brings several records; none of them may be left where poll does not see it.
    with ScriptedUpstream(script(b"one", b"two", b"three"), tls=certificates.server()) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        upstream.wait_for(lambda: not upstream.open_connections)
        assert wire.receive() == b"onetwothree"
        assert wire.receive() == b""


def test_what_poll_does_not_see_is_readable_all_the_same(dial: Dial) -> None:
    stuck = threading.Event()
    with ScriptedUpstream(script(b"hello", stuck), tls=certificates.server()) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        while not wire.wait()[0]:
            pass
        assert not super(TLSWire, wire).readable()
        assert wire.wait() == (True, False)
        assert wire.readable()
        assert wire.receive() == b"hello"
        assert not wire.readable()
        stuck.set()


def test_what_comes_with_the_end_of_the_handshake_is_not_lost(
    dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Engine):
        """Reads on until the other side has closed."""

        def shake_hands(self, sock: socket.socket, give_up: float) -> None:
            super().shake_hands(sock, give_up)
            while data := sock.recv(65536):
                self.incoming.write(data)

    def speak_first(peer: Any) -> None:
        peer.secure(certificates.server())
        peer.send(b"too busy")
        peer.close()

    monkeypatch.setattr(tlswire, "Engine", Slow)
    with ScriptedUpstream(on_connect=speak_first, tls=certificates.server()) as upstream:
        assert rest(dial(upstream)) == b"too busy"


def test_half_a_record_is_nothing_to_read(dial: Dial) -> None:
    go_on = threading.Event()

    def halves(peer: Any) -> None:
        peer.read()
        sealed = seal(peer, b"hello")
        for part in (sealed[:9], go_on, sealed[9:]):
            if part is go_on:
                peer.wait(go_on)
            else:
                socket.socket.sendall(peer._sock, part)
        peer.close()

    with ScriptedUpstream(halves, tls=certificates.server(version=TLS12)) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        assert super(TLSWire, wire).readable(10.0)
        assert wire.wait() == (False, True)
        assert not wire.readable()
        go_on.set()
        assert wire.readable(10.0)
        assert rest(wire) == b"hello"


def seal(peer: Any, data: bytes) -> bytes:
    """The record that the peer would send for ``data``: caught on a pair of sockets put in the place of its own."""
    mine, other = socket.socketpair()
    with mine, other:
        kept = os.dup(peer._sock.fileno())
        os.dup2(other.fileno(), peer._sock.fileno())
        peer._sock.sendall(data)
        os.dup2(kept, peer._sock.fileno())
        os.close(kept)
        return mine.recv(65536)


# ---- ends


def test_an_end_that_is_announced_is_one(dial: Dial) -> None:
    with ScriptedUpstream(script(b"hello"), tls=certificates.server()) as upstream:
        wire = dial(upstream)
        assert ask(wire) == b"hello"
        assert wire.receive() == b""


@pytest.mark.parametrize("then", ["cut", "reset"])
@pytest.mark.parametrize("looked", [False, True])
def test_an_end_that_is_not_announced_is_a_broken_connection(dial: Dial, then: Any, looked: bool) -> None:
    with ScriptedUpstream(script(then=then), tls=certificates.server()) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        if looked:
            assert wire.readable(10.0)
        for _ in range(2):
            with pytest.raises(NoAnswer):
                wire.receive()


def test_what_came_before_a_broken_end_is_read_first(dial: Dial) -> None:
    with ScriptedUpstream(script(b"hello", then="cut"), tls=certificates.server()) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        upstream.wait_for(lambda: not upstream.open_connections)
        assert wire.receive() == b"hello"
        with pytest.raises(NoAnswer, match="without a close_notify"):
            wire.receive()


@pytest.mark.parametrize("answer", [b"", b"hello"])
def test_what_is_not_sealed_breaks_the_connection(dial: Dial, answer: bytes) -> None:
    def forged(peer: Any) -> None:
        peer.read()
        if answer:
            peer.send(answer)
        socket.socket.sendall(peer._sock, b"\x17\x03\x03\x00\x20" + b"x" * 32)
        peer.wait_for_close()
        peer.cut()

    with ScriptedUpstream(forged, tls=certificates.server()) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        with pytest.raises(NoAnswer, match="TLS failed"):
            assert rest(wire) == b"never"


def ends_of(upstream: ScriptedUpstream) -> list[str]:
    """How connections end, as the backend sees it: the script to play, and what it finds."""
    seen: list[str] = []

    def look(peer: Any) -> None:
        peer.read()
        peer.send(cues.OK)
        peer._sock.suppress_ragged_eofs = False
        try:
            seen.append("announced" if not peer._receive() else "data")
        except ConnectionError as error:
            seen.append(type(error.__cause__).__name__)
        peer.cut()

    upstream.play(look)
    return seen


def test_our_end_is_announced(dial: Dial) -> None:
    with ScriptedUpstream(tls=certificates.server()) as upstream:
        seen = ends_of(upstream)
        wire = dial(upstream)
        wire.send(ASK)
        assert wire.receive() == cues.OK
        wire.close()
        wire.close()
        upstream.wait_for(lambda: not upstream.open_connections)
    assert seen == ["announced"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_says_nothing_on_a_connection_of_its_parents(dial: Dial) -> None:
    with ScriptedUpstream(tls=certificates.server()) as upstream:
        seen = ends_of(upstream)
        wire = dial(upstream)
        wire.send(ASK)
        assert wire.receive() == cues.OK
        child = os.fork()
        if child == 0:
            wire.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert not wire.readable()
        wire.send(b"still mine")
        upstream.wait_for(lambda: not upstream.open_connections)
    assert seen == ["data"]


# ---- sending


@pytest.mark.parametrize(("size", "room"), [(20 << 20, None), (1 << 20, 4096)])
def test_a_lot_goes_out_and_comes_in_at_once(dial: Dial, size: int, room: int | None) -> None:
    def echo(peer: Any) -> None:
        peer.read()
        for _ in range(size >> 16):
            peer.send(peer._exactly(65536))
        peer.close()

    with ScriptedUpstream(echo, tls=certificates.server()) as upstream:
        wire = dial(upstream)
        if room:  # so that the socket takes records in parts
            wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        wire.send(ASK)
        block, sent, received = memoryview(b""), 0, bytearray()
        while sent < size:
            block = block or memoryview(bytes([sent >> 16 & 255]) * 65536)
            readable, writable = wire.wait()
            if readable:
                received += wire.receive()
            if writable:
                taken = wire.send_some(block)
                sent += taken
                block = block[taken:]
        received += rest(wire)
    assert received == b"".join(bytes([n & 255]) * 65536 for n in range(size >> 16))


def test_data_that_is_sent_at_once_goes_out_in_parts_all_the_same(dial: Dial) -> None:
    size = 1 << 20

    def count(peer: Any) -> None:
        peer.read()
        peer.send(b"%d" % len(peer._exactly(size)))
        peer.close()

    with ScriptedUpstream(count, tls=certificates.server()) as upstream:
        wire = dial(upstream)
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        wire.send(ASK + b"x" * size)
        assert rest(wire) == b"%d" % size


def test_an_end_in_the_middle_of_a_record_is_not_announced(dial: Dial) -> None:
    close_notify = bytes.fromhex("1703030013")  # the head of its record, as TLS 1.3 seals it
    came = bytearray()
    full, room = threading.Event(), threading.Event()

    def overhear(peer: Any) -> None:
        peer.read()
        peer.wait(full)
        came.extend(socket.socket.recv(peer._sock, 1 << 20))
        room.set()
        while data := socket.socket.recv(peer._sock, 1 << 20):
            came.extend(data)
        peer.cut()

    server = certificates.server(version=TLS13)
    with ScriptedUpstream(overhear, tls=server) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        upstream.wait_for(lambda: upstream.requests)
        assert not wire.readable()  # session tickets that nobody reads make the kernel reset the connection
        while wire.send_some(memoryview(b"x" * 65536)):
            pass
        full.set()
        assert room.wait(10)
        wire.close()
        upstream.wait_for(lambda: not upstream.open_connections)
    assert len(came) > 65536
    assert close_notify not in came[-65536:]


def test_a_backend_that_takes_nothing_meets_the_limit(dial: Dial) -> None:
    stuck = threading.Event()
    with ScriptedUpstream(cues.raw(stuck, reads="none"), tls=certificates.server()) as upstream:
        wire = dial(upstream, read_timeout=0.05)
        wire.send(ASK)
        block = memoryview(b"x" * 65536)
        with pytest.raises(TimedOut):
            repeat(lambda: wire.wait() and wire.send_some(block))
        with pytest.raises(TimedOut):
            wire.send(b"x" * (8 << 20))
        stuck.set()


def test_sending_to_a_backend_that_is_gone_is_no_answer(dial: Dial) -> None:
    with ScriptedUpstream(script(then="reset"), tls=certificates.server()) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        assert wire.readable(10.0)
        for send in (wire.send, lambda data: wire.send_some(memoryview(data))):
            with pytest.raises(NoAnswer):
                send(b"x" * 65536)


def test_sending_after_a_failure_of_tls_is_no_answer(dial: Dial) -> None:
    def forged(peer: Any) -> None:
        socket.socket.sendall(peer._sock, b"\x17\x03\x03\x00\x20" + b"x" * 32)
        peer.wait_for_close()
        peer.cut()

    with ScriptedUpstream(forged, tls=certificates.server()) as upstream:
        wire = dial(upstream)
        wire.send(ASK)
        assert wire.readable(10.0)
        with pytest.raises(NoAnswer, match="while the request was sent"):
            wire.send(ASK)


# ---- limits


def test_silence_meets_the_read_timeout_and_a_drip_the_deadline(dial: Dial) -> None:
    def dripping(peer: Any) -> None:
        peer.read()
        beat = threading.Event()
        while True:
            peer.send(b"x")
            beat.wait(0.005)

    with ScriptedUpstream([cues.never_answer(), dripping], tls=certificates.server()) as upstream:
        wire = dial(upstream, read_timeout=0.05)
        wire.send(ASK)
        with pytest.raises(TimedOut, match="nothing in time"):
            wire.receive()
        wire = dial(upstream)
        wire.deadline = monotonic() + 0.1
        wire.send(ASK)
        with pytest.raises(TimedOut):
            repeat(wire.receive)
        wire.at_rest()
        assert wire.deadline is None
