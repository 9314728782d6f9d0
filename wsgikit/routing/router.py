"""The router: the WSGI app that sends each request to the app of the rule that matches it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from werkzeug.routing import BaseConverter, Map

from wsgikit.core.environ import host as host_of
from wsgikit.core.errors import wrong_type
from wsgikit.core.middleware import Application
from wsgikit.core.process import PerProcess
from wsgikit.core.reply import reply
from wsgikit.core.units import flag
from wsgikit.routing.entry import PATH_SAFE
from wsgikit.routing.errors import MethodNotAllowed, Redirected, RoutingError
from wsgikit.routing.hostile import hostile
from wsgikit.routing.route import Match, Route
from wsgikit.routing.table import Table

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Router(Application):
    """Sends each request to the app of the first rule that matches it, and answers itself where none does.

    - ``routes``: the rules, each a ``Route``. More plain text wins over less, whatever order they stand in; equal
      ones are tried as written, and a converter that rejects a value lets the next one try.
    - ``default``: the app for what no rule matches. It never gets what a rule matches with another method (405)
      or in another spelling (308). None, the default, answers 404.
    - ``converters``: converters by name, subclasses of ``werkzeug.routing.BaseConverter``, beside Werkzeug's own.
    - ``strict_slashes``: a rule that ends with a slash redirects requests without it, and one that does not end
      with one does not match with it. True, so that a page has one URL; False lets both spellings match.
    - ``merge_slashes``: a path that matches once its doubled slashes are made one is redirected there. True, as
      they come from URLs joined carelessly; False leaves them to the rules.

    The app gets a copy of environ with ``wsgiorg.routing_args`` (``((), args)``) and ``wsgikit.route`` (the
    ``Match``) in it, and ``wsgikit.notes``, where a layer outside has put it, gets ``route``, the rule. SCRIPT_NAME and
    PATH_INFO stay as they are. HEAD goes where GET goes. OPTIONS is answered with 204 and ``Allow`` where routes list
    their methods without it. A path with a segment ``..`` or a NUL is answered 400.

    Raises ``ValueError`` for a rule that cannot be compiled.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        default: WSGIApplication | None = None,
        converters: Mapping[str, type[BaseConverter]] | None = None,
        strict_slashes: bool = True,
        merge_slashes: bool = True,
    ) -> None:
        if default is not None and not callable(default):
            raise wrong_type("Router", "default", default, "a WSGI app, or None")
        self.routes = _checked("routes", routes)
        self.default = default
        self.converters = _converters(converters)
        self.strict_slashes = flag("Router", "strict_slashes", strict_slashes)
        self.merge_slashes = flag("Router", "merge_slashes", merge_slashes)
        self._table = self._compiled(self.routes)
        self._changing = PerProcess(Lock)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = _path(environ)
        refused = hostile(path)
        if refused:
            return reply(environ, start_response, 400, refused)
        host = "" if self._table.hosts.alike else host_of(environ)
        try:
            match = self.match(path, environ.get("REQUEST_METHOD", "GET"), host=host, environ=environ)
        except RoutingError as error:
            return self._answer(error, path, environ, start_response)
        child = environ.copy()
        child["wsgiorg.routing_args"] = ((), match.args)
        child["wsgikit.route"] = match
        notes = environ.get("wsgikit.notes")
        if notes is not None:  # somebody outside wants to know, for a log or for metrics
            notes["route"] = match.route.rule
        return match.route.app(child, start_response)

    def match(
        self,
        path: str,
        method: str = "GET",
        *,
        host: str = "",
        environ: WSGIEnvironment | None = None,
    ) -> Match:
        """The route and the values for ``path``, which is text (decoded, without a query).

        ``host`` is what the Host header says. ``environ`` is what conditions are asked about (without it a route with
        ``when=`` does not match), and where the query of a redirect comes from.

        Raises ``NotFound``, ``MethodNotAllowed`` (``.allow``) or ``Redirected`` (``.location``).
        """
        table = self._table
        exact = table.exact.get(path)
        if exact is not None and (exact.methods is None or method in exact.methods):
            return Match(exact.route, exact.defaults.copy())
        parts = path.split("/")
        n = len(parts)
        if n > 1 and not parts[0]:  # it begins with a slash, as nearly always
            walk = table.first.get(parts[1], table.walk)
            if walk is not None:
                found = walk(parts, n, method, environ, None, ())
                if type(found) is Match:
                    return found
        return table.find(path, method, host, environ)

    def url_for(self, name: str, /, **values: Any) -> str:
        """The URL of the route called ``name``: its path, and values that it has no variable for as a query.

        It begins where the router is mounted: the router itself cannot know where that is, so an app that lives below
        a mount puts ``environ["SCRIPT_NAME"]`` in front. A route with a host gives ``//host/path``. Of several routes
        of one name, the first that has a place for every value is taken. A value that is None is left out.

        Raises ``LookupError`` for a name that no route has and for a value that is wanted and not given.
        """
        return self._table.urls.url(name, values)

    def explain(self) -> str:
        """The routes in the order in which requests try them, and the Python code that they are compiled to."""
        return self._table.explain()

    def add(self, *routes: Route) -> None:
        """Add routes while serving. Requests see all of them or none, those that have begun see none.

        All rules are compiled anew (some 0.2 ms for each), so give many routes in one call.
        """
        new = _checked("add", routes)
        with self._changing.get():
            self._replace((*self.routes, *new))

    def remove(self, *routes: Route | str) -> None:
        """Remove routes while serving, each given as the ``Route`` or by its name.

        Raises ``LookupError`` where there is no such route, and removes none then.
        """
        with self._changing.get():
            kept = list(self.routes)
            for gone in routes:
                found = [route for route in kept if route.name == gone or route == gone]
                if not found:
                    raise LookupError(f"Router: there is no route {gone!r} to remove")
                kept = [route for route in kept if route not in found]
            self._replace(tuple(kept))

    def options(self) -> dict[str, Any]:
        """What was passed to the constructor, by name; the routes as they are now."""
        return self._arguments()

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """Rule and app of each route, in the order in which requests try them, and the default."""
        found = [(entry.route.rule, entry.route.app) for entry in self._table.in_order()]
        return found if self.default is None else [*found, ("default", self.default)]

    def _arguments(self) -> dict[str, Any]:
        return {**self._passed, "routes": list(self.routes)}

    def _compiled(self, routes: tuple[Route, ...]) -> Table:
        known = Map(converters=self.converters)
        return Table(routes, known, strict=self.strict_slashes, merge=self.merge_slashes)

    def _replace(self, routes: tuple[Route, ...]) -> None:
        """Copy on write: a request that has begun goes on with the table that it began with."""
        self._table = self._compiled(routes)
        self.routes = routes

    def _answer(
        self, error: RoutingError, path: str, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if isinstance(error, MethodNotAllowed):
            allow = [("Allow", ", ".join(sorted({*error.allow, "OPTIONS"})))]
            if environ.get("REQUEST_METHOD") == "OPTIONS":
                return reply(environ, start_response, 204, headers=allow)
            return reply(environ, start_response, 405, "This method is not answered here.", headers=allow)
        # What is no UTF-8 cannot be named in the redirect: it would lead to another page, or to none.
        if isinstance(error, Redirected) and "\ufffd" not in path:
            location = [("Location", _from_root(error.location, environ))]
            return reply(environ, start_response, 308, "The page has one more address.", headers=location)
        if self.default is not None:
            return self.default(environ, start_response)
        return reply(environ, start_response, 404, "Nothing is served at this address.")


def _checked(option: str, routes: Iterable[Route]) -> tuple[Route, ...]:
    if not isinstance(routes, Iterable):
        raise wrong_type("Router", option, routes, "a list of routes, such as [Route('/', app)]")
    given = tuple(routes)
    for route in given:
        if not isinstance(route, Route):
            raise wrong_type("Router", option, route, "each of them is a Route")
    return given


def _converters(converters: Mapping[str, type[BaseConverter]] | None) -> dict[str, type[BaseConverter]]:
    if converters is not None and not isinstance(converters, Mapping):
        raise wrong_type("Router", "converters", converters, "a dict of converters by name")
    given: dict[str, Any] = dict(converters or {})
    for name, converter in given.items():
        if not (isinstance(converter, type) and issubclass(converter, BaseConverter)):
            wanted = f"{name!r} is a subclass of werkzeug.routing.BaseConverter"
            raise wrong_type("Router", "converters", converter, wanted)
    return given


def _path(environ: WSGIEnvironment) -> str:
    """PATH_INFO as text; bytes that are no UTF-8 read as U+FFFD, as in Werkzeug."""
    path: str = environ.get("PATH_INFO") or ""
    if not path and environ.get("SCRIPT_NAME", "")[-1:] in ("", "/"):
        # The root of a site has one spelling; stock nginx and Apache have it in SCRIPT_NAME alone.
        return "/"
    if path.isascii():
        return path
    try:
        return path.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:  # mod_python and rocket3 have decoded it already
        return path


def _from_root(location: str, environ: WSGIEnvironment) -> str:
    """A location relative to the router's mount as one relative to the site."""
    mount = quote(environ.get("SCRIPT_NAME", "").encode("latin-1", "replace"), safe=PATH_SAFE)
    if location.startswith("/"):
        return "/" + (mount + location).lstrip("/")  # two slashes in front would name a host
    scheme, _, rest = location.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}{mount.rstrip('/')}{slash}{path}"
