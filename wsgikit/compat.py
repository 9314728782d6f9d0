"""Names and signatures of others, on wsgikit's own parts: a migration is one changed import line.

    from wsgikit.compat import DispatcherMiddleware  # was: from werkzeug.middleware.dispatcher
    from wsgikit.compat import Cascade, URLMap  # was: from paste.cascade, from paste.urlmap

What the originals do right is kept; each class says what it does differently.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.middleware import Application
from wsgikit.core.reply import reason
from wsgikit.mounting.cascade import Cascade as _Cascade
from wsgikit.mounting.mount import Mount

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    Domain = tuple[str | None, str]


class DispatcherMiddleware(Application):
    """Werkzeug's: requests below a path of ``mounts`` go to the app there, others to ``app``.

    The attribute ``mounts`` is a mapping that can be changed while requests are served. Different from the original:
    ``/t/`` mounts the same as ``/t``, ``/`` takes every path, keys may name hosts, the app gets a copy of environ, a
    path that climbs above its mount is answered 400, and a long path costs no more than a short one.
    """

    def __init__(self, app: WSGIApplication, mounts: Mapping[str, WSGIApplication] | None = None) -> None:
        self.app = _checked("DispatcherMiddleware", "app", app)
        self.mounts = Mount(mounts or {}, default=app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.mounts(environ, start_response)

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The mounted apps, and the one beside them."""
        return self.mounts.children()

    def _arguments(self) -> dict[str, Any]:
        return {"app": self.app, "mounts": self.mounts.mounts}


class URLMap(Application, MutableMapping[Any, "WSGIApplication"]):
    """Paste's: a dict of apps by URL (``"/path"``, ``"http://domain/path"``, ``("domain", "/path")``).

    Iterating gives (domain, path) pairs, the domain None where there is none; setting None removes. A domain without a
    port matches any. Different from the original: look-up does not grow with the number of apps, domains in upper case
    and IPv6 literals match, ``*.`` domains too, slashes in the path an app sees are left as they came, the app gets a
    copy of environ, a path that climbs above its mount is answered 400, and the 404 page lists nothing.
    """

    def __init__(self, not_found_app: WSGIApplication | None = None) -> None:
        if not_found_app is not None:
            _checked("URLMap", "not_found_app", not_found_app)
        self.not_found_application = not_found_app
        self._mount = Mount({}, default=not_found_app)
        self._urls: dict[str, Domain] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._mount(environ, start_response)

    @property
    def applications(self) -> list[tuple[Domain, WSGIApplication]]:
        """The pairs of (domain, path) and app."""
        return [(self._urls[key], app) for key, app in self._mount.items()]

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The apps by key, then the one for what is not found."""
        return self._mount.children()

    def normalize_url(self, url: Any, trim: bool = True) -> Domain:
        """The domain (None for any) and the path that a key names."""
        if isinstance(url, list | tuple):
            domain, path = url
            return domain, _SLASHES.sub("/", path).rstrip("/" if trim else "")
        match = _URL.fullmatch(url) if isinstance(url, str) else None
        if match is None:
            raise wrong_value("URLMap", "key", url, "a path begins with /, a URL with http:// or https://")
        path = _SLASHES.sub("/", match[2])
        return match[1], path.rstrip("/") if trim else path

    def __setitem__(self, url: Any, app: WSGIApplication | None) -> None:
        if app is None:
            self.pop(url, None)
            return
        _checked("URLMap", f"urlmap[{url!r}]", app)
        domain, path = self.normalize_url(url)
        key = _key(domain, path)
        self._urls[key] = (domain, path)  # first: what reads the mount finds its URL
        self._mount[key] = app

    def __getitem__(self, url: Any) -> WSGIApplication:
        return self._mount[_key(*self.normalize_url(url))]

    def __delitem__(self, url: Any) -> None:
        del self._mount[_key(*self.normalize_url(url))]

    def __iter__(self) -> Iterator[Domain]:
        return iter([url for url, _ in self.applications])

    def __len__(self) -> int:
        return len(self._mount)

    def __bool__(self) -> bool:
        """True even while nothing is mounted, as an app is."""
        return True

    def _arguments(self) -> dict[str, Any]:
        return {"not_found_app": self.not_found_application, "applications": self.applications}

    def __reduce__(self) -> tuple[Any, ...]:
        return URLMap, (self.not_found_application,), None, None, iter(self.applications)


class Cascade(Application):
    """Paste's: asks each of ``applications`` until the status is none of ``catch``; the last one's answer stands.

    - ``catch`` ((404,)): status codes, texts that begin with one (``"404 Not Found"``), or HTTP exceptions with a
      ``code``. HTTP exceptions of Paste, WebOb and Werkzeug that an app raises are caught by their code, too.

    Different from the original: apps that are generators can answer 404 first, chunked request bodies come again for
    the next app, ``exc_info`` is handed on, and what an app gave is closed even when it raises. `wsgikit.Cascade` also
    has a bound for the request body; here there is none.
    """

    def __init__(self, applications: Iterable[WSGIApplication], catch: Iterable[Any] = (404,)) -> None:
        self.apps = list(applications)
        self.catch_codes = tuple(map(_code, catch))
        asked = [_understood(app, self.catch_codes) for app in self.apps[:-1]] + self.apps[-1:]
        self._cascade = _Cascade(*asked, statuses=self.catch_codes, max_body=sys.maxsize)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._cascade(environ, start_response)

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The apps by number, in the order in which they are asked."""
        return [(str(number), app) for number, app in enumerate(self.apps, 1)]


# A scheme and host or neither, then a path or nothing.
_URL = re.compile(r"(?:https?://([^/]*))?((?:/.*)?)", re.DOTALL)
_SLASHES = re.compile("//+")


def _checked(owner: str, option: str, app: WSGIApplication) -> WSGIApplication:
    """``app``, if it can be one; without this the error would name the part that it is handed on to."""
    if not callable(app):
        raise wrong_type(owner, option, app, "a WSGI app, called with environ and start_response")
    return app


def _key(domain: str | None, path: str) -> str:
    """The same in the words of `Mount`; the scheme of a URL never counted in Paste's."""
    return f"//{domain}{path}" if domain else path


def _code(error: Any) -> int:
    """The status code that an element of ``catch`` means."""
    if isinstance(error, str) and error[:3].isdigit():
        return int(error[:3])
    code = getattr(error, "code", error)
    if isinstance(code, int):
        return code
    raise wrong_type("Cascade", "catch", error, "a status code, or an HTTP exception with one")


def _understood(app: WSGIApplication, codes: tuple[int, ...]) -> WSGIApplication:
    """``app``, its HTTP exceptions with one of ``codes`` as answers."""

    def asked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except Exception as error:
            code = getattr(error, "code", None)
            # Werkzeug's and WebOb's are apps themselves, Paste's have one; other errors have a code of another kind.
            if code not in codes or not (callable(error) or hasattr(error, "wsgi_application")):
                raise
            start_response(f"{code} {reason(code)}", [], sys.exc_info())
            return []

    return asked
