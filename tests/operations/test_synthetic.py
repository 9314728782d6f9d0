from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from wsgikit.operations.synthetic import SyntheticRequest


def environ_of(request: Any) -> dict[str, Any]:
    return SyntheticRequest("X", "requests", request).environ()


def test_a_path_is_a_get_from_loopback() -> None:
    environ = environ_of("/caf%C3%A9?q=%20a")
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["PATH_INFO"] == "/café".encode().decode("latin-1")
    assert environ["QUERY_STRING"] == "q=%20a"
    assert environ["REQUEST_URI"] == "/caf%C3%A9?q=%20a"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], environ["HTTP_HOST"]) == (
        "localhost",
        "80",
        "localhost",
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example", ("https", "shop.example", "shop.example", "443", "/")),
        ("https://shop.example:8443/a", ("https", "shop.example:8443", "shop.example", "8443", "/a")),
        ("http://[::1]:80/", ("http", "[::1]:80", "::1", "80", "/")),
    ],
)
def test_a_url_sets_scheme_and_host(url: str, expected: tuple[str, ...]) -> None:
    environ = environ_of(url)
    keys = ("wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "PATH_INFO")
    assert tuple(environ[key] for key in keys) == expected


@pytest.mark.parametrize(
    "headers",
    [{"Host": "a.example", "Content-Type": "x/y"}, [("host", "a.example"), ("content-type", "x/y")]],
)
def test_headers_stand_where_servers_put_them(headers: Any) -> None:
    environ = environ_of(("PUT", "/", headers))
    assert environ["REQUEST_METHOD"] == "PUT"
    assert environ["HTTP_HOST"] == "a.example"
    assert environ["CONTENT_TYPE"] == "x/y"
    assert "HTTP_CONTENT_TYPE" not in environ


def test_each_run_has_an_environ_of_its_own() -> None:
    request = SyntheticRequest("X", "requests", "/")

    def edits(environ: Any, start_response: Any) -> list[bytes]:
        assert environ["PATH_INFO"] == "/"
        environ["PATH_INFO"] = "/edited"
        start_response("204 No Content", [])
        return []

    assert [request.run(edits) for _ in range(2)] == ["204 No Content"] * 2


def test_an_endless_body_is_left_and_closed() -> None:
    closed = []

    def endless(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield bytes(2**20)
        finally:
            closed.append(True)

    assert SyntheticRequest("X", "requests", "/").run(endless) == "200 OK"
    assert closed == [True]


@pytest.mark.parametrize(
    "request_",
    ["", "x", "//x", "http:/x", "ftp://host/", "/\n", "/é", "http://[/", "http://h:port/", ("G T", "/", {})],
)
def test_what_is_no_request(request_: Any) -> None:
    with pytest.raises(ValueError, match="X: requests="):
        environ_of(request_)


@pytest.mark.parametrize(
    "request_", [None, b"/", (), ("GET",), ("GET", "/", {}, 1), (1, "/"), ("GET", "/", 3)]
)
def test_what_is_nothing_like_a_request(request_: Any) -> None:
    with pytest.raises(TypeError, match="X: requests="):
        environ_of(request_)


@pytest.mark.parametrize("headers", [{"A:": "b"}, {"A": "b\r\nC: d"}])
def test_headers_that_could_not_be_sent(headers: Any) -> None:
    with pytest.raises(ValueError, match="X: requests="):
        environ_of(("GET", "/", headers))
