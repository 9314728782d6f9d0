from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding import outbound
from wsgikit.forwarding.errors import NotForwardable
from wsgikit.forwarding.outbound import Outbound
from wsgikit.forwarding.request import Request
from wsgikit.forwarding.transports.http1 import HTTP1
from wsgikit.forwarding.upstream import parse
from wsgikit.testing import build_environ

UPSTREAM = parse("http://backend.internal:8080")


def made(
    method: str = "GET", path: str = "/", *, options: dict[str, Any] | None = None, **more: Any
) -> Request:
    return Outbound(**(options or {}))(build_environ(method, path, **more))


def head_of(request: Request) -> bytes:
    """What an HTTP backend is sent at once."""
    return HTTP1().encode(request, UPSTREAM, UPSTREAM.authority)[0]


def fields(request: Request) -> dict[str, str]:
    lines = head_of(request).partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    pairs = [tuple(line.split(": ", 1)) for line in lines]
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def test_a_whole_request() -> None:
    request = made("POST", "/a%2Fb?c", headers={"Accept": "*/*", "Content-Type": "text/plain"}, body=b"hello")
    assert head_of(request) == (
        b"POST /a%2Fb?c HTTP/1.1\r\n"
        b"Host: backend.internal:8080\r\n"
        b"X-Forwarded-Proto: http\r\n"
        b"X-Forwarded-Host: localhost\r\n"
        b"X-Forwarded-Port: 80\r\n"
        b"X-Forwarded-For: 127.0.0.1\r\n"
        b"Accept: */*\r\n"
        b"Content-Type: text/plain\r\n"
        b"Content-Length: 5\r\n"
        b"\r\n"
        b"hello"
    )


def test_a_missing_host_is_made_from_the_servers_name() -> None:
    request = build_environ(environ={"HTTP_HOST": "", "SERVER_NAME": "::1", "SERVER_PORT": "8000"})
    assert Outbound()(request).asked == "[::1]:8000"


