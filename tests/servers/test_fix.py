"""ServerFix as a whole: the environ of a server that bends everything, and the choice of what is done."""

from __future__ import annotations

import copy
import io
import pickle
import sys
from email.message import Message
from types import SimpleNamespace
from typing import Any

import pytest

import wsgikit.servers.fix as module
from tests.servers.strict import StrictServer
from wsgikit.core.middleware import Layer
from wsgikit.servers.fix import ServerFix
from wsgikit.servers.plans import PLANS
from wsgikit.testing import build_environ, call, lint


def seen(environ: dict[str, Any], *, server: str | None = None) -> dict[str, Any]:
    """What the app finds in environ."""
    found: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        found.update(environ)
        start_response("200 OK", [])
        return [b"ok"]

    list(ServerFix(app, server=server)(environ, StrictServer().start_response))
    return found


def reading(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [b"read " + body]


def test_what_a_server_bends_in_environ_is_straight_for_the_app() -> None:
    given = {
        "PATH_INFO": "caf\u00e9/\u20ac",
        "SERVER_PORT": 8000,
        "REMOTE_PORT": 51234,
        "SCRIPT_FILENAME": None,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "",
        "HTTP_HOST": "",
        "HTTP_CONTENT_TYPE": "",
        "wsgi.input": io.StringIO("blocks"),
        "wsgi.errors": io.BytesIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
    }
    environ = seen(given)
    assert environ["SCRIPT_NAME"] == environ["QUERY_STRING"] == environ["REMOTE_ADDR"] == ""
    assert environ["PATH_INFO"].encode("latin-1") == "/caf\u00e9/\u20ac".encode()
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", "8000")
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["wsgi.input"].read() == b""
    assert environ["wsgi.errors"] is sys.stderr
    assert (
        not {"REMOTE_PORT", "SCRIPT_FILENAME", "HTTP_HOST", "CONTENT_TYPE", "CONTENT_LENGTH"} & environ.keys()
    )
    call(lint(reading), environ=environ)  # and our own lint has nothing against it


def test_environ_is_edited_in_place_so_that_the_servers_log_is_right_too() -> None:
    environ = build_environ(environ={"REMOTE_ADDR": "0.0.0.0"})
    assert seen(environ)["REMOTE_ADDR"] == environ["REMOTE_ADDR"] == ""


@pytest.mark.parametrize("server", [None, *PLANS])
def test_an_environ_that_is_right_stays_right(server: str | None) -> None:
    before = build_environ(path="/a/b?q=1", headers={"X-Forwarded-For": "1.1.1.1", "Cookie": "a=b"})
    after = seen(before.copy(), server=server)
    changed = {key for key in before if after.get(key) != before[key]}
    assert changed <= {"wsgi.input", "wsgi.file_wrapper"}


@pytest.mark.parametrize("server", [None, *PLANS])
def test_a_body_is_read_to_its_end_and_no_further(server: str | None) -> None:
    app = ServerFix(reading, server=server)
    assert StrictServer().ask(app, method="POST", body=b"x=1").body == b"read x=1"
    assert StrictServer().ask(app).body == b"read "


@pytest.mark.parametrize("length", ["+3", "3, 3", "x", "-1"])
def test_a_request_with_no_one_length_is_answered_400(length: str) -> None:
    answer = StrictServer().ask(ServerFix(reading), environ={"CONTENT_LENGTH": length})
    assert answer.status == "400 Bad Request"
    assert b"Content-Length is not one number" in answer.body
    twice = {"CONTENT_LENGTH": "3", "HTTP_CONTENT_LENGTH": "4", "wsgi.input": io.BytesIO(b"abcd")}
    assert StrictServer().ask(ServerFix(reading), environ=twice).status == "400 Bad Request"


@pytest.mark.parametrize("server", [None, "uwsgi", "wsgiref", "gunicorn"])
def test_a_body_that_is_short_is_answered_400(server: str | None) -> None:
    environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "10", "wsgi.input": io.BytesIO(b"12345")}
    answer = StrictServer().ask(ServerFix(reading, server=server), environ=environ)
    assert answer.status == "400 Bad Request"


def test_chunks_under_uwsgi_are_read_by_uwsgi(monkeypatch: pytest.MonkeyPatch) -> None:
    for marks, server in (({}, "uwsgi"), ({"uwsgi.version": b"2.0.30"}, None)):
        chunks = [b"hel", b"lo", b""]
        monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(chunked_read=chunks.pop))
        chunks.reverse()
        environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(), **marks}
        assert StrictServer().ask(ServerFix(reading, server=server), environ=environ).body == b"read hello"


# ---- which repairs


