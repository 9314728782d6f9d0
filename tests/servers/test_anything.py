"""Any environ on a server that is not known, and any app on any server: what was promised holds for both."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.servers.strict import Refused, StrictServer
from wsgikit.servers.fix import ServerFix
from wsgikit.servers.plans import PLANS
from wsgikit.servers.stream import Unfinished


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("wsgikit.errors"), "disabled", True)


class Text(str):
    __slots__ = ()


class Bytes(bytes):
    __slots__ = ()


# ---- environ

KEYS = [
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "HTTP_CONTENT_LENGTH",
    "HTTP_CONTENT_TYPE",
    "HTTP_HOST",
    "HTTP_TRANSFER_ENCODING",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REQUEST_URI",
    "RAW_URI",
    "DOCUMENT_URI",
    "DOCUMENT_ROOT",
    "SCRIPT_FILENAME",
    "HTTP_X",
    "HTTP_ACCEPT",
    "GATEWAY_INTERFACE",
    "HTTPS",
    "headers_raw",
    "HTTP_UPGRADE",
    "wsgi.input_terminated",
    "wsgi.file_wrapper",
]
TEXTS = [
    "/",
    "//",
    "/a/%2F",
    "*",
    "abc",
    "http://h/x",
    "https://u@h:1?x",
    "http:",
    "unix:",
    "0.0.0.0",
    "[::1]:80",
    "1.2.3.4:5",
    "chunked",
    "gzip",
    "5",
    "-1",
    "5,5",
    "HTTP/1",
    "HTTP/1.0",
    "HTTP/2",
    "https",
    "localhost",
]
texts = st.text(max_size=8) | st.sampled_from([*TEXTS, "", "9" * 5000, "\ud800", "a\r\n b"])
values = st.one_of(
    texts,
    texts.map(Text),
    st.integers(),
    st.none(),
    st.booleans(),
    st.binary(max_size=5),
    st.floats(),
    st.lists(st.integers(), max_size=1),
)


def mistakes(environ: dict[str, Any]) -> Iterator[str]:
    """What PEP 3333 and ServerFix promise of environ, and this one has not."""
    for key, value in environ.items():
        if "." not in key and (type(value) is not str or any(char > "\xff" for char in value)):
            yield f"{key}: {value!r}"
    for key in ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "REMOTE_ADDR"):
        if key not in environ:
            yield f"no {key}"
    script, path = environ["SCRIPT_NAME"], environ["PATH_INFO"]
    if script and (script[0] != "/" or script[-1] == "/"):
        yield f"SCRIPT_NAME {script!r}"
    if path[:1] != "/" and path != "*" and not (script and not path):
        yield f"PATH_INFO {path!r}"
    if not environ["SERVER_PORT"].isdigit() or not environ.get("CONTENT_LENGTH", "0").isdigit():
        yield "a number that is none"
    if {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & environ.keys():
        yield "a content field twice"


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=8))
def test_whatever_an_unknown_server_gives_the_app_gets_what_was_promised(given_: dict[str, Any]) -> None:
    found: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        found.extend(mistakes(environ))
        with contextlib.suppress(OSError):
            assert type(environ["wsgi.input"].read()) is bytes
        start_response("200 OK", [])
        return [b"ok"]

    server = StrictServer()
    environ = {"wsgi.input": io.BytesIO(b"hello"), **given_}
    ServerFix(app, server="unknown")(environ, server.start_response)
    assert not found
    assert server.status in ("200 OK", "400 Bad Request")


# ---- the answer

names = st.sampled_from(
    ["Content-Length", "Content-Type", "X-A", "Connection", "Date", "Set-Cookie", "Status", "x a", ""]
)
contents = st.sampled_from(["0", "3", "5", "text/plain", "a\r\nb", "\u20ac", "\xe9"]) | st.sampled_from(
    [5, None]
)
fields = st.tuples(names | names.map(Text), contents)
heads = st.lists(fields | fields.map(list), max_size=4) | st.lists(fields, max_size=3).map(tuple)
statuses = st.sampled_from(
    [
        "200 OK",
        "200",
        "204 No Content",
        "304 Not Modified",
        "205 Reset Content",
        "100 Continue",
        "999 X",
        "500 \r\nX: 1",
    ]
) | st.sampled_from([Text("200 OK"), 200, None])
chunks = st.sampled_from([b"", b"abc", b"x" * 10, Bytes(b"sub"), bytearray(b"ba"), "text", None])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("start"), statuses, heads, st.booleans()),
        st.tuples(st.just("write"), chunks),
        st.tuples(st.just("yield"), chunks),
        st.just(("raise",)),
    ),
    max_size=6,
)


class AppError(Exception):
    """What an app raises."""


def play(script: list[Any], start_response: Any) -> Iterator[Any]:
    """An app that does all this, one after the other."""
    write: Any = None
    for step, *what in script:
        if step == "raise":
            raise AppError
        elif step == "yield":
            yield what[0]
        elif step == "write":
            if write is not None:
                write(what[0])
        elif not what[2]:
            write = start_response(what[0], what[1])
        else:
            try:
                raise AppError
            except AppError:
                write = start_response(what[0], what[1], sys.exc_info())


class Body:
    """An iterable that counts its closings."""

    def __init__(self, chunks: Iterator[Any]) -> None:
        self._chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return self._chunks

    def close(self) -> None:
        self.closed += 1


@settings(max_examples=300, deadline=None)
@given(steps, st.sampled_from([None, *PLANS]), st.sampled_from(["GET", "HEAD"]), st.booleans(), st.booleans())
def test_whatever_an_app_does_the_strictest_server_can_carry_it(
    script: list[Any], server: str | None, method: str, late: bool, writes: bool
) -> None:
    strict = StrictServer(writes=writes)
    bodies: list[Body] = []

    def app(environ: Any, start_response: Any) -> Any:
        if not late:
            return list(play(script, start_response))
        bodies.append(Body(play(script, start_response)))
        return bodies[0]

    try:
        strict.ask(ServerFix(app, server=server), method=method)
    except Refused:
        raise
    except (AppError, AssertionError, TypeError, ValueError, Unfinished):
        pass  # the app's own mistakes, for a server that answers them
    assert [body.closed for body in bodies] == [1] * late
    if strict.status:
        length = strict.header("Content-Length")
        assert length is None or len(strict.body) <= int(length)
        assert not strict.body or (method == "GET" and strict.status[:3] not in ("204", "205", "304"))
