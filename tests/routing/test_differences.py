"""Where Router deliberately differs from `werkzeug.routing.Map`: both sides, so that docs/routing.md stays true.

If Werkzeug changes its mind about one of these, its half of the test fails, and the list gets shorter.
"""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug import exceptions
from werkzeug.routing import BaseConverter, Map, RequestRedirect, Rule

from wsgikit.routing import MethodNotAllowed, NotFound, Route, Router


def app(environ: Any, start_response: Any) -> list[bytes]:
    raise AssertionError("only matched")


class Pair(BaseConverter):
    """Says that it takes no slash, and would take one."""

    regex = "(?:[^/]|(?<=b).)+"
    part_isolating = True


def both(
    *rules: str, methods: list[str] | None = None, **converters: type[BaseConverter]
) -> tuple[Router, Any]:
    router = Router([Route(rule, app, methods=methods) for rule in rules], converters=converters)
    url_map = Map([Rule(rule, endpoint=rule, methods=methods) for rule in rules], converters=converters)
    return router, url_map.bind("localhost")


def test_a_rejected_value_lets_the_next_rule_try() -> None:
    router, adapter = both("/<int(max=10):n>", "/<word>")
    assert router.match("/20").args == {"word": "20"}
    with pytest.raises(exceptions.NotFound):
        adapter.match("/20")


def test_no_redirect_to_what_will_be_rejected() -> None:
    router, adapter = both("/<int(max=10):n>/")
    with pytest.raises(NotFound):
        router.match("/20")
    with pytest.raises(RequestRedirect):
        adapter.match("/20")


def test_a_rule_that_rejects_the_value_allows_no_method() -> None:
    router, adapter = both("/<int(max=10):n>", methods=["POST"])
    with pytest.raises(NotFound):
        router.match("/20", "GET")
    with pytest.raises(exceptions.MethodNotAllowed):
        adapter.match("/20", method="GET")


def test_numbers_have_ascii_digits() -> None:
    for rule, path in (("/<int:n>", "/٣"), ("/<float:n>", "/٣.٣"), ("/x<int:n>", "/x٣")):
        router, adapter = both(rule)
        with pytest.raises(NotFound):
            router.match(path)
        assert adapter.match(path)[1]["n"] in (3, 3.3)


def test_methods_differ_by_case() -> None:
    router, adapter = both("/x", methods=["GET"])
    with pytest.raises(MethodNotAllowed):
        router.match("/x", "get")
    assert adapter.match("/x", method="get") == ("/x", {})


def test_a_host_without_a_port_is_for_every_port_and_no_host_for_every_host() -> None:
    router = Router([Route("/x", app, host="a.example"), Route("/y", app)])
    adapter = Map(
        [Rule("/x", endpoint="x", host="a.example"), Rule("/y", endpoint="y")], host_matching=True
    ).bind("a.example:8080")
    for path in ("/x", "/y"):
        assert router.match(path, host="a.example:8080").args == {}
        with pytest.raises(exceptions.NotFound):
            adapter.match(path)


def test_a_rule_that_no_path_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="slashes in front of a path count as one"):
        Router([Route("//x", app)], merge_slashes=False)
    with pytest.raises(exceptions.NotFound):
        Map([Rule("//x", endpoint="x")], merge_slashes=False).bind("h").match("//x")


@pytest.mark.parametrize("more", [0, 500])
def test_a_converter_that_takes_no_slash_takes_none_after_a_path_either(more: int) -> None:
    router, adapter = both("/<path:a>/<pair:b>/end", pair=Pair)
    path = "/" + "a/" * more + "a/b/c/end"
    assert router.match(path).args["b"] == "c"
    if not more:
        assert adapter.match(path)[1]["b"] == "b/c"
