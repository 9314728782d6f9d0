"""environ: native strings from what mod_python decodes, and the path split where the app begins."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handlers.fake import Apache, Request, Table, Undecodable
from wsgikit.handlers.mod_python import environ, httpd
from wsgikit.handlers.mod_python.environ import build, native, script_name, text
from wsgikit.handlers.mod_python.streams import ErrorLog, request_body


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of a fake are no apr_table_t."""
    monkeypatch.setattr(httpd, "pairs", Table.copy)
    monkeypatch.setattr(httpd, "value", Table.value)


def built(req: Request, base: str = "") -> dict[str, Any]:
    return build(req, Apache(), base, request_body(req), ErrorLog(req, Apache()))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_native_string_has_the_clients_bytes(decoded: str) -> None:
    assert native(decoded).encode("latin-1") == decoded.encode()


def test_attribute_that_is_no_utf_8_has_the_clients_bytes() -> None:
    assert text(Request(uri=Undecodable(b"/caf\xe9")), "uri") == "/caf\xe9"


def test_attribute_that_is_not_there_is_empty() -> None:
    assert text(Request(), "args") == ""


@pytest.mark.parametrize(
    ("location", "options", "path", "base"),
    [
        ("/", {}, "/a", ""),
        ("/", {}, "/", ""),
        ("/shop", {}, "/shop", "/shop"),
        ("/shop", {}, "/shop/a", "/shop"),
        ("/shop/", {}, "/shop/a", "/shop"),
        ("/shop", {}, "/shopping", None),
        ("/shop", {"wsgi.base_uri": "/shop/one"}, "/shop/one/a", "/shop/one"),
        ("/shop", {"wsgi.base_uri": "/shop/one"}, "/shop/two", None),
        ("/", {"mod_python.wsgi.base_uri": "/shop"}, "/shop", "/shop"),
        ("/caf\xe9", {}, "/caf\xe9/a", "/caf\xc3\xa9"),
        (None, {}, "/a/b", ""),
    ],
)
def test_app_begins_where_it_is_mounted(
    location: str | None, options: dict[str, str], path: str, base: str | None
) -> None:
    req = Request(uri=path, options=options)
    req.hlist.directory, req.hlist.is_location = location or "/var/www/", int(location is not None)
    assert script_name(req) == base


def test_path_is_what_follows_the_mount() -> None:
    found = built(Request(uri="/caf\xe9/\xfc"), "/caf\xc3\xa9")
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/caf\xc3\xa9", "/\xc3\xbc")


def test_credentials_are_there_in_whichever_case() -> None:
    assert (
        built(Request(headers_in=Table({"authorization": "Basic eA=="})))["HTTP_AUTHORIZATION"]
        == "Basic eA=="
    )


@pytest.mark.parametrize(
    ("ssl", "variables", "scheme"),
    [(0, {}, "http"), (1, {}, "https"), (0, {"HTTPS": "On"}, "https"), (0, {"HTTPS": "off"}, "http")],
)
def test_scheme_is_that_of_mod_ssl_or_of_a_proxy(ssl: int, variables: dict[str, str], scheme: str) -> None:
    req = Request(is_https=lambda: ssl, subprocess_env=Table(variables))
    assert built(req)["wsgi.url_scheme"] == scheme


def test_flags_are_those_of_the_mpm() -> None:
    found = built(Request())
    assert (found["wsgi.multithread"], found["wsgi.multiprocess"]) == (True, True)


def test_option_of_ours_comes_before_mod_pythons() -> None:
    options = {"wsgi.application": "ours", "mod_python.wsgi.application": "theirs"}
    assert environ.option(Request(options=options), "application") == "ours"
