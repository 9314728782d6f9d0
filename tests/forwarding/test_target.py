from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding import target as module
from wsgikit.forwarding.errors import NotForwardable


def target(environ: dict[str, Any], base: str, *, keep_prefix: bool = False) -> str:
    """What a backend with this base path is asked for."""
    return module.below(base, module.target(environ, keep_prefix=keep_prefix))


def environ(raw: str | None, *, mount: str = "", **more: Any) -> dict[str, Any]:
    """What a server makes of a target, with ``mount`` moved to SCRIPT_NAME by a Mount."""
    made: dict[str, Any] = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": mount, "QUERY_STRING": ""}
    if raw is not None:
        path, _, query = raw.partition("?")
        decoded = unquote_to_bytes(path).decode("latin-1")
        made |= {"RAW_URI": raw, "PATH_INFO": decoded.removeprefix(mount), "QUERY_STRING": query}
    return made | more


@pytest.mark.parametrize(
    "raw",
    [
        "/",
        "/a/b",
        "/a%2Fb",
        "/a%252Fb",
        "/%c3%A9/%E9",
        "//a//b",
        "/a;b=1/c,d@e:f",
        "/a/../b",
        "/a/%2e%2e/b",
        "/100%",
        "/%zz",
        "/a?",
        "/a?b=%2F&c=d?e",
        "/a%0ab",
        "/%7Euser/~user",
        "/a|b{c}",
    ],
)
def test_the_clients_own_spelling_is_sent(raw: str) -> None:
    assert target(environ(raw), "") == raw


@pytest.mark.parametrize("key", ["RAW_URI", "REQUEST_URI"])
def test_the_spelling_is_found_under_either_key(key: str) -> None:
    request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a/b", key: "/a%2Fb"}
    assert target(request, "") == "/a%2Fb"


def test_the_mount_point_is_cut_off_however_it_was_spelled() -> None:
    assert target(environ("/mnt/a%2Fb", mount="/mnt"), "") == "/a%2Fb"
    assert target(environ("/%6Dnt/a%2Fb", mount="/mnt"), "") == "/a%2Fb"
    assert target(environ("/caf%C3%A9/x%20y", mount="/caf\xc3\xa9"), "") == "/x%20y"
    assert target(environ("/mnt", mount="/mnt"), "") == "/"
    assert target(environ("/mnt?q", mount="/mnt"), "") == "/?q"


def test_a_prefix_that_a_proxy_in_front_has_cut_off_does_not_hide_the_spelling() -> None:
    request = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/outer/mnt",
        "PATH_INFO": "/a/b",
        "RAW_URI": "/mnt/a%2Fb",
    }
    assert target(request, "") == "/a%2Fb"
    assert target(request, "", keep_prefix=True) == "/outer/mnt/a%2Fb"


def test_keep_prefix_sends_the_mount_point_as_it_was_spelled() -> None:
    assert target(environ("/%6Dnt/a%2Fb", mount="/mnt"), "", keep_prefix=True) == "/%6Dnt/a%2Fb"
    assert (
        target(environ(None, mount="/m nt", PATH_INFO="/a b"), "/base", keep_prefix=True)
        == "/base/m%20nt/a%20b"
    )


def test_a_rewritten_path_is_quoted_from_its_bytes() -> None:
    assert target(environ("/old", PATH_INFO="/n\xc3\xa9w path"), "") == "/n%C3%A9w%20path"
    assert target(environ(None, PATH_INFO="/a?b#c%d"), "") == "/a%3Fb%23c%25d"


def test_an_escaped_slash_at_the_border_does_not_run_into_the_base_path() -> None:
    assert target(environ("/mnt%2Fx", mount="/mnt"), "/base") == "/base/x"


def test_base_path_stands_before_every_path() -> None:
    assert target(environ("/x?y"), "/base") == "/base/x?y"
    assert target(environ(None, PATH_INFO=""), "/base") == "/base"
    assert target(environ(None, PATH_INFO=""), "") == "/"


@pytest.mark.parametrize(
    "path",
    ["/..", "/../x", "/a/../../x", "/a//../../x", "/./../x", "/a/..\\..\\x", "/..;x/y", "/a/b/../../../c"],
)
def test_a_path_that_climbs_above_its_root_is_refused(path: str) -> None:
    for request in (environ(None, PATH_INFO=path), environ(path.replace("/..", "/%2e%2E"))):
        with pytest.raises(NotForwardable, match="climbs"):
            target(request, "/base")


