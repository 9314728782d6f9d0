"""Many apps side by side, each under its own path or host."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wsgikit.core.environ import quoted_path
from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.core.middleware import Application
from wsgikit.core.process import PerProcess
from wsgikit.core.reply import reply
from wsgikit.core.units import flag
from wsgikit.mounting.cookies import first_of_each, scoped
from wsgikit.mounting.hostile import hostile
from wsgikit.mounting.index import Mounted, index
from wsgikit.mounting.keys import Key, parse_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_COOKIES = ("shared", "scoped")
_VISIBLE = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")  # what may stand in a query as it is


class Mount(Application, MutableMapping[str, "WSGIApplication"]):
    """Hands each request to the app mounted on the longest part of its path, whose rest the app sees as PATH_INFO.

    ``mounts`` maps keys to apps. ``"/blog"`` takes ``/blog`` and all below it on any host; ``"//admin.example.com"``
    one host; ``"//*.example.com:8080/api"`` every host below a name, on one port; ``"https://host/x"`` one scheme.
    ``"/"`` takes the rest. A slash at the end of a key says nothing. A key without a port matches any port; an exact
    host goes before a wildcard, then the longer path wins; keys without a host take what finds no path under its host.

    - ``default`` (None): the app for requests that no mount takes, which sees its path untouched. Without one they are
      answered 404, and nothing is told about what is mounted elsewhere.
    - ``cookies`` (``"shared"``): ``"scoped"`` narrows each app's cookies with ``Path=/``, or without Path, to its
      mount, so that two apps that both call their cookie ``session`` no longer log each other out. ``__Host-`` cookies
      cannot be narrowed and stay as they are. Shared, because an app may mean its neighbours to see a cookie.
    - ``redirect_slash`` (False): answers ``/blog`` with 308 to ``/blog/``, for apps whose pages use relative links.
      Off, because most frameworks take an empty PATH_INFO as their start page.

    A path that climbs above its mount (``/blog/../admin``), or holds a NUL, is answered 400; `wsgikit.mounting.hostile`
    has the policy. Apps get a copy of environ. Mounts can change while requests are served, as in a dict:
    ``mount[key] = app``, ``del mount[key]``; each change builds new tables, and a request sees the old ones or the new.

    Raises ``ValueError`` or ``TypeError`` for a key that can never match, two spellings of one key, and what is no app.
    """

    def __init__(
        self,
        mounts: Mapping[str, WSGIApplication],
        *,
        default: WSGIApplication | None = None,
        cookies: str = "shared",
        redirect_slash: bool = False,
    ) -> None:
        if not isinstance(mounts, Mapping):
            raise wrong_type("Mount", "mounts", mounts, 'a dict of keys and apps, such as {"/blog": app}')
        if default is not None and not callable(default):
            raise wrong_type("Mount", "default", default, "a WSGI app, or None")
        if cookies not in _COOKIES:
            raise wrong_choice("Mount", "cookies", cookies, _COOKIES)
        self.default = default
        self.cookies = cookies
        self.redirect_slash = flag("Mount", "redirect_slash", redirect_slash)
        self._fallback = Mounted("", "", _not_found if default is None else default)
        self._particular = redirect_slash or cookies == "scoped"
        self._writing = PerProcess(Lock)
        self._publish(_parsed(mounts))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        mounted = self._find(environ, path) or self._fallback
        prefix = mounted.path
        rest = path[len(prefix) :]
        # One request in a thousand is looked at closely.
        if rest and (".." in rest or "\0" in rest or "%" in rest):
            refusal = hostile(rest)
            if refusal:
                return reply(environ, start_response, 400, refusal)
        inner = environ.copy()
        inner["PATH_INFO"] = rest
        try:
            inner["SCRIPT_NAME"] += prefix
        except KeyError:
            inner["SCRIPT_NAME"] = prefix
        if self._particular:
            if self.redirect_slash and prefix and not rest:
                return _redirect(environ, start_response)
            if self.cookies == "scoped":
                start_response = _keep_cookies_apart(inner, start_response)
        return mounted.app(inner, start_response)

    @property
    def mounts(self) -> dict[str, WSGIApplication]:
        """The apps by key, as they are now; the keys as they were written."""
        return {one.key: one.app for one in self._mounted.values()}

    def find(self, environ: WSGIEnvironment) -> Mounted | None:
        """What the request would go to, as key, path and app; None for ``default`` or a 404."""
        return self._find(environ, environ.get("PATH_INFO", ""))

    def options(self) -> dict[str, Any]:
        """What would build this again as it is now."""
        return self._arguments()

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The apps by key, the more exact before the more general; ``default`` last."""
        ordered = sorted(self._mounted.items(), key=lambda item: _generality(item[0]))
        pairs = [(one.key, one.app) for _, one in ordered]
        return pairs if self.default is None else [*pairs, ("default", self.default)]

    def _arguments(self) -> dict[str, Any]:
        return {**self._passed, "mounts": self.mounts}

    # The mounts as a mapping; a key is found in any of its spellings.

    def __getitem__(self, key: str) -> WSGIApplication:
        try:
            return self._mounted[parse_key("Mount", key)].app
        except (KeyError, TypeError, ValueError):
            raise KeyError(key) from None

    def __setitem__(self, key: str, app: WSGIApplication) -> None:
        normal, one = _parsed_item(key, app)
        with self._writing.get():
            self._publish({**self._mounted, normal: one})

    def __delitem__(self, key: str) -> None:
        with self._writing.get():
            mounted = dict(self._mounted)
            try:
                del mounted[parse_key("Mount", key)]
            except (KeyError, TypeError, ValueError):
                raise KeyError(key) from None
            self._publish(mounted)

    def __iter__(self) -> Iterator[str]:
        return iter(self.mounts)

    def __len__(self) -> int:
        return len(self._mounted)

    def __bool__(self) -> bool:
        """True even while nothing is mounted, as an app is: ``app or fallback`` should not drop it."""
        return True

    def _publish(self, mounted: dict[Key, Mounted]) -> None:
        self._mounted = mounted
        self._find = index(mounted)


