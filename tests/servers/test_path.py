"""SCRIPT_NAME and PATH_INFO: the same path for the app, however the server cuts it or decodes it."""

from __future__ import annotations

from typing import Any

import pytest

from wsgikit.servers import path


def repaired(repair: Any, **environ: Any) -> dict[str, Any]:
    repair(environ)
    return environ


def test_what_is_absent_is_empty() -> None:
    assert repaired(path.missing_names) == {"SCRIPT_NAME": "", "PATH_INFO": "", "QUERY_STRING": ""}


@pytest.mark.parametrize(
    ("given", "script", "info"),
    [
        (("", "abc"), "", "/abc"),
        (("", ""), "", "/"),
        (("/mnt", ""), "/mnt", ""),  # the mount point itself
        (("/mnt", "x/y"), "", "/mntx/y"),  # /mntx/y was not for the mount
        (("/", ""), "", "/"),
        (("/mnt/", "x"), "/mnt", "/x"),
        (("/mnt", "/x"), "/mnt", "/x"),
        (("", "//a"), "", "//a"),
    ],
)
def test_the_path_has_its_slash_and_the_url_stays_the_same(
    given: tuple[str, str], script: str, info: str
) -> None:
    environ = repaired(path.leading_slash, SCRIPT_NAME=given[0], PATH_INFO=given[1])
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script, info)


def test_a_question_about_the_server_as_a_whole_keeps_its_asterisk() -> None:
    environ = repaired(path.leading_slash, REQUEST_METHOD="OPTIONS", SCRIPT_NAME="", PATH_INFO="*")
    assert environ["PATH_INFO"] == "*"
    assert repaired(path.leading_slash, REQUEST_METHOD="GET", PATH_INFO="*")["PATH_INFO"] == "/*"


@pytest.mark.parametrize(
    ("target", "host", "info"),
    [
        ("http://shop.example:8080/a", "shop.example:8080", "/a"),
        ("HTTPS://me@shop.example/", "shop.example", "/"),
        ("http://shop.example", "shop.example", "/"),
    ],
)
def test_an_absolute_target_has_its_path_and_names_the_host(target: str, host: str, info: str) -> None:
    environ = repaired(path.leading_slash, SCRIPT_NAME="", PATH_INFO=target, HTTP_HOST="other.example")
    assert (environ["HTTP_HOST"], environ["PATH_INFO"]) == (host, info)
    environ = repaired(path.absolute_target, RAW_URI=target + "?q=/", HTTP_HOST="other.example")
    assert environ["HTTP_HOST"] == host


def test_a_target_that_is_a_path_leaves_the_host_alone() -> None:
    environ = repaired(path.absolute_target, RAW_URI="/http://a/", HTTP_HOST="shop.example")
    assert environ["HTTP_HOST"] == "shop.example"
    assert "HTTP_HOST" not in repaired(path.absolute_target, RAW_URI="abc")


# What stock nginx and flup give, word for word.
STOCK = [
    ("/", "/", "", "/"),
    ("/env", "/env", "", "/env"),
    ("/env/a%2Fb", "/env/a/b", "Fb", "/env/a/b"),
    ("/env//b", "/env/b", "b", "/env/b"),
    ("/env/%C3%A9?q=1", "/env/\xc3\xa9", "3%A9", "/env/\xc3\xa9"),
    ("/env/x/../y", "/env/y", "/../y", "/env/y"),
]


@pytest.mark.parametrize(("target", "script", "info", "wanted"), STOCK)
def test_the_whole_path_is_no_script_name(target: str, script: str, info: str, wanted: str) -> None:
    given = {"SCRIPT_NAME": script, "PATH_INFO": info, "REQUEST_URI": target}
    environ = repaired(path.whole_path, DOCUMENT_URI=script, **given)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", wanted)


