"""Paste's URLMap: its signature and outcomes, and the stated differences."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from tests.compat.named import Named, answer, shape
from wsgikit import compat
from wsgikit.testing import call, lint

original = pytest.importorskip("paste.urlmap", reason="needs the package Paste")

URLS: list[Any] = [
    "/",
    "/blog",
    "/blog/admin/",
    "http://blog.example",
    "https://port.example:8080/x",
    ("shop.example", "/y"),
    (None, "/none"),
]


def test_the_signature_is_pastes() -> None:
    assert shape(compat.URLMap) == shape(original.URLMap)


def test_what_is_no_app_is_refused_in_the_name_of_the_class_that_was_given_it() -> None:
    nothing: Any = 3
    with pytest.raises(TypeError, match="URLMap: not_found_app=3"):
        compat.URLMap(nothing)
    urlmap = compat.URLMap()
    with pytest.raises(TypeError, match=r"URLMap: urlmap\['/x'\]=3"):
        urlmap["/x"] = nothing
    assert len(urlmap) == 0


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
    expected = answer(filled(original.URLMap), path, HTTP_HOST=host)
    assert answer(lint(filled(compat.URLMap)), path, HTTP_HOST=host) == expected


def test_urlmap_is_the_dict_that_pastes_is() -> None:
    ours, theirs = filled(compat.URLMap), filled(original.URLMap)
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