@pytest.mark.parametrize("host", ["a.example,b.example", "a b", "user@a.example", "a/b"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(NotForwardable, match="Host"):
        made(environ={"HTTP_HOST": host})


def test_hop_by_hop_fields_stay_here() -> None:
    dropped = {
        "Connection": "keep-alive, X-Named, Accept",
        "X-Named": "1",
        "Accept": "*/*",
        "Keep-Alive": "timeout=5",
        "Proxy-Connection": "keep-alive",
        "Proxy-Authorization": "Basic c2VjcmV0",
        "Proxy-Anything": "1",
        "Proxy": "http://evil.example",
        "TE": "trailers",
        "Trailer": "X-T",
        "Upgrade": "h2c",
        "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA",
        "X-Kept": "1",
    }
    sent = fields(made(headers=dropped))
    assert sent["X-Kept"] == "1"
    assert not {name.title() for name in dropped} - {"X-Kept"} & set(sent)
    assert "Http2-Settings" not in sent


def test_connection_cannot_name_host_origin_or_framing_away() -> None:
    names = "host, x-forwarded-for, x-forwarded-proto, content-length, content-type"
    sent = fields(made("POST", headers={"Connection": names, "Content-Type": "text/plain"}, body=b"hello"))
    assert {"Host", "X-Forwarded-For", "X-Forwarded-Proto", "Content-Length"} < set(sent)
    assert "Content-Type" not in sent


def test_what_a_client_says_about_its_origin_is_dropped() -> None:
    forged = {
        "X-Forwarded-For": "6.6.6.6",
        "X_Forwarded_For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "666",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Server": "evil.example",
        "Forwarded": "for=6.6.6.6",
    }
    sent = fields(made(headers=forged))
    assert {name: value for name, value in sent.items() if "Forwarded" in name} == {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "localhost",
        "X-Forwarded-Port": "80",
    }


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (None, set()),
        ("forwarded", {"Forwarded"}),
        ("x-forwarded", {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"}),
        (
            "both",
            {"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"},
        ),
    ],
)
def test_forwarded_says_which_families_are_sent(kind: str | None, names: set[str]) -> None:
    sent = fields(made(headers={"X-Forwarded-For": "6.6.6.6"}, options={"forwarded": kind}))
    assert {name for name in sent if "Forwarded" in name} == names


def test_keep_prefix_sends_the_mount_point_in_the_path_and_nowhere_else() -> None:
    mounted = {"SCRIPT_NAME": "/mnt", "PATH_INFO": "/x", "RAW_URI": "/mnt/x", "REQUEST_URI": "/mnt/x"}
    cut = made(environ=mounted)
    assert head_of(cut).startswith(b"GET /x HTTP/1.1")
    assert fields(cut)["X-Forwarded-Prefix"] == "/mnt"
    kept = made(environ=mounted, options={"keep_prefix": True})
    assert head_of(kept).startswith(b"GET /mnt/x HTTP/1.1")
    assert "X-Forwarded-Prefix" not in fields(kept)


def test_lengths_and_types_that_servers_give_twice_are_sent_once() -> None:
    doubled = {"HTTP_CONTENT_LENGTH": "5", "HTTP_CONTENT_TYPE": "text/plain", "CONTENT_TYPE": "text/plain"}
    assert fields(made("POST", body=b"hello", environ=doubled))["Content-Type"] == "text/plain"


@pytest.mark.parametrize("method", ["", "G T", "GET\r\n", "GÉT", "GET /x HTTP/1.1\r\nX:", "CONNECT", None])
def test_a_method_that_is_none_is_refused(method: str | None) -> None:
    with pytest.raises(NotForwardable):
        Outbound()(build_environ(environ={"REQUEST_METHOD": method}))


@pytest.mark.parametrize("method", ["PURGE", "get", "M-SEARCH", "PATCH"])
def test_other_methods_go_through(method: str) -> None:
    assert head_of(made(method)).startswith(method.encode() + b" / ")


@pytest.mark.parametrize("key", ["HTTP_X_FIELD", "CONTENT_TYPE"])
@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\n b", "a\rb", "a\0", "a\x7f", "a\x1b[m", "€", b"a", 1]
)
def test_a_value_that_http_forbids_is_refused(key: str, value: Any) -> None:
    with pytest.raises(NotForwardable):
        made(environ={key: value})


@pytest.mark.parametrize("key", ["HTTP_X:Y", "HTTP_X Y", "HTTP_", "HTTP_X\r\nY", "HTTP_É"])
def test_a_name_that_http_forbids_is_refused(key: str) -> None:
    with pytest.raises(NotForwardable):
        made(environ={key: "1"})


def test_a_verified_chain_with_control_characters_is_refused() -> None:
    with pytest.raises(NotForwardable):
        made(
            environ={
                "HTTP_X_FORWARDED_FOR": "a\r\nX-Evil: 1",
                "wsgikit.original": {"REMOTE_ADDR": "10.0.0.1"},
            }
        )


def test_tabs_and_latin1_are_values() -> None:
    sent = fields(made(environ={"HTTP_X_FIELD": "a\tb\xe9"}))
    assert sent["X-Field"] == "a\tb\xe9"


def test_expect_is_sent_only_with_a_body_that_waits_for_it() -> None:
    source = io.BytesIO(b"hello")
    asking = {"HTTP_EXPECT": "100-Continue"}
    request = made("POST", environ={"CONTENT_LENGTH": "5", "wsgi.input": source, **asking})
    assert (fields(request)["Expect"], request.expects, source.tell()) == ("100-continue", True, 0)
    assert "Expect" not in fields(made(environ=asking))
    assert "Expect" not in fields(made("POST", environ={"HTTP_EXPECT": "miracles", "CONTENT_LENGTH": "0"}))


@pytest.mark.parametrize(
    ("protocol", "line"),
    [
        ("HTTP/1.1", "1.1 edge"),
        ("HTTP/1.0", "1.0 edge"),
        ("HTTP/2", "2 edge"),
        ("", "1.1 edge"),
        ("x\r\n", "1.1 edge"),
    ],
)
def test_via_follows_the_clients_own_on_demand(protocol: str, line: str) -> None:
    asked = build_environ(headers={"Via": "1.0 fred"}, environ={"SERVER_PROTOCOL": protocol})
    sent = [value for name, value in Outbound(via="edge")(asked).pairs() if name == "Via"]
    assert sent == ["1.0 fred", line]
    assert [value for name, value in Outbound()(asked).pairs() if name == "Via"] == ["1.0 fred"]


def test_names_from_strangers_are_remembered_within_bounds() -> None:
    many = {f"HTTP_X_{n}": "1" for n in range(outbound._REMEMBERED + 100)}
    made(environ=many)
    assert len(outbound._field_names) <= outbound._REMEMBERED


def test_what_strangers_invent_takes_up_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_sent", {})
    monkeypatch.setattr(outbound, "_field_names", outbound._FieldNames())
    for n in range(outbound._REMEMBERED_SETS + 8):
        made(environ={f"HTTP_X_{n}_{'A' * 8000}": "1"})
        made(environ={f"HTTP_X_{n}_{field}": "1" for field in range(100)})
    held = [name for keys in outbound._sent for name in keys] + list(outbound._field_names)
    assert sum(map(len, held)) < 2**20
    made()
    assert tuple(build_environ()) in outbound._sent  # also then


LEGAL = set(range(0x20, 0x7F)) | set(range(0x80, 0x100)) | {9}


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4),
    st.text(max_size=8),
    st.text(max_size=8),
)
def test_whatever_comes_the_head_holds_only_lines_of_ours(
    fields: dict[str, str], path: str, kind: str
) -> None:
    environ = build_environ(environ={f"HTTP_{name}": value for name, value in fields.items()})
    environ |= {"PATH_INFO": "/" + path, "CONTENT_TYPE": kind}
    try:
        head = head_of(Outbound()(environ))
    except NotForwardable:
        return
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert len(lines[0].split(b" ")) == 3
    for line in lines:
        assert set(line) <= LEGAL
    assert [line.partition(b": ")[1] for line in lines[1:]] == [b": "] * (len(lines) - 1)
