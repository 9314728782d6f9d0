"""The handler without Apache: which app it calls, what is closed, and where an error goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.handlers.fake import Apache, Request, Table
from wsgikit.handlers import mod_python
from wsgikit.handlers.mod_python import httpd

CLOSED: list[str] = []


@pytest.fixture(autouse=True)
def apache(monkeypatch: pytest.MonkeyPatch) -> Apache:
    """mod_python.apache, as it is within httpd alone, and the module of the app."""
    fake, app = Apache(), ModuleType("an_app")
    monkeypatch.setitem(sys.modules, "mod_python", ModuleType("mod_python"))
    monkeypatch.setitem(sys.modules, "mod_python.apache", fake)
    monkeypatch.setitem(sys.modules, "an_app", app)
    monkeypatch.setattr(httpd, "pairs", Table.copy)
    monkeypatch.setattr(httpd, "value", Table.value)
    mod_python.application.cache_clear()
    CLOSED.clear()
    apps = (application, broken, raising, reading, filed, wrapped)
    vars(app).update({made.__name__: made for made in apps})
    return fake


class Body:
    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def close(self) -> None:
        CLOSED.append("closed")


def application(environ: Any, start_response: Any) -> Body:
    start_response("200 OK", [])
    return Body(b"a", b"b")


def broken(environ: Any, start_response: Any) -> Body:
    start_response("200 OK", [])
    return Body(b"a", KeyError("after a"))


def raising(environ: Any, start_response: Any) -> Body:
    start_response("200 OK", [])
    return Body(KeyError("before a"), b"a")


def filed(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


def reading(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


def request(app: str, **more: Any) -> Request:
    return Request(uri="/shop/a", options={"wsgi.application": app}, **more)


@pytest.mark.parametrize("target", ["an_app:application", "an_app::application", "an_app"])
def test_app_is_named_as_ever(target: str) -> None:
    req = request(target)
    assert mod_python.handler(req) == Apache.OK
    assert (req.sent, CLOSED) == ([(b"a", True), (b"b", True)], ["closed"])


def test_request_beside_the_app_is_declined() -> None:
    req = Request(uri="/shopping", options={"wsgi.application": "an_app"})
    assert (mod_python.handler(req), req.sent) == (Apache.DECLINED, [])


def test_error_before_the_first_byte_is_mod_pythons() -> None:
    req = request("an_app:raising")
    with pytest.raises(KeyError, match="before a"):
        mod_python.handler(req)
    assert (req.sent, CLOSED) == ([], ["closed"])


def test_error_after_the_first_byte_is_logged_and_cuts_the_answer() -> None:
    req = request("an_app:broken")
    assert mod_python.handler(req) == Apache.OK
    assert (req.log[-1], CLOSED) == ("KeyError: 'after a'", ["closed"])
    assert req.connection.keepalive == Apache.AP_CONN_CLOSE


def test_client_that_has_left_is_no_error() -> None:
    req = request("an_app", gone=True)
    assert mod_python.handler(req) == Apache.OK
    assert (req.log, CLOSED) == ([], ["closed"])


def test_body_that_broke_off_is_the_clients_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpd, "begin_body", lambda req: 1)
    monkeypatch.setattr(httpd, "read_body", lambda request, size: None)
    req = request("an_app:reading", headers_in=Table({"Content-Length": "6"}))
    assert (mod_python.handler(req), req.log) == (Apache.HTTP_BAD_REQUEST, [])


def test_file_is_sent_by_apache() -> None:
    req = request("an_app:filed")
    mod_python.handler(req)
    [(path, offset, length)] = req.sent
    assert (path[:14], offset, length) == ("/proc/self/fd/", 0, Path(__file__).stat().st_size)


class Source:
    """Something that is read in three pieces, and no file."""

    def __init__(self) -> None:
        self.pieces = [b"a", b"b", b""]

    def read(self, size: int = -1) -> bytes:
        return self.pieces.pop(0)


def wrapped(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](Source())


def test_wrapper_around_no_file_is_read() -> None:
    req = request("an_app:wrapped")
    mod_python.handler(req)
    assert req.sent == [(b"a", True), (b"b", True)]


def test_app_that_is_not_named_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"PythonOption wsgi\.application names no app"):
        mod_python.handler(Request())


def test_end_of_a_broken_answer_is_swallowed() -> None:
    output = Source()
    mod_python.swallow(output)
    assert output.pieces == []


def test_streams_end_with_the_request() -> None:
    req = request("an_app", headers_in=Table({"Content-Length": "6"}))
    kept: dict[str, Any] = {}

    def app(environ: Any, start_response: Any) -> list[bytes]:
        kept.update(environ, write=start_response("200 OK", []))
        return []

    vars(sys.modules["an_app"])["application"] = app
    mod_python.handler(req)
    with pytest.raises(ValueError, match="is over"):
        kept["wsgi.input"].read()
    with pytest.raises(ValueError, match="was over"):
        kept["write"](b"x")
