"""Werkzeug's ProxyMiddleware, on `Mount` and `ReverseProxy`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wsgikit.core.environ import header_key
from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.core.headers import valid_name, valid_value
from wsgikit.core.middleware import Middleware
from wsgikit.core.units import flag, seconds
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.http.hop import HOP_BY_HOP, nominated
from wsgikit.mounting.mount import Mount

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_DEFAULTS: dict[str, Any] = {"remove_prefix": False, "host": "<auto>", "headers": {}, "ssl_context": None}

# Headers that are not the user's to set: what says them instead.
_NOT_SET_HERE = {
    **dict.fromkeys(HOP_BY_HOP | {"content-length", "expect"}, "the proxy says itself how bodies are sent"),
    "host": "the option host names it",
    "forwarded": "the proxy says itself who asked; put TrustedProxies outside for it to be told by another proxy",
}


class ProxyMiddleware(Middleware):
    """Werkzeug's: requests below a prefix of ``targets`` go to a server elsewhere, others to ``app``.

    - ``targets``: for each prefix (``"/static/"``) a dict of its options:

      - ``target``: the URL of the server; needed. Its path counts only when the prefix is removed.
      - ``remove_prefix`` (False): put what follows the prefix after the path of ``target``.
      - ``host`` (``"<auto>"``): the Host that is asked for: that of ``target``; None for the client's; or a host.
      - ``headers`` ({}): set on each request, in the place of what the client sent under their names.
      - ``ssl_context`` (None): how an ``https://`` target is verified; by the system's authorities unless given.

    - ``chunk_size``: of no effect; bodies go on as they come, and never more than 64 KiB of one is in memory.
    - ``timeout`` (10 s): for a connection to be made, and for each next byte to come or to be taken.

    Different from the original: connections are kept and used again; chunked request bodies arrive, with their end;
    the path arrives in the client's own spelling; Host has its port; X-Forwarded-* says who asked; what Connection
    names is dropped; a Location that names the target leads back through this app. ``"/"`` takes every path, ``"/p"``
    also ``/p`` itself, and the longest prefix wins whatever the order. A path that climbs above its prefix is answered
    400, a slow target 504, a broken answer 502; one that breaks off is broken off to the client too. Options that will
    not do raise at once: ``ValueError`` or ``TypeError``.
    """

    def __init__(
        self,
        app: WSGIApplication,
        targets: Mapping[str, dict[str, Any]],
        chunk_size: int = 2 << 13,
        timeout: int = 10,
    ) -> None:
        super().__init__(app)
        self.targets = _targets(targets)
        self.chunk_size = chunk_size
        self.timeout = timeout
        limit = seconds("ProxyMiddleware", "timeout", timeout)
        if not limit:
            raise wrong_value("ProxyMiddleware", "timeout", timeout, "more than 0 seconds")
        self._mount = Mount(
            {key.rstrip("/") or "/": _Target(key, opts, limit) for key, opts in self.targets.items()}
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        inside = self._mount if self._mount.find(environ) else self.app
        return inside(environ, start_response)

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The proxies by prefix, in the order in which requests try them, and the app beside them."""
        return [*((key, target.proxy) for key, target in self._by_prefix()), ("app", self.app)]

    def close(self) -> None:
        """Close the idle connections of this process."""
        for _, target in self._by_prefix():
            target.proxy.close()

    def _by_prefix(self) -> list[tuple[str, Any]]:
        return list(self._mount.children())


class _Target:
    """One target, as it is mounted: its proxy, and what the environ that `Mount` has copied for it lacks."""

    def __init__(self, prefix: str, opts: dict[str, Any], timeout: float) -> None:
        where = f"targets[{prefix!r}]"
        self._kept = "" if opts["remove_prefix"] else prefix.rstrip("/")
        self._set = dict(_field(where, name, value) for name, value in opts["headers"].items())
        self.proxy = ReverseProxy(
            _url(where, opts),
            host=_host(where, opts["host"]),
            connect_timeout=timeout,
            read_timeout=timeout,
            tls=opts["ssl_context"],
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._kept:
            environ["SCRIPT_NAME"] = environ["SCRIPT_NAME"].removesuffix(self._kept)
            environ["PATH_INFO"] = self._kept + environ["PATH_INFO"]
        if self._set:
            # First what the client's Connection names, or it could name these away.
            for name in nominated([environ.pop("HTTP_CONNECTION", "")]):
                environ.pop(header_key(name), None)
            environ.update(self._set)
        return self.proxy(environ, start_response)


def _targets(given: object) -> dict[str, dict[str, Any]]:
    """Each target's options, complete, by prefix with a slash at both ends."""
    if not isinstance(given, Mapping):
        raise wrong_type("ProxyMiddleware", "targets", given, 'a dict such as {"/static/": {"target": URL}}')
    targets: dict[str, dict[str, Any]] = {}
    for key, opts in given.items():
        where = f"targets[{key!r}]"
        if not isinstance(key, str):
            raise wrong_type("ProxyMiddleware", "targets", key, "prefixes are text")
        if not isinstance(opts, Mapping) or not isinstance(opts.get("target"), str):
            raise wrong_type("ProxyMiddleware", where, opts, 'a dict with the key "target", a URL')
        for name in opts:
            if name != "target" and name not in _DEFAULTS:
                hint = suggestion(str(name), ["target", *_DEFAULTS])
                raise TypeError(f"ProxyMiddleware: {where}: no option {name!r}{hint}")
        flag("ProxyMiddleware", f"{where}['remove_prefix']", opts.get("remove_prefix", False))
        stripped = key.strip("/")
        targets[f"/{stripped}/" if stripped else "/"] = {**_DEFAULTS, **opts}
    return targets


def _url(where: str, opts: dict[str, Any]) -> str:
    """The URL for ReverseProxy: a name beyond ASCII encoded, the path where it counts."""
    target: str = opts["target"]
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https"):
        return target
    try:
        netloc = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    except UnicodeError:
        raise wrong_value(
            "ProxyMiddleware", f"{where}['target']", target, "a URL with a valid host"
        ) from None
    return parts._replace(netloc=netloc, path=parts.path if opts["remove_prefix"] else "").geturl()


def _host(where: str, host: str | None) -> str:
    """The option of ReverseProxy, which has words of its own for two of the three."""
    if host in ("upstream", "client"):
        raise wrong_value("ProxyMiddleware", f"{where}['host']", host, f'with its port, "{host}:80"')
    return "client" if host is None else "upstream" if host == "<auto>" else host


def _field(where: str, name: str, value: str) -> tuple[str, str]:
    """A header to set, as a key of environ and its value."""
    option = f"{where}['headers'][{name!r}]"
    if not isinstance(name, str) or not isinstance(value, str):
        raise wrong_type("ProxyMiddleware", option, value, "names and values are text")
    lower = name.lower()
    reason = _NOT_SET_HERE.get("forwarded" if lower.startswith("x-forwarded-") else lower)
    if reason or lower.startswith("proxy"):
        raise wrong_value(
            "ProxyMiddleware", option, value, reason or "it is meant for a proxy, not for a server"
        )
    if not valid_name(name) or not valid_value(value):
        raise wrong_value("ProxyMiddleware", option, value, "a header name, and a value without controls")
    return header_key(name), value