@pytest.mark.parametrize(("target", "script", "info", "wanted"), STOCK[:5])
def test_apaches_proxy_tells_the_whole_path_by_its_script_filename(
    target: str, script: str, info: str, wanted: str
) -> None:
    given = {"SCRIPT_NAME": script, "PATH_INFO": info, "REQUEST_URI": target}
    environ = repaired(path.whole_path, SCRIPT_FILENAME="proxy:fcgi://127.0.0.1:9000/", **given)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", wanted)


def test_a_path_that_is_split_as_it_should_stays_split() -> None:
    given = {"SCRIPT_NAME": "/mnt", "PATH_INFO": "/x", "REQUEST_URI": "/mnt/x"}
    assert repaired(path.whole_path, **given) == given
    given["DOCUMENT_URI"] = "/mnt/x"
    assert repaired(path.whole_path, **given) == given


def test_a_script_of_mod_fcgid_that_is_asked_for_itself_is_one() -> None:
    given = {"SCRIPT_NAME": "/app.fcgi", "PATH_INFO": "", "REQUEST_URI": "/app.fcgi"}
    given |= {"SCRIPT_FILENAME": "/srv/app.fcgi", "SERVER_SOFTWARE": "Apache/2.4.71"}
    assert repaired(path.whole_path, **given) == given


def test_uwsgi_behind_stock_fastcgi_params_has_no_path_info_at_all() -> None:
    environ = repaired(path.whole_path_unsent, SCRIPT_NAME="/a/b", DOCUMENT_URI="/a/b")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", "/a/b")
    mount = {"SCRIPT_NAME": "/mnt", "PATH_INFO": "", "DOCUMENT_URI": "/mnt"}
    assert repaired(path.whole_path_unsent, **mount) == mount


@pytest.mark.parametrize(
    "mark",
    [
        {"DOCUMENT_URI": "/shop/cart"},
        {"SCGI": "1"},
        {"SERVER_SOFTWARE": "nginx/1.22.1"},
        {"SCRIPT_FILENAME": "proxy:fcgi://127.0.0.1:9000/shop/cart"},
    ],
)
def test_on_an_unknown_server_a_gateway_is_told_by_its_marks(mark: dict[str, str]) -> None:
    given = {"SCRIPT_NAME": "/shop/cart", "PATH_INFO": "", "REQUEST_URI": "/shop/cart?x=1"}
    environ = repaired(path.whole_path_behind_gateway, **given, **mark)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", "/shop/cart")


@pytest.mark.parametrize(
    "mark", [{}, {"wsgi.run_once": True, "DOCUMENT_URI": "/mnt"}, {"mod_wsgi.version": ()}]
)
def test_a_mount_point_of_its_own_stays_one(mark: dict[str, Any]) -> None:
    """CGI's script itself, mod_wsgi's and gunicorn's mounts: PATH_INFO is empty, and rightly so."""
    given = {"SCRIPT_NAME": "/mnt", "PATH_INFO": "", "REQUEST_URI": "/mnt", **mark}
    assert repaired(path.whole_path_behind_gateway, **given) == given


def test_flups_scgi_path_is_decoded_by_what_nginx_says() -> None:
    given = {"SCRIPT_NAME": "", "PATH_INFO": "/a%2Fb", "REQUEST_URI": "/a%2Fb", "DOCUMENT_URI": "/a/b"}
    assert repaired(path.raw_document, **given)["PATH_INFO"] == "/a/b"
    sent = {"SCRIPT_NAME": "", "PATH_INFO": "/a%2Fb", "REQUEST_URI": "/a%252Fb", "DOCUMENT_URI": "/a%2Fb"}
    assert repaired(path.raw_document, **sent) == sent


def test_a_path_decoded_as_utf8_becomes_the_view_of_its_bytes() -> None:
    environ = repaired(path.utf8_view, SCRIPT_NAME="/caf\u00e9", PATH_INFO="/\u20ac")
    assert environ["SCRIPT_NAME"].encode("latin-1") == "/caf\u00e9".encode()
    assert environ["PATH_INFO"].encode("latin-1") == "/\u20ac".encode()


