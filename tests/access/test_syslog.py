"""Syslog, tried on real sockets: unix, UDP and TCP, each with both formats."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wsgikit.access import syslog as module
from wsgikit.access.queued import Queued
from wsgikit.access.sinks import Sink, opened
from wsgikit.access.syslog import FACILITIES, bsd_time

PID = os.getpid()
BSD = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def dev_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = str(tmp_path / "log")
    monkeypatch.setattr(module, "_DEV_LOG", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.settimeout(10)
        server.bind(path)
        yield server


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.settimeout(10)
        server.bind(("127.0.0.1", 0))
        yield server


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def address(server: socket.socket) -> str:
    host, port = server.getsockname()
    return f"syslog://{host}:{port}"


def accepted(server: socket.socket) -> socket.socket:
    connection, _ = server.accept()
    connection.settimeout(10)
    return connection


# --- what a message looks like


def is_like(shape: str, message: bytes) -> bool:
    """PID stands for this process's, which a test's own name must not hold: workers collect the same names."""
    return re.fullmatch(shape.replace("PID", str(PID)), message.decode()) is not None


@pytest.mark.parametrize(
    ("to", "priority"), [("syslog:shop", 30), ("syslog:shop,local0", 134), ("syslog:shop,daemon", 30)]
)
def test_the_local_one_gets_a_datagram_for_each_line(dev_log: socket.socket, to: str, priority: int) -> None:
    opened(to, None).write("a line")
    assert is_like(rf"<{priority}>{BSD} shop\[PID\]: a line", dev_log.recv(1000))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", rf"<30>{BSD} wsgikit\[PID\]: a line"),
        ("?ident=shop&facility=local7", rf"<190>{BSD} shop\[PID\]: a line"),
        ("?format=rfc5424", rf"<30>1 {ISO} \S+ wsgikit PID access - a line"),
        ("?format=rfc5424&ident=shop&facility=user", rf"<14>1 {ISO} \S+ shop PID access - a line"),
    ],
)
def test_a_unix_socket_by_its_path(dev_log: socket.socket, options: str, message: str) -> None:
    opened(f"syslog://{dev_log.getsockname()}{options}", None).write("a line")
    assert is_like(message, dev_log.recv(1000))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", rf"<30>{BSD} [^\s.]+ wsgikit\[PID\]: a line"),
        ("/?proto=udp&format=rfc3164&ident=shop", rf"<30>{BSD} [^\s.]+ shop\[PID\]: a line"),
        ("?format=rfc5424&facility=local0", rf"<134>1 {ISO} \S+ wsgikit PID access - a line"),
    ],
)
def test_udp(udp: socket.socket, options: str, message: str) -> None:
    opened(address(udp) + options, None).write("a line")
    assert is_like(message, udp.recv(1000))


def test_tcp_with_rfc_3164_ends_each_message_with_a_newline(tcp: socket.socket) -> None:
    sink = opened(f"{address(tcp)}?proto=tcp", None)
    sink.write("1")
    sink.write("2")
    with accepted(tcp) as connection, connection.makefile() as lines:
        found = [next(lines), next(lines)]
    assert all(re.fullmatch(rf"<30>{BSD} [^\s.]+ wsgikit\[{PID}\]: [12]\n", line) for line in found)


def test_tcp_with_rfc_5424_counts_each_message(tcp: socket.socket) -> None:
    sink = opened(f"{address(tcp)}?proto=tcp&format=rfc5424", 10)
    sink.write("1")
    sink.write("22")
    with accepted(tcp) as connection, connection.makefile("rb") as read:
        for body in ("1", "22"):
            length = b""
            while (digit := read.read(1)) != b" ":
                length += digit
            message = read.read(int(length)).decode()
            assert re.fullmatch(rf"<30>1 {ISO} \S+ wsgikit {PID} access - {body}", message)


def test_the_day_of_rfc_3164_is_padded_with_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        assert bsd_time(1793880936.5) == "Nov  5 12:15:36"
        assert bsd_time(1795090536.0) == "Nov 19 12:15:36"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_facilities_have_the_numbers_of_rfc_5424() -> None:
    assert [FACILITIES.index(name) for name in ("kern", "daemon", "authpriv", "local0", "local7")] == [
        *(0, 3, 10, 16, 23)
    ]


# --- a syslogd that is gone, slow or dead


def test_no_thread_closes_a_socket_that_another_is_sending_on() -> None:
    """Between two calls its number may have gone to somebody else's connection."""
    together = threading.Barrier(2)
    met: list[bool] = []

    class Socket:
        def send(self, message: bytes) -> None:
            try:
                together.wait(0.2)
                met.append(True)
            except threading.BrokenBarrierError:
                met.append(False)

        def close(self) -> None:
            pass

    channel = module.Datagrams(Socket)  # type: ignore[arg-type]
    threads = [threading.Thread(target=channel.send, args=(b"x",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == [False, False]


def test_a_restarted_syslog_is_found_again(dev_log: socket.socket, tmp_path: Path) -> None:
    sink = opened("syslog:shop", None)
    sink.write("1")
    dev_log.close()
    (tmp_path / "log").unlink()
    with pytest.raises(OSError, match="No such file"):
        sink.write("lost")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.settimeout(10)
        server.bind(str(tmp_path / "log"))
        sink.write("2")
        assert server.recv(1000).endswith(b": 2")


def test_one_that_reads_nothing_holds_nobody_up(dev_log: socket.socket) -> None:
    sink = opened("syslog:shop", None)

    def flood() -> None:
        for _ in range(100_000):
            sink.write("x" * 1000)

    with pytest.raises(BlockingIOError):
        flood()


@pytest.mark.parametrize(("host", "waits"), [("logs.example", True), ("127.0.0.1", False), ("[::1]", False)])
def test_udp_to_a_name_has_a_queue_as_a_resolver_may_be_dead(host: str, waits: bool) -> None:
    assert isinstance(opened(f"syslog://{host}", None), Queued) is waits


def test_tcp_has_a_queue_of_its_own(tcp: socket.socket) -> None:
    assert isinstance(opened(f"{address(tcp)}?proto=tcp", None), Queued)


def test_tcp_that_reads_nothing_holds_nobody_up_and_lines_are_counted(
    tcp: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    monkeypatch.setattr("wsgikit.access.queued._FLUSH", 0.2)
    sink = opened(f"{address(tcp)}?proto=tcp", 10)
    while not sink.dropped:  # the kernel takes the connection, and nobody reads from it
        sink.write("x" * 100_000)


def test_an_error_names_where_the_line_should_have_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tcp: socket.socket
) -> None:
    gone, to = str(tmp_path / "log"), address(tcp)
    tcp.close()
    monkeypatch.setattr(module, "_DEV_LOG", gone)
    for sink, where in (
        (module.syslog("syslog:shop", "AccessLog"), gone),
        (module.syslog(f"syslog://{gone}", "AccessLog"), gone),
        (module.syslog(f"{to}?proto=tcp", "AccessLog"), to.removeprefix("syslog://")),
    ):
        with pytest.raises(OSError, match=re.escape(repr(where))):
            sink.write("lost")


def test_tcp_that_is_not_there_counts_each_line(tcp: socket.socket) -> None:
    to = f"{address(tcp)}?proto=tcp"
    tcp.close()
    sink = opened(to, 10)
    sink.write("lost")
    awaited_loss(sink, 1)


def test_tcp_that_was_restarted_is_found_again_and_the_line_not_lost(tcp: socket.socket) -> None:
    sink = opened(f"{address(tcp)}?proto=tcp", 10)
    sink.write("1")
    with accepted(tcp) as connection:
        assert connection.recv(1000).endswith(b": 1\n")
    sink.write("2")  # to a connection that the other side has closed
    with accepted(tcp) as connection:
        assert connection.recv(1000).endswith(b": 2\n")
    assert sink.dropped == 0


def awaited_loss(sink: Sink, lines: int) -> None:
    ticks = threading.Event()
    for _ in range(1000):
        if sink.dropped >= lines:
            return
        ticks.wait(0.01)
    pytest.fail(f"{sink.dropped} lines were counted as lost, not {lines}")


# --- what is no syslog


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("syslog:", "syslog:IDENT"),
        ("syslog:a b", "syslog:IDENT"),
        ("syslog:é", "up to 48 printable"),
        ("syslog:" + "x" * 49, "up to 48 printable"),
        ("syslog:shop,locl0", "did you mean 'local"),
        ("syslog://", "syslog://host:514"),
        ("syslog:///", "syslog://host:514"),
        ("syslog://host:port", "syslog://host:514"),
        ("syslog://host/path", "syslog://host:514"),
        ("syslog://jo@host", "syslog://host:514"),
        ("syslog://host?fromat=rfc5424", "did you mean 'format'"),
        ("syslog://host?format=rfc5425", "format='rfc5425'.* did you mean 'rfc5424'"),
        ("syslog://host?proto=tls", "proto='tls'.*'udp', 'tcp'"),
        ("syslog://host?facility=loca10", "facility='loca10'"),
        ("syslog://host?ident=", "an ident is"),
        ("syslog:///dev/log?proto=tcp", "syslog:///path"),
    ],
)
def test_a_wrong_text_is_named(to: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        opened(to, None)
    assert str(caught.value).startswith("AccessLog: to=")


def test_what_is_sent_is_one_datagram_whatever_is_in_the_line(udp: socket.socket) -> None:
    sink: Any = opened(address(udp), None)
    sink.write("caf\xe9 \ud800")
    assert udp.recv(1000).endswith(": caf\xe9 \\ud800".encode())
