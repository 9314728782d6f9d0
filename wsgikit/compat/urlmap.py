"""Paste's URLMap, on `Mount`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from wsgikit.compat.checks import checked_app
from wsgikit.core.errors import wrong_value
from wsgikit.core.middleware import Application
from wsgikit.mounting.mount import Mount

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    Domain = tuple[str | None, str]

# A scheme and host or neither, then a path or nothing.
_URL = re.compile(r"(?:https?://([^/]*))?((?:/.*)?)", re.DOTALL)
_SLASHES = re.compile("//+")


class URLMap(Application, MutableMapping[Any, "WSGIApplication"]):
    """Paste's: a dict of apps by URL (``"/path"``, ``"http://domain/path"``, ``("domain", "/path")``).

    Iterating gives (domain, path) pairs, the domain None where there is none; setting None removes. A domain without a
    port matches any. Different from the original: look-up does not grow with the number of apps, domains in upper case
    and IPv6 literals match, ``*.`` domains too, slashes in the path an app sees are left as they came, the app gets a
    copy of environ, a path that climbs above its mount is answered 400, and the 404 page lists nothing.
    """

    def __init__(self, not_found_app: WSGIApplication | None = None) -> None:
        if not_found_app is not None:
            checked_app("URLMap", "not_found_app", not_found_app)
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
        checked_app("URLMap", f"urlmap[{url!r}]", app)
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


def _key(domain: str | None, path: str) -> str:
    """The same in the words of `Mount`; the scheme of a URL never counted in Paste's."""
    return f"//{domain}{path}" if domain else path