def test_on_an_unknown_server_only_what_cannot_be_a_view_is_taken_for_utf8() -> None:
    assert repaired(path.utf8_view_if_certain, PATH_INFO="/\u20ac")["PATH_INFO"] == "/\xe2\x82\xac"
    view = {"PATH_INFO": "/\xe9"}  # a client that does not send UTF-8
    assert repaired(path.utf8_view_if_certain, **view) == view
    assert repaired(path.utf8_view_if_certain, REQUEST_URI="/%E9", **view)["PATH_INFO"] == "/\xe9"
    assert repaired(path.utf8_view_if_certain, REQUEST_URI="/%C3%A9", **view)["PATH_INFO"] == "/\xc3\xa9"


def test_bytes_that_are_no_utf8_come_off_the_request_line() -> None:
    given = {"SCRIPT_NAME": "", "PATH_INFO": "/\xef\xbf\xbd"}
    assert repaired(path.lost_bytes, REQUEST_URI="/%E9", **given)["PATH_INFO"] == "/\xe9"
    scope = {"asgi.scope": {"raw_path": b"/mnt/%E9"}}
    environ = repaired(path.lost_bytes, SCRIPT_NAME="/mnt", PATH_INFO="/\xef\xbf\xbd", **scope)
    assert environ["PATH_INFO"] == "/\xe9"
    assert repaired(path.lost_bytes, **given) == given  # the server does not say


def test_a_path_as_it_stood_in_the_request_line_is_decoded() -> None:
    assert repaired(path.still_encoded, PATH_INFO="/a%2Fb/%C3%A9")["PATH_INFO"] == "/a/b/\xc3\xa9"


def test_an_encoded_slash_is_told_from_an_encoded_percent_sign() -> None:
    slash = repaired(path.encoded_slashes, PATH_INFO="/a%2Fb", REQUEST_URI="/a%2Fb?q=%20")
    assert slash["PATH_INFO"] == "/a/b"
    percent = repaired(path.encoded_slashes, PATH_INFO="/a%2Fb", REQUEST_URI="/a%252Fb")
    assert percent["PATH_INFO"] == "/a%2Fb"


@pytest.mark.parametrize(
    ("target", "raw"),
    [
        ("/a%2Fb?q", "/a%2Fb"),
        ("http://h/a?q", "/a"),
        ("/http://h/a", "/http://h/a"),
        (None, None),
        (b"/a", None),
    ],
)
def test_the_raw_path_is_had_where_the_server_gives_it(target: Any, raw: str | None) -> None:
    assert path.raw_path({"RAW_URI": target}) == raw


@pytest.mark.parametrize("name", ["/\ud800", "/\udcff\ud800"])
def test_a_surrogate_that_stands_for_no_byte_is_no_error(name: str) -> None:
    for repair in (path.utf8_view, path.utf8_view_if_certain):
        environ = {"PATH_INFO": name}
        repair(environ)
        assert environ["PATH_INFO"].encode("latin-1")


@pytest.mark.parametrize(
    ("script", "wanted"),
    [("/", ""), ("/mnt/", "/mnt"), ("mnt", "/mnt"), ("", ""), ("/a//b", "/a//b"), ("//", "")],
)
def test_a_script_name_begins_with_a_slash_and_ends_with_none(script: str, wanted: str) -> None:
    environ = repaired(path.script_slashes, SCRIPT_NAME=script, PATH_INFO="/x")
    assert environ == {"SCRIPT_NAME": wanted, "PATH_INFO": "/x"}


@pytest.mark.parametrize("target", ["http:///x", "http://user@/x"])
def test_a_target_without_a_host_leaves_the_host_alone(target: str) -> None:
    given = {"SCRIPT_NAME": "", "HTTP_HOST": "shop.example"}
    assert repaired(path.leading_slash, PATH_INFO=target, **given)["HTTP_HOST"] == "shop.example"
    assert repaired(path.absolute_target, RAW_URI=target, **given)["HTTP_HOST"] == "shop.example"