def test_climbing_hidden_in_escaped_slashes_is_refused() -> None:
    with pytest.raises(NotForwardable, match="climbs"):
        target(environ("/a%2F..%2F..%2Fsecret"), "/base")


@pytest.mark.parametrize("path", ["x", "@evil:80/x", "evil.example", "../x", "*"])
def test_a_path_without_its_slash_is_refused(path: str) -> None:
    with pytest.raises(NotForwardable, match="slash"):
        target(environ(None, PATH_INFO=path), "/base")


@pytest.mark.parametrize("raw", ["@evil:80/x", "http://user@evil/y", "//evil/x", "evil:80"])
def test_a_raw_target_that_does_not_agree_with_the_path_is_not_believed(raw: str) -> None:
    assert target({"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "RAW_URI": raw}, "") == "/x"


@pytest.mark.parametrize("base", ["", "/base"])
def test_absolute_form_gives_its_path(base: str) -> None:
    as_it_came = "http://client.example/a%2Fb?q"
    decoded = {"REQUEST_METHOD": "GET", "QUERY_STRING": "q", "RAW_URI": as_it_came}
    assert target({**decoded, "PATH_INFO": "/a/b"}, base) == f"{base}/a%2Fb?q"
    assert target({**decoded, "PATH_INFO": "http://client.example/a/b"}, base) == f"{base}/a%2Fb?q"
    assert target({"REQUEST_METHOD": "GET", "PATH_INFO": "HTTP://client.example"}, base) == f"{base}/"


def test_options_star_goes_through_where_there_is_no_base_path() -> None:
    assert target({"REQUEST_METHOD": "OPTIONS", "PATH_INFO": "*", "RAW_URI": "*"}, "") == "*"


@pytest.mark.parametrize("control", ["\r\n", "\n", "\0", "\x7f"])
def test_control_characters_are_refused_where_they_are_not_the_clients_escapes(control: str) -> None:
    for request in (
        environ(None, PATH_INFO=f"/a{control}X: 1"),
        environ("/a", QUERY_STRING=f"b{control}c"),
        {"REQUEST_METHOD": "GET", "PATH_INFO": f"/a{control}", "RAW_URI": f"/a{control}"},
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/%61", "RAW_URI": f"/%2561?{control}"},
    ):
        with pytest.raises(NotForwardable, match="control"):
            target(request, "")


def test_bytes_beyond_ascii_and_spaces_are_quoted() -> None:
    request = environ("/caf\xe9", PATH_INFO="/caf\xe9", QUERY_STRING="q=\xe9 #")
    assert target(request, "") == "/caf%E9?q=%E9%20%23"


def test_text_that_is_no_latin1_view_is_refused() -> None:
    for key in ("PATH_INFO", "QUERY_STRING"):
        with pytest.raises(NotForwardable):
            target({"REQUEST_METHOD": "GET", "PATH_INFO": "/", key: "/€"}, "")


@given(st.binary(), st.binary())
def test_whatever_comes_the_target_is_refused_or_fit_for_a_request_line(path: bytes, raw: bytes) -> None:
    request = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path.decode("latin-1"),
        "RAW_URI": raw.decode("latin-1"),
        "QUERY_STRING": raw.decode("latin-1"),
    }
    try:
        sent = target(request, "/base")
    except NotForwardable:
        return
    assert sent.startswith("/base")
    assert sent[5:6] in ("", "/", "?")
    assert sent.isascii()
    assert sent.isprintable()
    assert " " not in sent


@given(st.text(st.sampled_from("/.%2eEfF\\;ab")))
def test_no_path_leaves_the_base_path(path: str) -> None:
    decoded = unquote_to_bytes("/" + path).decode("latin-1")
    try:
        sent = target({"REQUEST_METHOD": "GET", "PATH_INFO": decoded, "RAW_URI": "/" + path}, "/base")
    except NotForwardable:
        return
    depth = 0
    for segment in unquote_to_bytes(sent).decode("latin-1").split("/")[1:]:
        depth += {"..": -1, ".": 0, "": 0}.get(segment, 1)
        assert depth >= 1
