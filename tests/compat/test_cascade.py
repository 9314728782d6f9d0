"""Paste's Cascade: its signature and outcomes, and the stated differences."""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.exceptions import NotFound

from tests.compat.named import Named, answer, shape
from wsgikit import compat
from wsgikit.testing import call, lint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # WebOb wants the module cgi
    from webob.exc import HTTPNotFound

original = pytest.importorskip("paste.cascade", reason="needs the package Paste")


def test_the_signature_is_pastes() -> None:
    assert shape(compat.Cascade) == shape(original.Cascade)


def raising(error: Exception) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        raise error

    return app


@pytest.mark.parametrize("catch", [(404,), ["404 Not Found"], [HTTPNotFound()], [NotFound()]])
def test_cascade_takes_what_pastes_takes_as_catch(catch: Any) -> None:
    app = compat.Cascade([Named("first", "404 Not Found"), Named("second")], catch=catch)
    assert answer(lint(app), "/x") == "second||/x"
    assert app.apps == [Named("first"), Named("second")]


def test_cascade_catches_http_exceptions_by_their_code() -> None:
    for error in (HTTPNotFound(), NotFound()):
        assert answer(compat.Cascade([raising(error), Named("second")]), "/x") == "second||/x"
        with pytest.raises(type(error)):
            call(compat.Cascade([raising(error), Named("second")], catch=[405]))


def test_cascade_raises_what_is_no_answer() -> None:
    class Upstream(Exception):
        code = 404

    for error in (ValueError(), Upstream()):
        with pytest.raises(type(error)):
            call(compat.Cascade([raising(error), Named("second")]))


def test_cascade_replays_any_body() -> None:
    def reading(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        return Named("", "404 Not Found")(environ, start_response)

    def size(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(len(environ["wsgi.input"].read())).encode()]

    assert call(lint(compat.Cascade([reading, size])), "POST", body=bytes(3_000_000)).text == "3000000"


def test_cascade_pickles_and_shows_its_apps() -> None:
    app = compat.Cascade([Named("a"), Named("b")], catch=(404, 405))
    assert pickle.loads(pickle.dumps(app)) == app
    assert list(app.children()) == [("1", Named("a")), ("2", Named("b"))]


def test_cascade_refuses_a_catch_that_is_no_status() -> None:
    with pytest.raises(TypeError, match=r"Cascade: catch='oops' .* a status code"):
        compat.Cascade([Named("a")], catch=["oops"])
