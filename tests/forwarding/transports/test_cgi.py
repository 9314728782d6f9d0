from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.errors import HeadersTooLarge, NotForwardable
from wsgikit.forwarding.outbound import Outbound
from wsgikit.forwarding.request import Request
from wsgikit.forwarding.transports.cgi import MAX_VARIABLES, variables
from wsgikit.forwarding.upload import Upload
from wsgikit.forwarding.upstream import parse
from wsgikit.testing import build_environ


def made(
    method: str = "GET", path: str = "/", *, base: str = "", host: str = "app.internal", **more: Any
) -> dict[str, str]:
    """The variables of a request, by way of all that makes one."""
    request = Outbound()(build_environ(method, path, **more))
    found = variables(request, parse(f"uwsgi://10.0.0.1:3031{base}"), host)
    return {name.decode("ascii"): value.decode("latin-1") for name, value in found.items()}


def test_the_variables_of_a_whole_request() -> None:
    assert made(
        "POST",
        "/a%2Fb/c%20d?x=1&y=%20",
        headers={"Accept": "*/*", "X-Trace": "7", "Content-Type": "text/plain"},
        body=b"hello",
        environ={"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "50000"},
    ) == {
        "REQUEST_METHOD": "POST",
        "REQUEST_URI": "/a%2Fb/c%20d?x=1&y=%20",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a/b/c d",
        "QUERY_STRING": "x=1&y=%20",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "5",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "50000",
        "REQUEST_SCHEME": "http",
        "UWSGI_SCHEME": "http",
        "HTTP_HOST": "app.internal",
        "HTTP_ACCEPT": "*/*",
        "HTTP_X_TRACE": "7",
        "HTTP_X_FORWARDED_FOR": "192.0.2.7",
        "HTTP_X_FORWARDED_PROTO": "http",
        "HTTP_X_FORWARDED_HOST": "localhost",
        "HTTP_X_FORWARDED_PORT": "80",
    }


def test_no_body_has_no_length_and_no_type() -> None:
    found = made()
    assert (found["CONTENT_LENGTH"], found["CONTENT_TYPE"]) == ("", "")


@pytest.mark.parametrize(
    ("base", "path", "uri", "info"),
    [
        ("/base", "/x", "/base/x", "/base/x"),
        ("/b%20c", "/x%3Fy?z", "/b%20c/x%3Fy?z", "/b c/x?y"),
        ("/base", "/", "/base/", "/base/"),
        ("", "/J%C3%B6rg", "/J%C3%B6rg", "/J\xc3\xb6rg"),
        ("", "/%FF", "/%FF", "/\xff"),
    ],
)
def test_the_base_path_stands_before_the_path_and_script_name_is_empty(
    base: str, path: str, uri: str, info: str
) -> None:
    found = made(path=path, base=base)
    assert (found["REQUEST_URI"], found["PATH_INFO"], found["SCRIPT_NAME"]) == (uri, info, "")


def test_a_mount_point_is_no_part_of_the_path() -> None:
    found = made(environ={"SCRIPT_NAME": "/mnt", "PATH_INFO": "/x", "RAW_URI": "/mnt/x"})
    assert (found["REQUEST_URI"], found["PATH_INFO"], found["SCRIPT_NAME"]) == ("/x", "/x", "")
    assert found["HTTP_X_FORWARDED_PREFIX"] == "/mnt"


def test_a_question_about_the_server_as_a_whole() -> None:
    found = made("OPTIONS", environ={"PATH_INFO": "*", "RAW_URI": "*"})
    assert (found["REQUEST_URI"], found["PATH_INFO"]) == ("*", "*")


def test_https_is_told_in_every_way_a_server_asks_for() -> None:
    secure = made(environ={"wsgi.url_scheme": "https", "SERVER_PORT": ""})
    assert (secure["HTTPS"], secure["REQUEST_SCHEME"], secure["UWSGI_SCHEME"]) == ("on", "https", "https")
    assert secure["SERVER_PORT"] == "443"
    assert "HTTPS" not in made()


def test_a_scheme_that_is_none_is_not_passed_on() -> None:
    found = made(environ={"wsgi.url_scheme": "javascript", "SERVER_PORT": ""})
    assert (found["REQUEST_SCHEME"], found["UWSGI_SCHEME"], found["SERVER_PORT"]) == ("http", "http", "80")


def test_a_peer_without_an_address_is_an_empty_one() -> None:
    found = made(environ={"REMOTE_ADDR": "", "REMOTE_PORT": ""})
    assert found["REMOTE_ADDR"] == ""
    assert "REMOTE_PORT" not in found


@pytest.mark.parametrize("name", ["Proxy", "Proxy-Authorization", "Expect", "Content-Length", "Host", "TE"])
def test_some_fields_never_become_variables(name: str) -> None:
    request = Request(build_environ(), "GET", "/", fields=f"{name}: evil\r\n".encode())
    found = variables(request, parse("scgi://10.0.0.1:4000"), "app.internal")
    if name in ("Proxy-Authorization", "TE"):  # Outbound leaves these out for every protocol
        assert f"HTTP_{name.upper().replace('-', '_')}" not in made(headers={name: "evil"})
    else:
        assert b"evil" not in found.values()


def test_names_that_are_no_variables_are_left_out() -> None:
    assert "1" not in made(headers={"X.Dotted": "1", "X!": "1", "X'": "1"}).values()


def test_fields_of_one_name_are_joined() -> None:
    assert made(environ={"HTTP_X_A": "1", "HTTP_x_a": "2"})["HTTP_X_A"] == "1, 2"


KNOWN = set(made(environ={"REMOTE_PORT": "1", "wsgi.url_scheme": "https"}))
NAMES = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1) | st.sampled_from(
    ["Uwsgi-File", "UWSGI_FILE", "Script-Filename", "Php-Value", "Path-Info", "HTTPS", "Remote-Addr", "Proxy"]
)


