"""CORS: lets pages of other origins read the answers (Fetch standard, "HTTP-CORS protocol").

What depends on nobody is settled in the constructor: the answer to a preflight, and the headers for each origin that is
listed by name. What is left of a request is a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.core.headers import add_vary, valid_name, without
from wsgikit.core.middleware import Middleware
from wsgikit.core.units import flag, seconds
from wsgikit.responses.heads.origins import Origins, list_origins

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.headers import Headers

SAFELISTED = frozenset({"GET", "HEAD", "POST"})
"""What a browser lets through whatever the answer says ("CORS-safelisted method")."""

_KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")

_DECISION = ("access-control-allow-origin", "access-control-allow-credentials")
_OURS = frozenset({*_DECISION, "vary"})
_VARY = ("Vary", "Origin")
# An answer to one preflight is none for another (which caches that store OPTIONS, against RFC 9110, would take it for).
_PREFLIGHT_VARY = ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")


class CORS(Middleware):
    """Allows pages of other origins to read the app's answers, and answers their preflights in its place.

    - ``origins``: who may: one origin or several (``"https://example.com"``; ``"https://*.example.com"`` for one label
      or more), a function of the origin that says True or False, or ``"*"`` for everybody. ``"null"`` must be listed.
    - ``methods`` (GET, HEAD, POST, which are allowed in any case): in capitals, as methods are case-sensitive.
    - ``headers`` (none): the request headers they may send beyond the harmless ones: ``["Authorization"]``, or
      ``["Content-Type"]`` for JSON. ``"*"`` is all but Authorization.
    - ``credentials`` (False): whether requests may carry cookies and the like. Not with ``"*"`` anywhere.
    - ``max_age`` (600 seconds, or ``"10m"``): how long a browser remembers a preflight; they cap it at 2 hours (Chrome)
      or a day (Firefox).
    - ``expose`` (none): the headers of answers that scripts may read beyond the usual ones.

    A preflight is answered 204, a refused one 204 without the CORS headers. What the app itself says in
    Access-Control-Allow-Origin and -Credentials gives way. ``Vary: Origin`` stands on every answer, whoever asked
    for it. With ``"*"`` every answer allows everybody instead, since a browser may have kept what it got by
    following a link (Fetch standard, "CORS protocol and HTTP caches"). Raises ``ValueError`` or ``TypeError`` for
    what no browser sends.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        origins: str | Callable[[str], bool] | Iterable[str | Callable[[str], bool]],
        methods: str | Iterable[str] = ("GET", "HEAD", "POST"),
        headers: str | Iterable[str] = (),
        credentials: bool = False,
        max_age: float | str = 600,
        expose: str | Iterable[str] = (),
    ) -> None:
        super().__init__(app)
        self.origins = origins
        self.methods = _tokens("methods", methods)
        self.headers = _tokens("headers", headers)
        self.credentials = flag("CORS", "credentials", credentials)
        self.max_age = seconds("CORS", "max_age", max_age)
        self.expose = _tokens("expose", expose)
        _check_methods(self.methods)
        listed = list_origins(origins)
        if credentials:
            self._check_credentials(listed)

        self._open = listed == ["*"]
        self._origins = None if self._open else Origins(listed)
        self._methods = SAFELISTED.union(self.methods)
        self._headers = frozenset(name.lower() for name in self.headers)
        self._preflight = self._preflight_headers()
        self._to_all = self._granted("*") if self._open else [_VARY]
        self._known = (
            {} if self._origins is None else {one: self._granted(one) for one in self._origins.exact}
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        if (
            origin is not None
            and environ.get("REQUEST_METHOD") == "OPTIONS"
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        ):
            return self._answer(environ, start_response, origin)
        granted = self._to_all if origin is None else self._granted_to(origin)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if exc_info is None:
                return start_response(status, self._decided(headers, granted))
            return start_response(status, self._decided(headers, granted), exc_info)

        return self.app(environ, start)

    def _check_credentials(self, origins: list[object]) -> None:
        """With credentials ``*`` means nothing to browsers, and ``null`` is an origin that any page can take on."""
        given = {
            "origins": origins,
            "methods": self.methods,
            "headers": self.headers,
            "expose": self.expose,
        }
        for option, names in given.items():
            for name in ("*", "null"):
                if name in names:
                    wanted = f"with credentials=True each of them by name, as {name!r} would be anybody's"
                    raise wrong_value("CORS", option, name, wanted)

    def _answer(
        self, environ: WSGIEnvironment, start_response: StartResponse, origin: str
    ) -> Iterable[bytes]:
        """Answer a preflight: what the origin may send, or no word about it."""
        headers = [_PREFLIGHT_VARY]
        if self._knows(origin) and self._takes(environ):
            headers = [*self._decision(origin), *self._preflight, _PREFLIGHT_VARY]
        start_response("204 No Content", headers)
        return []

    def _knows(self, origin: str) -> bool:
        return self._origins is None or origin in self._origins

    def _takes(self, environ: WSGIEnvironment) -> bool:
        """Whether the request that the preflight announces may be sent."""
        method = environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
        if method not in self._methods and "*" not in self._methods:
            return False
        announced = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
        return not announced or all(map(self._takes_header, announced.split(",")))

    def _takes_header(self, name: str) -> bool:
        name = name.strip(" \t").lower()
        if "*" in self._headers and name != "authorization":
            return not name or valid_name(name)
        return not name or name in self._headers

    def _decided(self, headers: Headers, granted: Headers) -> Headers:
        """The app's headers with what is granted, in a new list."""
        for name, _ in headers:
            if name.lower() in _OURS:
                return self._merged(headers, granted)
        return [*headers, *granted]

    def _merged(self, headers: Headers, granted: Headers) -> Headers:
        """The same for an app that speaks of CORS or Vary itself."""
        merged = without(headers, *_DECISION)
        merged += [pair for pair in granted if pair is not _VARY]
        if not self._open:
            add_vary(merged, "Origin")
        return merged

    def _granted_to(self, origin: str) -> Headers:
        """What the answer to a request from ``origin`` is given."""
        if self._open:
            return self._to_all
        known = self._known.get(origin)
        if known is not None:
            return known
        return self._granted(origin) if self._knows(origin) else self._to_all

    def _granted(self, origin: str) -> Headers:
        exposed = [("Access-Control-Expose-Headers", ", ".join(self.expose))] if self.expose else []
        return [*self._decision(origin), *exposed, *([] if self._open else [_VARY])]

    def _decision(self, origin: str) -> Headers:
        if self._open:
            return [("Access-Control-Allow-Origin", "*")]
        allowed = [("Access-Control-Allow-Origin", origin)]
        return [*allowed, ("Access-Control-Allow-Credentials", "true")] if self.credentials else allowed

    def _preflight_headers(self) -> Headers:
        headers = [("Access-Control-Allow-Methods", ", ".join(self.methods))] if self.methods else []
        if self.headers:
            headers.append(("Access-Control-Allow-Headers", ", ".join(self.headers)))
        return [*headers, ("Access-Control-Max-Age", str(int(self.max_age)))]


def _tokens(option: str, given: object) -> tuple[str, ...]:
    """Names, checked; one alone may be given as text."""
    wanted = 'a list of names, such as ["Content-Type"]'
    if isinstance(given, str):
        given = [given]
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise wrong_type("CORS", option, given, wanted)
    names: dict[str, None] = {}
    for name in given:
        if not isinstance(name, str):
            raise wrong_type("CORS", option, name, wanted)
        if not valid_name(name):
            raise wrong_value("CORS", option, name, wanted)
        names[str.__str__(name)] = None
    return tuple(names)


def _check_methods(methods: Iterable[str]) -> None:
    for method in methods:
        if method.upper() in _KNOWN_METHODS and method not in _KNOWN_METHODS:
            wanted = "in capitals, as methods are case-sensitive"
            raise wrong_value(
                "CORS", "methods", method, f"{wanted}{suggestion(method.upper(), _KNOWN_METHODS)}"
            )
