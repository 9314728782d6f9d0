"""Real servers of the gateway protocols behind a proxy: uWSGI speaks all three, flup two; by TCP and by unix socket."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.forwarding.gateway.servers import flup, uwsgi
from wsgikit.forwarding.errors import BrokenAnswer
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import Result, build_environ, call

UWSGI = ("uwsgi", "uwsgi+unix", "scgi", "scgi+unix", "fcgi", "fcgi+unix")
FLUP = ("scgi", "scgi+unix", "fcgi", "fcgi+unix")
FIVE_MIB = bytes(range(256)) * 256 * 80

Ask = Callable[..., Result]
Proxied = Callable[..., ReverseProxy]


@pytest.fixture(scope="module")
def at_uwsgi(
    program: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The URLs of a uWSGI server."""
    with uwsgi(program("uwsgi", "pyuwsgi"), tmp_path_factory.mktemp("uwsgi")) as urls:
        yield urls


@pytest.fixture(
    scope="module", params=[f"uWSGI {name}" for name in UWSGI] + [f"flup {name}" for name in FLUP]
)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server, one after another."""
    server, name = request.param.split()
    if server == "uWSGI":
        yield request.getfixturevalue("at_uwsgi")[name]
    else:
        pytest.importorskip("flup")
        with flup(tmp_path_factory.mktemp("flup"), name) as started:
            yield started


@pytest.fixture
def proxied() -> Iterator[Proxied]:
    """Makes proxies, and closes them."""
    with ExitStack() as stack:

        def make(url: str, **options: Any) -> ReverseProxy:
            return stack.enter_context(closing(ReverseProxy(url, read_timeout=20, **options)))

        yield make


@pytest.fixture
def ask(url: str, proxied: Proxied) -> Ask:
    """Asks the backend, by way of a proxy."""
    proxy = proxied(url)
    return lambda method, path, **more: call(proxy, method, path, **more)


def below(url: str, base: str) -> str:
    return f"{url}:{base}" if "+unix" in url else url + base


def test_a_request_arrives_as_it_was_sent(ask: Ask) -> None:
    answer = ask(
        "GET",
        "/variables/a%2Fb/%C3%A9?x=1&y=%20",
        headers={"X-Trace": "7", "Cookie": "a=b"},
        environ={"REMOTE_ADDR": "192.0.2.7"},
    )
    assert answer.status == 200
    found = answer.json()
    expected = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/variables/a/b/\xc3\xa9",
        "QUERY_STRING": "x=1&y=%20",
        "REQUEST_URI": "/variables/a%2Fb/%C3%A9?x=1&y=%20",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_X_TRACE": "7",
        "HTTP_COOKIE": "a=b",
        "HTTP_X_FORWARDED_FOR": "192.0.2.7",
        "wsgi.url_scheme": "http",
    }
    assert {name: found.get(name) for name in expected} == expected


def test_the_scheme_of_the_client_is_the_scheme_of_the_backend(ask: Ask) -> None:
    answer = ask("GET", "/variables", environ={"wsgi.url_scheme": "https", "SERVER_PORT": "443"})
    found = answer.json()
    assert (found["wsgi.url_scheme"], found["HTTPS"], found["SERVER_PORT"]) == ("https", "on", "443")


def test_the_base_path_comes_first(url: str, proxied: Callable[..., ReverseProxy]) -> None:
    found = call(proxied(below(url, "/variables")), path="/x").json()
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("", "/variables/x")


def test_a_client_chooses_no_names(ask: Ask) -> None:
    hostile = {
        "Proxy": "http://evil.example",
        "UWSGI_FILE": "/tmp/evil.py",
        "Uwsgi-Script": "evil",
        "Script-Name": "/evil",
        "Remote-Addr": "6.6.6.6",
        "Https": "on",
        "X.Dotted": "evil",
        "SCGI": "2",
        "PHP-Value": "auto_prepend_file=/tmp/evil",
    }
    found = ask("GET", "/variables", headers=hostile).json()
    evil = {name for name, value in found.items() if value in hostile.values()}
    assert evil <= {f"HTTP_{name.upper().replace('-', '_')}" for name in hostile if name != "Proxy"} | {
        "SCGI"
    }
    assert found["wsgi.url_scheme"] == "http"
    assert found["REMOTE_ADDR"] == "127.0.0.1"


def test_the_first_piece_arrives_before_the_second_is_made(
    ask: Ask, url: str, proxied: Any, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sent: list[str] = []
    writer = os.open(pipe, os.O_RDWR)  # so that nobody waits for the other to open it
    try:
        request = build_environ(path=f"/stream?pipe={pipe}")
        body: Any = proxied(url)(request, lambda status, headers: sent.append(status))
        assert next(body) == b"first"
        assert sent == ["200 OK"]
        os.write(writer, b"second")
        assert b"".join(body) == b"second"
        body.close()
    finally:
        os.close(writer)


@pytest.mark.parametrize("pieces", [(b"hello",), (b"he", b"llo"), (FIVE_MIB[: 1 << 16],) * 80])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_arrives_whole_with_its_length(ask: Ask, pieces: tuple[bytes, ...], chunked: bool) -> None:
    body = b"".join(pieces)
    answer = ask("POST", "/digest", body=pieces if chunked else body)
    assert answer.text == f"{len(body)} {hashlib.sha256(body).hexdigest()}"


def test_a_body_without_a_length_is_read_before_a_connection_is_taken(proxied: Proxied) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)

        def body() -> Iterator[bytes]:
            yield b"hello"
            with pytest.raises(BlockingIOError):
                listener.accept()
            raise OSError("the client has left")

        proxy = proxied(f"uwsgi://127.0.0.1:{listener.getsockname()[1]}")
        assert call(proxy, "POST", body=body()).status == 400
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_long_answer_comes_whole(ask: Ask) -> None:
    answer = ask("GET", "/large")
    assert answer.header("Content-Length") == "4194304"
    assert answer.body == FIVE_MIB[:4194304]


def test_status_reason_and_each_cookie_are_the_apps(ask: Ask) -> None:
    answer = ask("GET", "/teapot")
    assert (answer.status, answer.reason, answer.body) == (418, "Short and stout", b"teapot")
    assert answer.all("Set-Cookie") == ["a=1", "b=2"]


def test_an_answer_to_head_has_the_length_and_no_body(ask: Ask) -> None:
    for _ in range(2):
        answer = ask("HEAD", "/teapot")
        assert (answer.status, answer.header("Content-Length"), answer.body) == (418, "6", b"")
    assert ask("GET", "/teapot").body == b"teapot"


def test_nothing_is_nothing(ask: Ask) -> None:
    answer = ask("GET", "/nothing")
    assert (answer.status, answer.header("X-Kind"), answer.body) == (204, "nothing", b"")


def test_a_path_to_go_to_gets_the_mount_point(ask: Ask) -> None:
    answer = ask("GET", "/moved", environ={"SCRIPT_NAME": "/mnt", "PATH_INFO": "/moved"})
    assert (answer.status, answer.header("Location")) == (302, "/mnt/elsewhere")


def test_an_answer_that_breaks_off_is_broken_off(ask: Ask) -> None:
    with pytest.raises(BrokenAnswer):
        ask("GET", "/broken")
    assert ask("GET", "/teapot").status == 418


@pytest.mark.parametrize("name", ["fcgi", "fcgi+unix"])
def test_fastcgi_tells_an_answer_without_a_length_that_broke_off(
    at_uwsgi: dict[str, str], proxied: Proxied, name: str
) -> None:
    proxy = proxied(at_uwsgi[name])
    with pytest.raises(BrokenAnswer):
        call(proxy, path="/killed")
    assert call(proxy, path="/teapot").status == 418


def test_a_long_answer_nobody_wants_ends_with_its_connection(ask: Ask) -> None:
    assert len(ask("GET", "/large", stop_after=1).chunks) == 1
    assert ask("GET", "/teapot").body == b"teapot"


def test_a_request_larger_than_uwsgis_buffer_is_answered(
    at_uwsgi: dict[str, str], proxied: Proxied, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = proxied(at_uwsgi["uwsgi"])
    with caplog.at_level(logging.WARNING, "wsgikit.forwarding"):
        for _ in range(10):
            assert call(proxy, headers={"X-Long": "x" * 5000}).status == 502
    assert "see uWSGI's buffer-size" in caplog.text
    assert proxy.snapshot()["upstreams"][at_uwsgi["uwsgi"]]["state"] == "up"
    assert call(proxy, headers={"X-Long": "x" * 70000}).status == 431


@pytest.mark.parametrize("name", ["uwsgi", "scgi", "fcgi"])
def test_an_app_that_uwsgi_mounts_finds_its_mount_point(
    program: Callable[[str, str], str], tmp_path: Path, proxied: Proxied, name: str
) -> None:
    mounts = ["--mount", "/app=app.py", "--manage-script-name"]
    with uwsgi(program("uwsgi", "pyuwsgi"), tmp_path, app=mounts) as urls:
        found = call(proxied(below(urls[name], "/app")), path="/variables/x").json()
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/app", "/variables/x")


@pytest.mark.parametrize("name", ["fcgi", "fcgi+unix"])
def test_what_a_fastcgi_app_complains_of_is_logged_escaped(
    tmp_path: Path, proxied: Proxied, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("flup")
    with flup(tmp_path, name) as url, caplog.at_level(logging.WARNING, "wsgikit.forwarding"):
        assert call(proxied(url), path="/complaint").body == b"ok"
    assert r"it \x1b[31mhurts" in caplog.text
