"""Every layer the package exports between two linters of other people's, with every awkward app that keeps to PEP 3333.

Werkzeug's and WebTest's read the PEP in their own ways, wsgiref's is the standard library's; what one of them misses
another sees. tests/conformance has our own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.validate import validator

import pytest
from webtest.lint import middleware as webtest_lint
from werkzeug.middleware.lint import LintMiddleware

from tests.conformance.test_matrix import CASES, LAYERS, bare, check
from wsgikit import Mount
from wsgikit.testing import call

LINTERS: dict[str, Callable[[WSGIApplication], WSGIApplication]] = {
    "werkzeug": LintMiddleware,
    "webtest": webtest_lint,
    "wsgiref": validator,
}
# What is asked for again and again is left to tests/conformance: linters look at every chunk.
LEGAL = [case for case in CASES if not case.breaks and case.times == 1]

# Where Werkzeug's linter is wrong itself: the message, and the answers it is given for.
MISTAKEN = {
    # A 204 must not have one (RFC 9110 section 8.6).
    "204 responses must have an empty content length.": "204",
    # HEAD has the length of what GET would have given (RFC 9110 section 9.3.2).
    "Content-Length and the number of bytes sent to the client do not match.": "HEAD",
}


def complaints(run: Callable[..., object], *args: Any, about: str = "", **options: Any) -> list[str]:
    """What the linters say of a run: they warn, some of them where an exception would be swallowed."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        run(*args, **options)
    texts = [str(warning.message) for warning in seen]
    return [text for text in texts if not about or MISTAKEN.get(text) != about]


@pytest.mark.parametrize("linter", LINTERS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_between_two_of_them(name: str, linter: str) -> None:
    lint = LINTERS[linter]
    for case in LEGAL:
        app = lint(bare(name)(lint(case.app)))
        assert complaints(check, app, case, name, about=case.name) == [], case.name


class Tagged:
    """An answer that can be asked for in every way: it has a tag, a date and a length."""

    headers = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("ETag", '"one"'),
        ("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT"),
    )
    body = b"<p>one line of many</p>\n" * 100

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", list(self.headers))
        return iter([self.body[:1000], self.body[1000:]])


ASKINGS = {
    "unchanged": {"If-None-Match": '"one"'},
    "changed": {"If-None-Match": '"two"'},
    "precondition": {"If-Match": '"two"'},
    "since": {"If-Modified-Since": "Mon, 02 Nov 2026 10:00:00 GMT"},
    "range": {"Range": "bytes=10-19"},
    "ranges": {"Range": "bytes=0-0,-5"},
    "beyond": {"Range": "bytes=5000-"},
    "gzip": {"Accept-Encoding": "gzip"},
    "preflight": {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"},
    "traced": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
}


@pytest.mark.parametrize("linter", LINTERS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_asked_in_every_way_between_two_of_them(name: str, linter: str) -> None:
    lint = LINTERS[linter]
    layer = bare(name)
    for asking, headers in ASKINGS.items():
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            app = lint(layer(lint(Tagged())))
            about = "204" if method == "OPTIONS" else method  # CORS answers it so
            assert complaints(call, app, method, headers=headers, about=about) == [], (asking, method)


def shared_list(app: WSGIApplication) -> WSGIApplication:
    """A layer as they are often written: with the status in a class of its own, and a body that is no bytes."""

    class Text(str):
        pass

    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[Any]:
        start_response(Text("200 OK"), [("Content-Type", "text/plain")])
        return ["text"]

    return layer


@pytest.mark.parametrize("linter", LINTERS)
def test_they_do_see_what_is_wrong(linter: str) -> None:
    app = LINTERS[linter](shared_list(Tagged()))
    try:
        seen = complaints(call, app)
    except AssertionError as error:
        seen = [str(error)]
    assert seen


def test_it_is_mistaken_about_a_location_without_a_host_as_well() -> None:
    """RFC 7231 has allowed it since 2014, section 7.1.2; RFC 9110 does in section 10.2.2."""
    app = LintMiddleware(Mount({"/shop": Tagged()}, redirect_slash=True))
    assert complaints(call, app, path="/shop") == ["Absolute URLs required for location header."]


def test_what_is_said_to_be_mistaken_is_said_to_an_app_alone() -> None:
    by_name = {case.name: case for case in LEGAL}
    for message, name in MISTAKEN.items():
        case = by_name[name]
        assert complaints(check, LintMiddleware(case.app), case) == [message]
