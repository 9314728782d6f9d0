"""What a request can be asked: its method, host, path, headers, query, cookies, client.

Every condition reads environ with defaults, for servers leave keys out; it holds or does not, and never raises
for what a client sent. Text is the client's bytes read as UTF-8.

A ``regex`` is searched for anywhere (``re.search``): anchor it with ``^`` and ``\\Z``. Clients can send line ends
(``%0a``), so ``.`` means those too, lest they slip past a rule; ``$`` lets a last one pass. An expression compiled by
oneself keeps its own flags. It is compiled once, by the constructor; one that backtracks without end is as slow here
as anywhere, and strangers choose the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wsgikit.core.condition import Condition
from wsgikit.core.environ import scheme
from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.core.headers import valid_name
from wsgikit.http.networks import Networks
from wsgikit.routing.glob import translate
from wsgikit.routing.hosts import HostPattern, asked_host
from wsgikit.routing.percent import Percent as Percent
from wsgikit.routing.text import decoded
from wsgikit.routing.variables import checked_key, cookies, header, query

if TYPE_CHECKING:
    from collections.abc import Sequence
    from wsgiref.types import WSGIEnvironment

    Regex = str | re.Pattern[str]


class Method(Condition):
    """Holds for requests with one of these methods.

    ``names``: one or more, case does not matter here (in a request it does, RFC 9110 section 9.1).
    ``Method("GET")`` does not mean HEAD: say ``Method("GET", "HEAD")``.
    """

    def __init__(self, *names: str) -> None:
        for name in _some(self, "names", names, '"GET"'):
            if not valid_name(name):
                raise wrong_value("Method", "names", name, 'a method, such as "GET"')
        self.names = names
        self._names = frozenset(name.upper() for name in names)

    def __call__(self, environ: WSGIEnvironment) -> bool:
        return environ.get("REQUEST_METHOD") in self._names


class Host(Condition):
    """Holds for requests to one of these hosts, by HTTP_HOST, or SERVER_NAME where there is none.

    ``patterns``: ``"example.com"``, ``"*.example.com"`` (one or more labels before it), ``"[::1]"``, ``"*"``; each with
    a port or without (then any port will do). A request that names no port asks for its scheme's own. Case, a last
    dot and the spelling of an IPv6 address do not matter. What is no host is matched by ``"*"`` alone.
    """

    def __init__(self, *patterns: str) -> None:
        self.patterns = _some(self, "patterns", patterns, '"*.example.com"')
        self._patterns = [HostPattern(text, layer="Host", option="patterns") for text in patterns]

    def __call__(self, environ: WSGIEnvironment) -> bool:
        name, port = asked_host(environ)
        for pattern in self._patterns:  # noqa: SIM110 - any() and its generator cost twice as much
            if pattern.matches(name, port):
                return True
        return False


class Path(Condition):
    """Holds for requests to these paths: PATH_INFO, so they are seen from where the layer or route is mounted.

    - ``glob``: ``*`` is any text within a segment, ``?`` one character of it, ``**`` any text with its slashes (between
      slashes: any number of segments, none too). It has to match the whole path.
    - ``prefix``: the path itself and everything below it: ``"/api"`` means ``/api`` and ``/api/v1``, never ``/apix``.
    - ``regex``: searched for in the path; its named groups are the captures.

    At least one of the three; all that are given have to hold. The path is percent-decoded and case matters; the
    mount point asked for without a slash is ``/``. Dot segments and doubled slashes are left as they came.
    """

    def __init__(
        self, glob: str | None = None, *, prefix: str | None = None, regex: Regex | None = None
    ) -> None:
        if glob is None and prefix is None and regex is None:
            raise TypeError("Path: one of glob, prefix and regex has to be given")
        if glob is not None and not _text("Path", "glob", glob).startswith(("/", "*")):
            raise wrong_value("Path", "glob", glob, "a path that begins with '/' (or '*')")
        if prefix is not None and not _text("Path", "prefix", prefix).startswith("/"):
            raise wrong_value("Path", "prefix", prefix, "a path that begins with '/'")
        self.glob = glob
        self.prefix = prefix
        self.regex = regex
        self._glob = None if glob is None else re.compile(translate(glob)).match
        self._prefix = None if prefix is None else prefix.rstrip("/")
        self._below = None if prefix is None else prefix.rstrip("/") + "/"
        pattern = compiled("Path", regex)
        self._search = pattern and pattern.search
        self.captures = frozenset(pattern.groupindex if pattern else ())

    def __call__(self, environ: WSGIEnvironment) -> bool:
        path = _path(environ)
        if self._below is not None and path != self._prefix and not path.startswith(self._below):
            return False
        if self._glob is not None and not self._glob(path):
            return False
        return self._search is None or self._search(path) is not None

    def match(self, environ: WSGIEnvironment) -> dict[str, str] | None:
        if not self(environ):
            return None
        return _captured(self._search(_path(environ))) if self._search else {}


class _Named(Condition):
    """Holds where a named thing of the request is there, and has the value or fits the regex if one is given."""

    def __init__(self, name: str, value: str | None = None, *, regex: Regex | None = None) -> None:
        layer = type(self).__name__
        if not _text(layer, "name", name):
            raise wrong_value(layer, "name", name, "a name")
        if value is not None and regex is not None:
            raise TypeError(f"{layer}: value and regex exclude each other")
        self.name = name
        self.value = None if value is None else _text(layer, "value", value)
        self.regex = regex
        pattern = compiled(layer, regex)
        self._search = pattern and pattern.search
        self.captures = frozenset(pattern.groupindex if pattern else ())

    def _values(self, environ: WSGIEnvironment) -> Sequence[str]:
        raise NotImplementedError

    def __call__(self, environ: WSGIEnvironment) -> bool:
        values = self._values(environ)
        if self.value is not None:
            return self.value in values
        search = self._search
        return any(map(search, values)) if search else bool(values)

    def match(self, environ: WSGIEnvironment) -> dict[str, str] | None:
        if self._search is None:
            return {} if self(environ) else None
        for value in self._values(environ):
            found = self._search(value)
            if found:
                return _captured(found)
        return None


class Header(_Named):
    """Holds where the request has this header, with this very value, or one in which the regex is found.

    ``name``: without regard to case. ``value``: compared as a whole, case matters. ``regex``: its named groups are the
    captures. A header sent twice is one text, joined as the server joined it (mostly with a comma).
    """

    def __init__(self, name: str, value: str | None = None, *, regex: Regex | None = None) -> None:
        super().__init__(name, value, regex=regex)
        self._key = checked_key(name, layer="Header")

    def _values(self, environ: WSGIEnvironment) -> Sequence[str]:
        value = header(environ, self._key)
        return () if value is None else (value,)


class Query(_Named):
    """Holds where the query has this parameter, decoded, with this value, or one in which the regex is found.

    ``name``: case matters; ``?debug`` has it as well as ``?debug=`` does. ``value``, ``regex``: of a parameter given
    several times one will do. The captures are the regex' named groups, from the first value that has them.
    """

    def _values(self, environ: WSGIEnvironment) -> Sequence[str]:
        return query(environ).get(self.name, ())


class Cookie(_Named):
    """Holds where the request has this cookie, with this value, or one in which the regex is found.

    ``name``: case matters. ``value``, ``regex``: of a cookie sent several times one will do. Nothing is verified:
    a client sends the cookies that it likes.
    """

    def _values(self, environ: WSGIEnvironment) -> Sequence[str]:
        return cookies(environ).get(self.name, ())


class Scheme(Condition):
    """Holds for ``"http"`` or ``"https"``, by ``wsgi.url_scheme`` (which TrustedProxies corrects behind a proxy)."""

    def __init__(self, name: str) -> None:
        if name not in ("http", "https"):
            raise wrong_choice("Scheme", "name", name, ("http", "https"))
        self.name = name

    def __call__(self, environ: WSGIEnvironment) -> bool:
        return scheme(environ) == self.name


class ClientIP(Condition):
    """Holds for clients within one of these networks, by REMOTE_ADDR (put TrustedProxies outside, behind a proxy).

    ``networks``: CIDRs, single addresses, ``"loopback"``, ``"private"``, ``"unix"`` (peers on a unix socket), or
    ``"@file"`` with one of these a line.
    """

    def __init__(self, *networks: str) -> None:
        self.networks = _some(self, "networks", networks, '"10.0.0.0/8"')
        self._contains = Networks(networks, layer="ClientIP").contains

    def __call__(self, environ: WSGIEnvironment) -> bool:
        return self._contains(environ.get("REMOTE_ADDR"))


class ContentType(Condition):
    """Holds for requests whose body is of one of these media types, whatever its parameters (charset, boundary).

    ``types``: ``"application/json"``, ``"text/*"``, ``"*/*"``; case does not matter. A request without a Content-Type
    is of none.
    """

    def __init__(self, *types: str) -> None:
        for kind in _some(self, "types", types, '"application/json"'):
            main, slash, sub = kind.partition("/")
            if not slash or not all(map(valid_name, (main, sub))) or (main == "*" and sub != "*"):
                raise wrong_value(
                    "ContentType", "types", kind, 'a media type: "text/html", "text/*" or "*/*"'
                )
        self.types = types
        self._types = frozenset(map(str.lower, types))

    def __call__(self, environ: WSGIEnvironment) -> bool:
        kind = str(environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
        main, slash, _ = kind.partition("/")
        return bool(slash) and not self._types.isdisjoint((kind, f"{main}/*", "*/*"))


class Environ(Condition):
    """Holds where environ has this key, with this value if one is given.

    A key that is empty or None is not there, for some servers leave out what others leave empty (RFC 3875
    section 4.1 makes no difference either). ``value`` is compared with ``==``: ``Environ("REMOTE_USER", "ann")``,
    ``Environ("wsgi.multithread", True)``.
    """

    def __init__(self, key: str, value: Any = None) -> None:
        self.key = _text("Environ", "key", key)
        self.value = value

    def __call__(self, environ: WSGIEnvironment) -> bool:
        found = environ.get(self.key)
        if self.value is None:
            return found is not None and found != ""
        return bool(found == self.value)


def compiled(layer: str, regex: Regex | None) -> re.Pattern[str] | None:
    """The regex as a pattern; raises ``ValueError`` for one that Python cannot read, ``TypeError`` for one on bytes."""
    if regex is None:
        return None
    try:
        pattern: re.Pattern[Any] = re.compile(regex, re.DOTALL if isinstance(regex, str) else 0)
    except (re.error, RecursionError, OverflowError) as error:
        raise wrong_value(layer, "regex", regex, f"a regular expression ({error})") from None
    except TypeError:
        raise wrong_type(layer, "regex", regex, "a regular expression, as text or compiled") from None
    if not isinstance(pattern.pattern, str):
        raise wrong_type(layer, "regex", regex, "a regular expression on text, not on bytes")
    return pattern


def _captured(found: re.Match[str] | None) -> dict[str, str]:
    """The named groups that took part."""
    groups = found.groupdict() if found else {}
    return {name: text for name, text in groups.items() if text is not None}


def _path(environ: WSGIEnvironment) -> str:
    return decoded(environ.get("PATH_INFO") or "/")


def _some(condition: Condition, option: str, values: tuple[str, ...], example: str) -> tuple[str, ...]:
    """The values, which have to be one text at least."""
    layer = type(condition).__name__
    if not values:
        raise TypeError(f"{layer}: {option} are missing: say one at least, such as {example}")
    for value in values:
        _text(layer, option, value)
    return values


def _text(layer: str, option: str, value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_type(layer, option, value, "text")
    return value