def _parsed(mounts: Mapping[str, WSGIApplication]) -> dict[Key, Mounted]:
    parsed: dict[Key, Mounted] = {}
    for key, app in mounts.items():
        normal, one = _parsed_item(key, app)
        if normal in parsed:
            raise wrong_value("Mount", "mounts", key, f"it is the same mount as {parsed[normal].key!r}")
        parsed[normal] = one
    return parsed


def _parsed_item(key: str, app: WSGIApplication) -> tuple[Key, Mounted]:
    normal = parse_key("Mount", key)
    if not callable(app):
        raise wrong_type(
            "Mount", f"mounts[{key!r}]", app, "a WSGI app, called with environ and start_response"
        )
    return normal, Mounted(key, normal.path, app)


def _generality(key: Key) -> tuple[bool, bool, int, int]:
    """Sorts keys into the order in which requests try them."""
    return not key.host, key.wildcard, -len(key.path), -len(key.host)


def _keep_cookies_apart(inner: WSGIEnvironment, start_response: StartResponse) -> StartResponse:
    if "HTTP_COOKIE" in inner:
        inner["HTTP_COOKIE"] = first_of_each(inner["HTTP_COOKIE"])
    script_name = inner["SCRIPT_NAME"]
    return scoped(start_response, script_name) if script_name else start_response


def _redirect(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    # One slash at the front: two, from a hostile SCRIPT_NAME, would name another host.
    location = f"/{quoted_path(environ).lstrip('/')}/"
    query = quote(environ.get("QUERY_STRING", "").encode("latin-1"), safe=_VISIBLE)
    if query:
        location += f"?{query}"
    return reply(environ, start_response, 308, headers=[("Location", location)])


def _not_found(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return reply(environ, start_response, 404, "There is nothing at this address.")
