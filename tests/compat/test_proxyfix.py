"""Werkzeug's ProxyFix: its signature and outcomes side by side, and the stated differences."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware import proxy_fix as original
from werkzeug.wrappers import Request

from tests.compat.named import Named, shape
from wsgikit import compat
from wsgikit.access.log import AccessLog
from wsgikit.access.requestid import RequestId
from wsgikit.testing import call, lint

ALL = {"x_for": 1, "x_proto": 1, "x_host": 1, "x_port": 1, "x_prefix": 1}
KEYS = ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME")
SHORT = {
    "for": "HTTP_X_FORWARDED_FOR",
    "proto": "HTTP_X_FORWARDED_PROTO",
    "host": "HTTP_X_FORWARDED_HOST",
    "port": "HTTP_X_FORWARDED_PORT",
    "prefix": "HTTP_X_FORWARDED_PREFIX",
}


def environ_of(given: dict[str, Any]) -> dict[str, Any]:
    environ = {
        "REMOTE_ADDR": "192.168.0.9",
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/x",
        "HTTP_HOST": "backend:8000",
        "SERVER_NAME": "backend",
        "SERVER_PORT": "8000",
        "wsgi.url_scheme": "http",
    }
    environ |= {SHORT.get(name, name): value for name, value in given.items()}
    return {key: value for key, value in environ.items() if value is not None}


def seen(cls: Any, given: dict[str, Any], options: dict[str, int]) -> dict[str, Any]:
    environ = environ_of(given)
    cls(lambda environ, start_response: [], **options)(environ, lambda *_: None)
    return environ


def ours(given: dict[str, Any], **options: int) -> dict[str, Any]:
    return seen(compat.ProxyFix, given, options)


def test_the_signature_is_werkzeugs() -> None:
    assert shape(compat.ProxyFix) == shape(original.ProxyFix)


@pytest.mark.parametrize(
    ("options", "given_"),
    [
        ({}, {}),
        (
            {},
            {"for": "192.168.0.1", "proto": "https", "host": "evil.example", "port": "1", "prefix": "/evil"},
        ),
        ({}, {"for": "192.168.0.3, 192.168.0.1"}),
        ({}, {"for": "2001:db8::1"}),
        ({"x_for": 0}, {"for": "192.168.0.1", "proto": "https"}),
        ({"x_for": 2}, {"for": "192.168.0.1, 192.168.0.2"}),
        ({"x_for": 2}, {"for": "6.6.6.6, 192.168.0.1, 192.168.0.2"}),
        ({"x_for": 3}, {"for": "192.168.0.1, 192.168.0.2"}),
        ({"x_for": 2}, {"for": ", 192.168.0.3"}),
        ({"x_proto": 0}, {"proto": "https"}),
        ({"x_proto": 1}, {"proto": "http, https"}),
        ({"x_proto": 2}, {"proto": "https, http"}),
        ({"x_proto": 2}, {"proto": "https"}),
        ({"x_host": 1}, {"host": "shop.example:8080"}),
        ({"x_host": 1}, {"host": "evil.example, shop.example:8080"}),
        ({"x_host": 1}, {"host": "[2001:db8::a]:9000"}),
        ({"x_port": 1}, {"port": "8080"}),
        ({"x_port": 1}, {"port": "8080", "HTTP_HOST": "shop.example"}),
        ({"x_port": 1}, {"port": "8080", "HTTP_HOST": None}),
        ({"x_port": 1}, {"port": "8080", "HTTP_HOST": "[2001:db8::a]"}),
        ({"x_port": 1}, {"port": "8080", "HTTP_HOST": "[2001:db8::a]:9000"}),
        ({"x_port": 2}, {"port": "8080, 80"}),
        ({"x_host": 1, "x_port": 1}, {"host": "shop.example", "port": "443", "proto": "https"}),
        ({"x_prefix": 1}, {"prefix": "/ham"}),
        ({"x_prefix": 1}, {"prefix": "/ham, /eggs"}),
        ({"x_prefix": 2}, {"prefix": "/ham, /eggs"}),
        ({"x_prefix": 1}, {"prefix": "/ham", "SCRIPT_NAME": "/app"}),
        (ALL, {"for": "1.2.3.4", "proto": "https", "host": "a.b", "port": "8443", "prefix": "/p"}),
        (ALL, {"for": "", "proto": "", "host": "", "port": "", "prefix": ""}),
    ],
)
def test_what_is_sound_is_believed_as_werkzeug_does(options: dict[str, int], given_: dict[str, Any]) -> None:
    mine, theirs = ours(given_, **options), seen(original.ProxyFix, given_, options)
    assert {key: mine.get(key) for key in KEYS} == {key: theirs.get(key) for key in KEYS}
    assert mine["werkzeug.proxy_fix.orig"] == theirs["werkzeug.proxy_fix.orig"]


@pytest.mark.parametrize(
    ("given_", "expected", "theirs"),
    [
        # a lone quote of the client's hides what the proxy has added
        ({"for": '"a, 5.5.5.5'}, {"REMOTE_ADDR": "5.5.5.5"}, {"REMOTE_ADDR": "192.168.0.9"}),
        # what is no address, or not that alone
        ({"for": "1.2.3.4:5678"}, {"REMOTE_ADDR": "1.2.3.4"}, {"REMOTE_ADDR": "1.2.3.4:5678"}),
        ({"for": "[2001:db8::1]:80"}, {"REMOTE_ADDR": "2001:db8::1"}, {"REMOTE_ADDR": "[2001:db8::1]:80"}),
        ({"for": "<script>"}, {"REMOTE_ADDR": "192.168.0.9"}, {"REMOTE_ADDR": "<script>"}),
        ({"for": "unknown"}, {"REMOTE_ADDR": "192.168.0.9"}, {"REMOTE_ADDR": "unknown"}),
        ({"proto": "javascript"}, {"wsgi.url_scheme": "http"}, {"wsgi.url_scheme": "javascript"}),
        ({"proto": "HTTPS"}, {"wsgi.url_scheme": "https"}, {"wsgi.url_scheme": "HTTPS"}),
        ({"port": "abc"}, {"SERVER_PORT": "8000"}, {"SERVER_PORT": "abc"}),
        ({"host": "a b"}, {"HTTP_HOST": "backend:8000"}, {"HTTP_HOST": "a b"}),
        ({"prefix": "evil/"}, {"SCRIPT_NAME": ""}, {"SCRIPT_NAME": "evil/"}),
        ({"prefix": "//evil.example"}, {"SCRIPT_NAME": ""}, {"SCRIPT_NAME": "//evil.example"}),
        ({"prefix": "/ham/"}, {"SCRIPT_NAME": "/ham"}, {"SCRIPT_NAME": "/ham/"}),
        # the port of a host that has none is its scheme's
        ({"host": "shop.example"}, {"SERVER_PORT": "80"}, {"SERVER_PORT": "8000"}),
        ({"host": "[2001:db8::a]", "proto": "https"}, {"SERVER_PORT": "443"}, {"SERVER_PORT": "8000"}),
        # a scheme that the server took from anybody
        ({"wsgi.url_scheme": "https, http"}, {"wsgi.url_scheme": "http"}, {"wsgi.url_scheme": "https, http"}),
    ],
)
def test_what_is_unsound_is_not(
    given_: dict[str, Any], expected: dict[str, Any], theirs: dict[str, Any]
) -> None:
    mine = ours(given_, **ALL)
    assert {key: mine.get(key) for key in expected} == expected
    werkzeugs = seen(original.ProxyFix, given_, ALL)
    assert {key: werkzeugs.get(key) for key in theirs} == theirs, (
        "no difference any more: say so in the docstring"
    )


def test_a_nearer_address_that_is_none_ends_the_chain() -> None:
    environ = ours({"for": "1.2.3.4, unknown"}, x_for=2)
    assert environ["REMOTE_ADDR"] == "192.168.0.9"
    assert "HTTP_X_FORWARDED_FOR" not in environ


def test_headers_are_left_with_what_was_believed() -> None:
    sent = {"for": "6.6.6.6, 1.2.3.4, 5.6.7.8", "proto": "http, https", "host": "evil.example", "port": "abc"}
    environ = ours(sent, x_for=2)
    assert {name: environ.get(key) for name, key in SHORT.items()} == {
        "for": "1.2.3.4, 5.6.7.8",
        "proto": "https",
        "host": None,
        "port": None,
        "prefix": None,
    }
    assert Request(environ).access_route[0] == "1.2.3.4"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # WebOb wants the module cgi
        from webob import Request as WebObRequest
    assert WebObRequest(environ).client_addr == "1.2.3.4"


def test_the_other_layers_know_the_true_peer() -> None:
    lines: list[str] = []
    app = compat.ProxyFix(RequestId(Named("x"), trust="192.168.0.9"))
    answer = call(
        lint(AccessLog(app, "%a %{c}a", to=lines.append)),
        headers={"X-Forwarded-For": "1.2.3.4", "X-Request-Id": "r1"},
        environ={"REMOTE_ADDR": "192.168.0.9"},
    )
    assert answer.header("X-Request-Id") == "r1"
    assert lines == ["1.2.3.4 192.168.0.9"]


def test_the_older_values_win_when_two_run() -> None:
    environ = environ_of({"for": "1.2.3.4, 5.6.7.8"})
    app = compat.ProxyFix(compat.ProxyFix(lambda environ, start_response: [], x_for=2), x_for=2)
    app(environ, lambda *_: None)  # type: ignore[arg-type]
    assert environ["REMOTE_ADDR"] == "1.2.3.4"
    assert environ["wsgikit.original"]["REMOTE_ADDR"] == "192.168.0.9"


@given(
    st.dictionaries(st.sampled_from(list(SHORT)), st.text(max_size=30)),
    st.fixed_dictionaries({name: st.integers(0, 3) for name in ALL}),
)
def test_any_text_is_read(given_: dict[str, str], options: dict[str, int]) -> None:
    environ = ours(given_, **options)
    assert environ["wsgi.url_scheme"] in ("http", "https")
    assert environ["SERVER_PORT"].isdigit()
    assert "//" not in environ["SCRIPT_NAME"]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"x_for": -1}, ValueError, "ProxyFix: x_for=-1"),
        ({"x_host": "1"}, TypeError, "ProxyFix: x_host='1'"),
        ({"num_proxies": 1}, TypeError, "no option 'num_proxies'"),
    ],
)
def test_a_wrong_number_is_named(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        compat.ProxyFix(Named("x"), **options)


def test_it_pickles_and_shows_its_app() -> None:
    app = compat.ProxyFix(Named("x"), x_for=2)
    assert pickle.loads(pickle.dumps(app)) == app
    assert (app.app, app.x_for, app.x_proto, app.x_host) == (Named("x"), 2, 1, 0)
