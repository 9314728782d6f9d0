"""The names of others: their originals' signatures and outcomes, and the stated differences."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.middleware import dispatcher

from wsgikit import compat
from wsgikit.testing import call, lint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # WebOb wants the module cgi
    from webob.exc import HTTPNotFound

try:
    import paste.cascade
    import paste.urlmap
except ImportError:
    paste = None  # type: ignore[assignment]

beside_paste = pytest.mark.skipif(paste is None, reason="needs the package Paste")


class Named:
    """An app that answers with its name and the two halves of the path; equal by name, so that it can be pickled."""

    def __init__(self, name: str, status: str = "200 OK") -> None:
        self.name, self.status = name, status

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(self.status, [("Content-Type", "text/plain")])
        return ["|".join((self.name, environ["SCRIPT_NAME"], environ["PATH_INFO"])).encode("latin-1")]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


def answer(app: WSGIApplication, path: str, **environ: Any) -> str:
    result = call(app, path=path, environ=environ)
    return result.text if result.status == 200 else str(result.status)


def shape(cls: type) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return [(p.name, p.kind, p.default) for p in parameters]


def test_dispatchers_signature_is_werkzeugs() -> None:
    assert shape(compat.DispatcherMiddleware) == shape(dispatcher.DispatcherMiddleware)


@beside_paste
def test_the_other_signatures_are_pastes() -> None:
    assert shape(compat.URLMap) == shape(paste.urlmap.URLMap)
    assert shape(compat.Cascade) == shape(paste.cascade.Cascade)


def test_what_is_no_app_is_refused_in_the_name_of_the_class_that_was_given_it() -> None:
    nothing: Any = 3
    with pytest.raises(TypeError, match="DispatcherMiddleware: app=3"):
        compat.DispatcherMiddleware(nothing)
    with pytest.raises(TypeError, match="URLMap: not_found_app=3"):
        compat.URLMap(nothing)
    urlmap = compat.URLMap()
    with pytest.raises(TypeError, match=r"URLMap: urlmap\['/x'\]=3"):
        urlmap["/x"] = nothing
    assert len(urlmap) == 0


# ---- DispatcherMiddleware

PATHS = [
    "/",
    "/x",
    "/blog",
    "/blog/",
    "/blog/post/5",
    "/blogger",
    "/blog/admin/x",
    "/a/b",
    "/a",
    "//blog",
    "/blog//x",
]


@pytest.mark.parametrize("path", PATHS)
def test_dispatcher_sends_requests_where_werkzeugs_does(path: str) -> None:
    mounts = {key: Named(key) for key in ("/blog", "/blog/admin", "/a/b")}
    ours = compat.DispatcherMiddleware(Named("main"), mounts)
    theirs = dispatcher.DispatcherMiddleware(Named("main"), mounts)  # type: ignore[arg-type]
    assert answer(lint(ours), path) == answer(theirs, path)  # type: ignore[arg-type]


def test_dispatcher_has_its_own_mind_where_werkzeugs_is_wrong() -> None:
    app = compat.DispatcherMiddleware(Named("main"), {"/t/": Named("t")})
    assert answer(app, "/t/x") == "t|/t|/x"
    assert answer(app, "/t/../x") == "400"
    assert answer(compat.DispatcherMiddleware(Named("main")), "/x") == "main||/x"


def test_dispatchers_mounts_change_while_serving() -> None:
    app = compat.DispatcherMiddleware(Named("main"), {"/a": Named("a")})
    app.mounts["/b"] = Named("b")
    assert answer(app, "/b/x") == "b|/b|/x"
    twin = pickle.loads(pickle.dumps(app))
    assert twin == app
    assert answer(twin, "/b/x") == "b|/b|/x"
    assert [label for label, _ in app.children()] == ["/a", "/b", "default"]


# ---- URLMap

URLS: list[Any] = [
    "/",
    "/blog",
    "/blog/admin/",
    "http://blog.example",
    "https://port.example:8080/x",
    ("shop.example", "/y"),
    (None, "/none"),
]


def filled(cls: Any) -> Any:
    urlmap = cls()
    for url in URLS:
        urlmap[url] = Named(str(url))
    return urlmap


@pytest.mark.parametrize(
    "path", ["/", "/x", "/blog", "/blog/", "/blog/admin/x", "/blogger", "/y/z", "/none/a"]
)
@pytest.mark.parametrize(
    "host", ["localhost", "blog.example", "blog.example:8080", "port.example:8080", "port.example"]
)
def test_urlmap_sends_requests_where_pastes_does(path: str, host: str) -> None:
    expected = answer(filled(paste.urlmap.URLMap), path, HTTP_HOST=host)
    assert answer(lint(filled(compat.URLMap)), path, HTTP_HOST=host) == expected


@beside_paste
def test_urlmap_is_the_dict_that_pastes_is() -> None:
    ours, theirs = filled(compat.URLMap), filled(paste.urlmap.URLMap)
    assert set(ours) == set(ours.keys()) == set(theirs.keys())
    assert len(ours) == len(theirs) == 7
    for urlmap in (ours, theirs):
        assert urlmap["/blog/"] == Named("/blog")
        assert urlmap["http://blog.example/"] == urlmap["blog.example", ""] == Named("http://blog.example")
        urlmap["/blog"] = Named("again")
        assert urlmap["/blog"] == Named("again")
        urlmap["/blog"] = None
        urlmap["/never/there"] = None
        assert ("/blog" in urlmap, len(urlmap)) == (False, 6)
        del urlmap["shop.example", "/y"]
        with pytest.raises(KeyError):
            urlmap["shop.example", "/y"]
        with pytest.raises(KeyError):
            del urlmap["/blog"]
    assert set(ours) == set(theirs)
    assert dict(ours.applications).keys() == dict(theirs.applications).keys()


def test_urlmap_asks_its_not_found_app() -> None:
    urlmap = compat.URLMap(not_found_app=Named("lost"))
    urlmap["/a"] = Named("a")
    assert answer(urlmap, "/x") == "lost||/x"
    assert list(urlmap.children()) == [("/a", Named("a")), ("default", Named("lost"))]
    assert compat.URLMap()


def test_urlmap_has_its_own_mind_where_pastes_is_wrong() -> None:
    urlmap = compat.URLMap()
    urlmap["http://Upper.Example"] = Named("upper")
    urlmap["http://[::1]/six"] = Named("six")
    urlmap["/secret"] = Named("secret")
    urlmap["http://upper.example:8080/x"] = Named("port")
    assert answer(urlmap, "/x", HTTP_HOST="upper.example") == "upper||/x"
    assert (
        answer(urlmap, "/x", HTTP_HOST="upper.example:8080") == "port|/x|"
    )  # hidden by the bare domain in Paste's
    assert answer(urlmap, "/six//x", HTTP_HOST="[::1]:80") == "six|/six|//x"
    lost = call(urlmap, path="/x")
    assert lost.status == 404
    assert "secret" not in lost.text


def test_urlmap_refuses_what_is_no_url() -> None:
    with pytest.raises(ValueError, match="URLMap: key='blog' will not do"):
        compat.URLMap()["blog"] = Named("blog")


def test_urlmap_pickles_and_copies_with_its_apps() -> None:
    urlmap = filled(compat.URLMap)
    for twin in (pickle.loads(pickle.dumps(urlmap)), copy.deepcopy(urlmap)):
        assert twin == urlmap
        assert answer(twin, "/blog/x") == "/blog|/blog|/x"
        twin["/more"] = Named("more")
        assert twin != urlmap


# ---- Cascade


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
