"""What a router is told and what it answers: a route, and a match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.routing.pattern import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIApplication, WSGIEnvironment

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token: RFC 9110 section 9.1
_DEEPEST = 200  # segments; the compiled walk is as deep as the deepest rule


class Route(Component):
    """Sends the requests that match a rule to an app.

    - ``rule``: a path in Werkzeug's syntax, beginning with a slash: ``/users/<int:id>/files/<path:name>``.
      One that ends with a slash also takes requests without it, by a redirect.
    - ``app``: the WSGI app that answers. It sees SCRIPT_NAME and PATH_INFO as they came.
    - ``methods``: the methods it answers; ``GET`` brings ``HEAD`` with it. None, the default, is every method,
      for an app that decides itself, as whole apps do.
    - ``host``: a host in the same syntax (``<team>.example.com``); without a port it holds for any port. None,
      the default, is every host.
    - ``when``: a condition on the rest of the request, asked last (``Header("X-Beta") & ~Cookie("old")``).
    - ``name``: what ``url_for`` calls it. Routes that share a name are spellings of one page, of which the one
      with the fitting ``defaults`` is canonical.
    - ``defaults``: values added to those in the path.

    Raises ``ValueError`` or ``TypeError`` for a rule that cannot be read and for options that do not fit.
    """

    def __init__(
        self,
        rule: str,
        app: WSGIApplication,
        *,
        methods: Iterable[str] | None = None,
        host: str | None = None,
        when: Callable[[WSGIEnvironment], bool] | None = None,
        name: str | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        if not callable(app):
            raise wrong_type("Route", "app", app, "a WSGI app, called with environ and start_response")
        if when is not None and not callable(when):
            raise wrong_type("Route", "when", when, "a condition, such as Header('X-Beta')")
        if name is not None and not isinstance(name, str):
            raise wrong_type("Route", "name", name, "text, as url_for takes")
        if defaults is not None and not isinstance(defaults, Mapping):
            raise wrong_type("Route", "defaults", defaults, "a dict of values by name")
        self.rule = _path(rule)
        self.app = app
        self.methods = None if methods is None else _methods(methods)
        self.host = None if host is None else _host(host)
        self.when = when
        self.name = name
        self.defaults = None if defaults is None else dict(defaults)


# A Struct is made in 50 ns, a named tuple in 120 and a frozen dataclass in 400, and one is made for each request.
class Match(Struct, frozen=True):
    """The route that takes a request, and the values of its variables by name; ``route, args = match`` works."""

    route: Route
    args: dict[str, Any]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.route, self.args))


def _path(rule: str) -> str:
    if not isinstance(rule, str):
        raise wrong_type("Route", "rule", rule, "a path such as '/users/<int:id>'")
    if not rule.startswith("/"):
        raise wrong_value("Route", "rule", rule, "it begins with a slash")
    if rule.count("/") > _DEEPEST:
        raise wrong_value("Route", "rule", rule, f"it has at most {_DEEPEST} segments")
    try:
        tokens(rule)
    except ValueError as error:
        raise wrong_value("Route", "rule", rule, str(error)) from None
    return rule


def _host(host: str) -> str:
    if not isinstance(host, str):
        raise wrong_type("Route", "host", host, "a host such as '<team>.example.com'")
    try:
        written = tokens(host)
    except ValueError as error:
        raise wrong_value("Route", "host", host, str(error)) from None
    if not written or "/" in written:
        raise wrong_value("Route", "host", host, "a host alone, such as '<team>.example.com'")
    return host


def _methods(methods: Iterable[str]) -> frozenset[str]:
    if isinstance(methods, str):
        raise wrong_type("Route", "methods", methods, f"a list of methods, such as [{methods!r}]")
    if not isinstance(methods, Iterable):
        raise wrong_type("Route", "methods", methods, "a list of methods, such as ['GET']")
    listed = list(methods)
    if not listed:
        raise wrong_value("Route", "methods", methods, "at least one method, or None for all of them")
    for method in listed:
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise wrong_value("Route", "methods", methods, f"{method!r} is no method")
    upper = frozenset(method.upper() for method in listed)
    return upper | {"HEAD"} if "GET" in upper else upper
