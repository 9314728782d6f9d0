"""Werkzeug's DispatcherMiddleware: its signature and outcomes, and the stated differences."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from werkzeug.middleware import dispatcher

from tests.compat.named import Named, answer, shape
from wsgikit import compat
from wsgikit.testing import lint

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


def test_the_signature_is_werkzeugs() -> None:
    assert shape(compat.DispatcherMiddleware) == shape(dispatcher.DispatcherMiddleware)


def test_what_is_no_app_is_refused_in_the_name_of_the_class_that_was_given_it() -> None:
    nothing: Any = 3
    with pytest.raises(TypeError, match="DispatcherMiddleware: app=3"):
        compat.DispatcherMiddleware(nothing)


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
