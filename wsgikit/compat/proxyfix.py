"""Werkzeug's ProxyFix: trust by number. Whose address is known says more with `TrustedProxies`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.access.trust import ORIGINAL, own_scheme
from wsgikit.core.environ import DEFAULT_PORTS
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.middleware import Middleware
from wsgikit.http.address import address
from wsgikit.http.forwarded import host, members, port, prefix, scheme, verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_IDENTITY = (
    *("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT"),
    "SCRIPT_NAME",
)


class ProxyFix(Middleware):
    """Werkzeug's: takes from each ``X-Forwarded-`` header the value that so many trusted proxies away have set.

    - ``x_for`` (1), ``x_proto`` (1), ``x_host`` (0), ``x_port`` (0), ``x_prefix`` (0): how many proxies add to
      X-Forwarded-For, -Proto, -Host, -Port and -Prefix; 0 takes nothing from that header. REMOTE_ADDR,
      wsgi.url_scheme, HTTP_HOST, SERVER_NAME, SERVER_PORT and SCRIPT_NAME are set from them in place.

    What was there is in ``environ["werkzeug.proxy_fix.orig"]``, and for the layers here in ``wsgikit.original``.

    Different from the original: lists are read from the right, so that a lone quote of the client's hides nothing; a
    port, brackets or a zone is taken off an address; what is no address, scheme, host, port or path is not believed (an
    address also where a nearer one is none), and a ``wsgi.url_scheme`` that is none is set right; SERVER_PORT
    follows a host without a port; each of the five headers is left with what was believed, and is removed where that is
    nothing, so that WebOb's ``client_addr`` and Werkzeug's ``access_route`` cannot be fooled either.

    Like the original, and unlike `TrustedProxies`, it believes whoever connects, and its numbers fit one way in: a
    request that took a shorter one is the client's to forge. Raises ``TypeError`` or ``ValueError`` for a wrong number.
    """

    def __init__(
        self,
        app: WSGIApplication,
        x_for: int = 1,
        x_proto: int = 1,
        x_host: int = 0,
        x_port: int = 0,
        x_prefix: int = 0,
    ) -> None:
        super().__init__(app)
        self.x_for = _count("x_for", x_for)
        self.x_proto = _count("x_proto", x_proto)
        self.x_host = _count("x_host", x_host)
        self.x_port = _count("x_port", x_port)
        self.x_prefix = _count("x_prefix", x_prefix)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        before = {key: environ.get(key) for key in _IDENTITY}
        headers = {key: environ.pop(key) for key in _HEADERS if key in environ}
        chain = _chain(headers.get("HTTP_X_FORWARDED_FOR"), self.x_for)
        said = {
            key: found
            for key, reads, count in (
                ("HTTP_X_FORWARDED_PROTO", scheme, self.x_proto),
                ("HTTP_X_FORWARDED_HOST", host, self.x_host),
                ("HTTP_X_FORWARDED_PORT", port, self.x_port),
                ("HTTP_X_FORWARDED_PREFIX", prefix, self.x_prefix),
            )
            if (found := _believed(headers.get(key), count, reads))
        }
        environ.update(said)
        if chain:
            environ["REMOTE_ADDR"] = chain[-1]
            environ["HTTP_X_FORWARDED_FOR"] = ", ".join(reversed(chain))
        _identify(environ, headers, *map(said.get, _HEADERS[1:]))
        environ["werkzeug.proxy_fix.orig"] = before
        changed = {key: value for key, value in before.items() if value is not None and value != environ[key]}
        original = {**headers, **changed, "REMOTE_ADDR": before["REMOTE_ADDR"] or ""}
        environ[ORIGINAL] = original | environ.get(ORIGINAL, {})  # the older values, and the true peer
        return self.app(environ, start_response)


_HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
)


def _chain(text: str | None, count: int) -> list[str]:
    """The ``count`` addresses from the right, nearest first; none where there are fewer."""
    if not count or text is None:
        return []
    chain = verified(map(address, members(text)), lambda _: True, count)
    return chain if len(chain) == count else []


def _believed(text: str | None, count: int, reads: Callable[[str], str | None]) -> str | None:
    """What ``reads`` makes of the value that stands ``count`` from the right."""
    listed = text.split(",") if count and text else []
    return reads(listed[-count].strip(" \t")) if count and len(listed) >= count else None


def _identify(
    environ: WSGIEnvironment,
    headers: dict[str, Any],
    scheme: str | None,
    host: str | None,
    port: str | None,
    prefix: str | None,
) -> None:
    if scheme or environ.get("wsgi.url_scheme") not in DEFAULT_PORTS:  # uWSGI writes anybody's text there
        environ["wsgi.url_scheme"] = scheme or own_scheme(environ, headers)
    if host:
        name, written = _split(host)
        environ["HTTP_HOST"], environ["SERVER_NAME"] = host, name
        environ["SERVER_PORT"] = written or DEFAULT_PORTS[environ["wsgi.url_scheme"]]
    if port:
        if environ.get("HTTP_HOST"):
            environ["HTTP_HOST"] = f"{_split(environ['HTTP_HOST'])[0]}:{port}"
        environ["SERVER_PORT"] = port
    if prefix:
        environ["SCRIPT_NAME"] = prefix


def _split(host: str) -> tuple[str, str]:
    """Name and port; an IPv6 address keeps its brackets."""
    name, colon, written = host.rpartition(":")
    return (name, written) if colon and "]" not in written else (host, "")


def _count(option: str, count: int) -> int:
    wanted = "the number of trusted proxies that set this header, 0 for none"
    if not isinstance(count, int):
        raise wrong_type("ProxyFix", option, count, wanted)
    if count < 0:
        raise wrong_value("ProxyFix", option, count, wanted)
    return count