def test_the_server_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(module, "recognise", lambda environ: asked.append(environ) or "unknown")
    app = ServerFix(reading)
    for _ in range(3):
        StrictServer().ask(app)
    assert len(asked) == 1


def test_two_servers_in_one_process_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ServerFix(reading)
    granian = {"SERVER_SOFTWARE": "Granian", "SERVER_PROTOCOL": "HTTP/1"}
    for _ in range(2):
        mixed = StrictServer().ask(app, environ=granian)
        assert mixed.body == b"read "
        StrictServer().ask(app, environ={"SERVER_SOFTWARE": "waitress"})
    assert set(app._found.values()) == {PLANS["granian"], PLANS["waitress"]}


def test_a_named_server_is_not_asked_for() -> None:
    environ = {"SERVER_SOFTWARE": "gunicorn/27", "SERVER_PROTOCOL": "HTTP/1"}
    assert seen(build_environ(environ=environ), server="granian")["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert seen(build_environ(environ=environ))["SERVER_PROTOCOL"] == "HTTP/1"


def test_a_server_that_is_not_known_is_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"ServerFix: server='guncorn'.*did you mean 'gunicorn'\?"):
        ServerFix(reading, server="guncorn")
    with pytest.raises(ValueError, match="ServerFix: server=5"):
        ServerFix(reading, server=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ServerFix: no option 'sever'"):
        Layer(ServerFix, sever="uwsgi")


def test_start_response_is_not_looked_at_on_a_server_that_is_not_known() -> None:
    """On fastwsgi the process ends when its type's name is asked for."""

    class Untouchable:
        def __call__(self, status: str, headers: Any) -> None:
            """All that may be done with it."""

        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked for")

    assert list(ServerFix(reading)(build_environ(), Untouchable())) == [b"read "]  # type: ignore[arg-type]
    assert list(ServerFix(reading, server="fastwsgi")(build_environ(), Untouchable())) == [b"read "]  # type: ignore[arg-type]


def test_called_without_arguments_it_is_no_factory() -> None:
    """uvicorn finds out by a TypeError that an app is not a function that makes one."""
    with pytest.raises(TypeError):
        ServerFix(reading)()  # type: ignore[call-arg]


def test_a_serverfix_inside_a_serverfix_does_no_harm() -> None:
    app = ServerFix(ServerFix(reading))
    assert StrictServer().ask(app, method="POST", body=b"x=1").body == b"read x=1"


def test_it_shows_copies_and_pickles_by_its_options() -> None:
    layer = ServerFix(reading, server="uwsgi")
    assert layer.options() == {"server": "uwsgi"}
    assert layer.server == "uwsgi"
    StrictServer().ask(layer)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other == layer


def test_lines_of_a_field_that_has_a_forged_twin_are_put_on_one() -> None:
    """The true value is put back by the repair of the forged one, and may be a folded one."""
    headers = Message()
    headers["X-Note"] = "one\r\n two"
    headers["X_Note"] = "forged"
    server = StrictServer()
    server.request_handler = SimpleNamespace(headers=headers)  # type: ignore[attr-defined]
    found: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        found.update(environ)
        start_response("200 OK", [])
        return [b"ok"]

    server.ask(ServerFix(app, server="wsgiref"), environ={"HTTP_X_NOTE": "one\r\n two,forged"})
    assert found["HTTP_X_NOTE"] == "one two"


@pytest.mark.parametrize("length", ["", None])
@pytest.mark.parametrize(
    "server", [name for name in PLANS if name not in ("waitress", "wsgikit.handlers.mod_python")]
)
def test_an_empty_length_is_no_length(server: str, length: str | None) -> None:
    """nginx sends one with each request, to gunicorn's uwsgi protocol too."""
    answer = StrictServer().ask(ServerFix(reading, server=server), environ={"CONTENT_LENGTH": length})
    assert answer.body == b"read "


def test_a_server_is_found_by_marks_that_an_environ_of_the_same_kind_lacks() -> None:
    app = ServerFix(reading)
    StrictServer().ask(app, environ={"uwsgi.version": b"2.0.30"})
    StrictServer().ask(app, environ={"SERVER_SOFTWARE": ["no text"]})
    assert set(app._found.values()) == {PLANS["uwsgi"], PLANS["unknown"]}


@pytest.mark.parametrize("gateway", [{}, {"GATEWAY_INTERFACE": "CGI/1.1"}])
def test_a_length_beside_chunks_is_refused_unless_a_gateway_has_decoded_them(gateway: dict[str, str]) -> None:
    both = {"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"hello")}
    answer = StrictServer().ask(ServerFix(reading), environ={**both, **gateway})
    assert answer.status == ("200 OK" if gateway else "400 Bad Request")
