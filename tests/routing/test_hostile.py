"""What a router refuses before it looks at its rules."""

from __future__ import annotations

from ast import literal_eval
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.routing import Route, Router
from wsgikit.routing.hostile import hostile
from wsgikit.testing import build_environ, call, lint


def echo(environ: Any, start_response: Any) -> list[bytes]:
    assert environ["SCRIPT_NAME"] == "/m"
    rest = environ["wsgikit.route"].args["rest"] if "wsgikit.route" in environ else None
    body = repr((environ["PATH_INFO"], rest)).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


ROUTER = Router([Route("/<path:rest>", echo)], default=echo)


@pytest.mark.parametrize(
    "path",
    [
        "/..",
        "/../etc/passwd",
        "/a/../../b",
        "/files/x/../../secret",
        "/%2e%2e/a",
        "/.%2e/a",
        "/a/..",
        "/a%2f..%2fb",
        "/a\\..\\b",
        "/..\\a",
        "/%252e%252e/a",
        "/a%252f..%255cb",
        "//../a",
    ],
)
def test_a_path_that_goes_up_is_answered_400(path: str) -> None:
    answer = call(lint(ROUTER), path=path, environ={"SCRIPT_NAME": "/m"})
    assert (answer.status, answer.text) == (400, "400 Bad Request\nThe path goes up a level.\n")


@pytest.mark.parametrize("path", ["/a%00b", "/%00", "/a%2500"])
def test_a_path_with_a_nul_is_answered_400(path: str) -> None:
    answer = call(lint(ROUTER), path=path, environ={"SCRIPT_NAME": "/m"})
    assert (answer.status, answer.text) == (400, "400 Bad Request\nThe path holds a NUL.\n")


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/a/./b", "a/./b"),
        ("/a..b/..c/d../...", "a..b/..c/d../..."),
        ("/a%2Fb", "a/b"),
        ("/a\\b", "a\\b"),
        ("/100%25", "100%"),
        ("/a%0Ab", None),  # no converter of Werkzeug's that takes slashes takes a newline
        ("/caf%C3%A9", "café"),
        ("/caf%E9", "caf�"),
        ("/" + "a/" * 30_000 + "b", "a/" * 30_000 + "b"),
    ],
)
def test_any_other_path_goes_to_the_rules(path: str, rest: str | None) -> None:
    environ = build_environ("GET", path, environ={"SCRIPT_NAME": "/m"})
    seen, args = literal_eval(call(lint(ROUTER), environ=environ).text)
    assert seen == environ["PATH_INFO"]
    assert args == rest


@given(
    st.lists(st.sampled_from(["..", ".", "/", "\\", "a", "%2e", "%2F", "%5c", "%00", "\0", "%"])).map("".join)
)
def test_what_is_let_through_does_not_go_up_however_often_it_is_decoded(path: str) -> None:
    if not hostile(path):
        for text in (path, unquote(path)):
            assert ".." not in text.replace("\\", "/").split("/")
            assert "\0" not in text
