"""An answer that breaks off under uWSGI: the client sees it, by its length or by the reset."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from wsgikit.servers.fix import ServerFix
from wsgikit.testing import build_environ


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client, and uWSGI's side of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(connection_fd=server.fileno))
    with client, server:
        yield client, server


def answer(*headers: tuple[str, str], fails: bool = True) -> list[bytes]:
    """What goes out until the app fails."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", list(headers))
        yield b"begun"
        if fails:
            raise LookupError

    sent = []
    try:
        for chunk in ServerFix(app, server="uwsgi")(build_environ(), lambda status, headers: None):
            sent.append(chunk)
    except LookupError:
        pass
    return sent


def test_without_a_length_the_client_sees_a_reset(connection: tuple[socket.socket, socket.socket]) -> None:
    client, server = connection
    assert answer() == [b"begun"]
    server.close()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


@pytest.mark.parametrize(("headers", "fails"), [((("Content-Length", "10"),), True), ((), False)])
def test_with_one_or_at_a_good_end_the_connection_is_closed(
    connection: tuple[socket.socket, socket.socket], headers: Any, fails: bool
) -> None:
    client, server = connection
    assert answer(*headers, fails=fails) == [b"begun"]
    server.close()
    assert client.recv(1) == b""


@pytest.mark.parametrize("module", [None, SimpleNamespace(), SimpleNamespace(connection_fd=lambda: -1)])
def test_where_there_is_no_connection_the_apps_error_counts(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    assert answer() == [b"begun"]