@given(st.dictionaries(NAMES, st.just("evil"), max_size=8))
def test_no_name_is_the_choice_of_a_client(given_fields: dict[str, str]) -> None:
    fields = "".join(f"{name}: {value}\r\n" for name, value in given_fields.items())
    request = Request(build_environ(), "GET", "/", fields=fields.encode())
    found = variables(request, parse("fcgi://10.0.0.1:9000"), "app.internal")
    for name, value in found.items():
        if name.decode() not in KNOWN:
            assert re.fullmatch(rb"HTTP_[A-Z0-9_]+", name)
        elif b"evil" in value:
            assert name in (b"HTTP_X_FORWARDED_FOR", b"CONTENT_TYPE")
    assert b"HTTP_PROXY" not in found


@pytest.mark.parametrize("path", ["/%00", "/a%00b", "/x%00SCGI%001"])
def test_a_path_with_a_nul_is_refused(path: str) -> None:
    with pytest.raises(NotForwardable, match="NUL"):
        made(path=path)


@pytest.mark.parametrize("environ", [{"REMOTE_ADDR": "a\0b"}, {"SERVER_NAME": "€"}, {"SERVER_PORT": 80}])
def test_what_a_server_says_is_not_believed_to_be_bytes(environ: dict[str, Any]) -> None:
    request = Request(build_environ(environ=environ), "GET", "/")
    with pytest.raises(NotForwardable):
        variables(request, parse("scgi://10.0.0.1:4000"), "app.internal")


def test_a_length_that_was_found_out_is_told() -> None:
    request = Request(build_environ(), "POST", "/", upload=Upload(None, more=iter([b"abc"])))
    request.length = 3
    assert variables(request, parse("scgi://10.0.0.1:4000"), "h")[b"CONTENT_LENGTH"] == b"3"


def test_there_is_room_for_so_many_variables_and_not_one_more() -> None:
    room = MAX_VARIABLES - len(made())
    assert len(made(headers={f"X-{number}": "1" for number in range(room)})) == MAX_VARIABLES
    with pytest.raises(HeadersTooLarge) as caught:
        made(headers={f"X-{number}": "1" for number in range(room + 1)})
    assert (caught.value.status, caught.value.kind) == (431, "headers_too_large")


def test_a_protocol_adds_its_own() -> None:
    request = Outbound()(build_environ())
    assert variables(request, parse("scgi://10.0.0.1:4000"), "h", SCGI="1")[b"SCGI"] == b"1"
