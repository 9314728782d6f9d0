"""Route: what it refuses, and how it is shown; Match."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from wsgikit.routing import Match, Route


def app(environ: Any, start_response: Any) -> list[bytes]:
    return []


def test_options_are_attributes() -> None:
    route = Route("/x", app, methods=["get"], host="h", name="n", defaults={"a": 1})
    assert (route.rule, route.app, route.host, route.name, route.defaults) == ("/x", app, "h", "n", {"a": 1})


def test_get_brings_head_and_methods_are_upper_case() -> None:
    assert Route("/", app, methods=["get", "Post"]).methods == {"GET", "HEAD", "POST"}
    assert Route("/", app, methods=["POST"]).methods == {"POST"}
    assert Route("/", app).methods is None


def test_repr_shows_what_was_passed() -> None:
    assert repr(Route("/x", app, methods=["GET"])) == f"Route(rule='/x', app={app!r}, methods=['GET'])"


def test_routes_compare_pickle_and_copy_by_what_was_passed() -> None:
    route = Route("/x/<int:id>", app, methods=["GET"])
    assert pickle.loads(pickle.dumps(route)) == route == copy.deepcopy(route)
    assert route != Route("/x/<int:id>", app)


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"rule": "x"}, ValueError, "rule='x' will not do: it begins with a slash"),
        ({"rule": "/<x"}, ValueError, "'<x' does not begin with <name> or <converter:name>"),
        ({"rule": "/<a>/<int:a>"}, ValueError, "<a> stands there twice"),
        ({"rule": "/x" * 201}, ValueError, "at most 200 segments"),
        ({"rule": b"/x"}, TypeError, "a path such as"),
        ({"app": "myapp:app"}, TypeError, "app='myapp:app'"),
        ({"methods": "GET"}, TypeError, "a list of methods, such as ['GET']"),
        ({"methods": []}, ValueError, "at least one method, or None"),
        ({"methods": ["GE T"]}, ValueError, "'GE T' is no method"),
        ({"host": "a/b"}, ValueError, "a host alone"),
        ({"host": ""}, ValueError, "a host alone"),
        ({"host": 1}, TypeError, "a host such as"),
        ({"host": "<"}, ValueError, "does not begin with"),
        ({"when": "beta"}, TypeError, "a condition, such as"),
        ({"name": 3}, TypeError, "name=3 (int) will not do"),
        ({"methods": 3}, TypeError, "methods=3 (int) will not do: a list of methods"),
        ({"defaults": 3}, TypeError, "defaults=3 (int) will not do: a dict of values"),
        ({"method": ["GET"]}, TypeError, "no option 'method'; did you mean 'methods'?"),
    ],
)
def test_a_wrong_option_is_named(wrong: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        Route(**{"rule": "/", "app": app, **wrong})
    assert str(raised.value).startswith("Route: ")
    assert text in str(raised.value)


def test_a_match_is_a_value() -> None:
    route = Route("/x", app)
    match = Match(route, {"a": 1})
    assert match == Match(route, {"a": 1})
    assert list(match) == [route, {"a": 1}]
    assert pickle.loads(pickle.dumps(match)) == match
    with pytest.raises(AttributeError):
        match.route = route  # type: ignore[misc]
