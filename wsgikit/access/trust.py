"""The client behind the proxies, from the headers of those that are trusted and of nobody else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from wsgikit.core.environ import DEFAULT_PORTS, header_key
from wsgikit.core.errors import suggestion, wrong_choice, wrong_type, wrong_value
from wsgikit.core.headers import valid_name
from wsgikit.core.middleware import Middleware
from wsgikit.core.units import flag
from wsgikit.http.address import address
from wsgikit.http.forwarded import Claims, forwarded, one_header, x_forwarded
from wsgikit.http.networks import Networks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ORIGINAL = "wsgikit.original"

_X_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
)
_FORWARDED = ("HTTP_FORWARDED",)

# What the proxies' word may replace; read with the headers, as what to write depends on it.
_IDENTITY = ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "SERVER_PORT")
_HOST, _FOR = _IDENTITY.index("HTTP_HOST"), len(_IDENTITY)  # where they stand among all the texts

_ANYBODY = "192.0.2.0"  # stands for every client (RFC 5737)

# Some servers believe one of these from anyone (uWSGI) or from loopback (gunicorn), and write wsgi.url_scheme.
_SCHEME_KEYS = frozenset(
    {
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_FORWARDED_PROTOCOL",
        "HTTP_X_FORWARDED_SCHEME",
        "HTTP_X_FORWARDED_SSL",
    }
)

# Frameworks and the libraries that look for "the real IP" read these; none goes further unverified.
_KNOWN = frozenset(
    {
        *_X_FORWARDED,
        *_FORWARDED,
        *_SCHEME_KEYS,
        "HTTP_CF_CONNECTING_IP",
        "HTTP_CLIENT_IP",
        "HTTP_DO_CONNECTING_IP",
        "HTTP_FASTLY_CLIENT_IP",
        "HTTP_FLY_CLIENT_IP",
        "HTTP_FORWARDED_FOR",
        "HTTP_TRUE_CLIENT_IP",
        "HTTP_X_AZURE_CLIENTIP",
        "HTTP_X_CLIENT_IP",
        "HTTP_X_CLUSTER_CLIENT_IP",
        "HTTP_X_ENVOY_EXTERNAL_ADDRESS",
        "HTTP_X_FORWARDED",
        "HTTP_X_ORIGINAL_FORWARDED_FOR",
        "HTTP_X_REAL_IP",
    }
)

_REMEMBERED = 1024  # distinct sets of header texts
_LONGEST = 1024  # characters in a set that is worth remembering


class TrustedProxies(Middleware):
    """Writes the client's own address, scheme and host into the request, as far as trusted proxies vouch for them.

    Where the peer (REMOTE_ADDR) is trusted, the forwarded headers are read from the right past trusted networks, and
    environ is edited in place, so that the server's own access log is right too: REMOTE_ADDR, wsgi.url_scheme,
    HTTP_HOST, SERVER_PORT. The headers are rewritten to the part that was verified. Where the peer is not trusted they
    are removed, and a scheme that the server took from them is taken back. ``environ["wsgikit.original"]`` has what
    stood there before; its ``REMOTE_ADDR`` is always there, and is the peer (``""`` where it has no address).

    - ``networks``: whose word counts: CIDRs, ``"loopback"``, ``"private"``, ``"unix"`` (a peer on a unix socket),
      ``"@file"`` (a list, read again when it changes). No default: who is trusted depends on where the app runs.
    - ``headers``: ``"x-forwarded"`` (X-Forwarded-For, -Proto, -Host, -Port, -Prefix), ``"forwarded"`` (RFC 7239), or
      the name of one header that holds the address (``"x-real-ip"``). The other families are removed.
    - ``hops``: how many addresses are believed at most, None for as many as are trusted: a second lock for a chain
      of known length. The peer is hop 1, and vouches for the last address.
    - ``prefix``: whether X-Forwarded-Prefix is put before SCRIPT_NAME; off, as a proxy that strips no path sets none.

    Raises ``ValueError`` or ``TypeError`` for a network or option that will not do.
    """

    def __init__(
        self,
        app: WSGIApplication,
        networks: str | Iterable[str],
        *,
        headers: str = "x-forwarded",
        hops: int | None = None,
        prefix: bool = False,
    ) -> None:
        super().__init__(app)
        self.networks = networks
        self.headers = headers
        self.hops = _hops(hops)
        self.prefix = flag("TrustedProxies", "prefix", prefix)
        self._trusted = Networks(networks, layer="TrustedProxies")
        self._family, self._read = self._reader(headers)
        self._decisive = (*_IDENTITY, *self._family)
        self._others = _KNOWN.difference(self._family)
        self._known: dict[tuple[str | None, ...], _Verdict] = {}
        self._generation = 0

    def _reader(self, headers: str) -> tuple[tuple[str, ...], Callable[[tuple[Any, ...]], Claims]]:
        """The environ keys of the chosen family, and what reads their texts."""
        trusted, hops = self._trusted.contains, self.hops
        name = _header(headers)
        if name == "x-forwarded":
            return _X_FORWARDED, partial(x_forwarded, trusted=trusted, hops=hops)
        if name == "forwarded":
            return _FORWARDED, lambda texts: forwarded(texts[0], trusted, hops)
        key = header_key(name)
        return (key,), lambda texts: one_header(key, texts[0], trusted, hops)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._trusted.changing and self._trusted.generation() != self._generation:
            self._known, self._generation = {}, self._trusted.generation()
        texts = tuple(map(environ.get, self._decisive))
        outer = environ.get(ORIGINAL)
        if outer is not None:  # a TrustedProxies further out has the older values, and the true peer
            texts = (outer.get("REMOTE_ADDR"), *texts[1:])
        verdict = self._known.get(texts) or self._judge(texts)
        original = verdict.original.copy()
        environ.update(verdict.edits)
        for key in verdict.removed:
            del environ[key]
        if verdict.unsettled or not environ.keys().isdisjoint(self._others):
            self._settle(environ, original, verdict.claims)
        if outer is not None:
            original.update(outer)
        environ[ORIGINAL] = original
        return self.app(environ, start_response)

    def _judge(self, texts: tuple[str | None, ...]) -> _Verdict:
        """What follows from the texts of the decisive keys, remembered."""
        known = self._known  # the one that goes with the networks asked below, should they change meanwhile
        client = texts[_FOR] if self._family is _X_FORWARDED else None
        if client is None or client == _ANYBODY or address(client) != client:
            verdict = self._decide(texts)
        else:  # one address alone, as nearly always: what follows is the same for whichever it is
            alike = (*texts[:_FOR], _ANYBODY, *texts[_FOR + 1 :])
            verdict = (known.get(alike) or self._remember(known, alike, self._decide(alike))).of(client)
        return self._remember(known, texts, verdict)

    def _remember(
        self, known: dict[tuple[str | None, ...], _Verdict], texts: tuple[str | None, ...], verdict: _Verdict
    ) -> _Verdict:
        written = (texts[_HOST], *texts[_FOR:])  # by strangers
        if len("".join(filter(None, written))) <= _LONGEST:
            if len(known) >= _REMEMBERED:
                known.clear()
            known[texts] = verdict
        return verdict

    def _decide(self, texts: tuple[str | None, ...]) -> _Verdict:
        """What follows from the texts of the decisive keys."""
        said = texts[_FOR:]
        heard = said.count(None) < len(said) and self._trusted.contains(texts[0])
        claims = self._read(said) if heard else Claims()
        present = {key: text for key, text in zip(self._family, said, strict=True) if text is not None}
        return _Verdict(texts[0], texts[1:_FOR], present, claims, self.prefix)

    def _settle(self, environ: WSGIEnvironment, original: dict[str, Any], claims: Claims) -> None:
        """What is rare: headers of other families, a scheme that the server took from a header, a prefix."""
        for key in environ.keys() & self._others:
            original[key] = environ.pop(key)
        edits: dict[str, str] = {}
        if claims.scheme is None and not _SCHEME_KEYS.isdisjoint(original):
            scheme = own_scheme(environ, original)
            edits = {"wsgi.url_scheme": scheme, **_authority(claims, scheme, environ.get("HTTP_HOST"))}
        if self.prefix and claims.prefix and "SCRIPT_NAME" not in environ.get(ORIGINAL, ()):
            edits["SCRIPT_NAME"] = claims.prefix + environ.get("SCRIPT_NAME", "")
        for key, value in edits.items():
            if environ.get(key) != value:
                original.setdefault(key, environ.get(key, ""))
                environ[key] = value


class _Verdict:
    """What one set of texts does to environ: ``edits`` are set, ``removed`` taken out, ``original`` kept.

    ``unsettled`` says that more of environ than these texts has a say in it.
    """

    __slots__ = ("claims", "edits", "original", "removed", "unsettled")

    claims: Claims
    edits: dict[str, str]
    original: dict[str, Any]
    removed: tuple[str, ...]
    unsettled: bool

    def __init__(
        self,
        peer: str | None,
        texts: tuple[str | None, ...],
        said: dict[str, str],
        claims: Claims,
        prefix: bool,
    ) -> None:
        scheme, host, port = texts
        self.claims = claims
        self.removed = tuple([key for key in said if key not in claims.headers])
        self.original: dict[str, Any] = {"REMOTE_ADDR": peer or "", **said}
        self.edits = {**claims.headers}
        if claims.client is not None and claims.client != peer:
            self.edits["REMOTE_ADDR"] = claims.client
        news = _authority(claims, claims.scheme or scheme or "http", host)
        for key, value, before in (
            ("wsgi.url_scheme", claims.scheme, scheme),
            ("HTTP_HOST", news.get("HTTP_HOST"), host),
            ("SERVER_PORT", news.get("SERVER_PORT"), port),
        ):
            if value is not None and value != before:
                self.edits[key] = value
                if before is not None:
                    self.original[key] = before
        tainted = claims.scheme is None and not _SCHEME_KEYS.isdisjoint(said)
        self.unsettled = tainted or bool(prefix and claims.prefix)

    def of(self, client: str) -> _Verdict:
        """The same for another client, whose address is all that X-Forwarded-For holds; this one is anybody's."""
        verdict = _Verdict.__new__(_Verdict)
        verdict.claims, verdict.removed, verdict.unsettled = self.claims, self.removed, self.unsettled
        verdict.original = {**self.original, "HTTP_X_FORWARDED_FOR": client}
        verdict.edits = edits = self.edits.copy()
        if "HTTP_X_FORWARDED_FOR" in edits:  # the peer is trusted
            edits["HTTP_X_FORWARDED_FOR"] = client
            if client != self.original["REMOTE_ADDR"]:
                edits["REMOTE_ADDR"] = client
            else:
                edits.pop("REMOTE_ADDR", None)
        return verdict


def _authority(claims: Claims, scheme: str, current: str | None) -> dict[str, str]:
    """HTTP_HOST and SERVER_PORT as the client used them, when a trusted proxy says anything about that."""
    if not (claims.scheme or claims.host or claims.port):
        return {}
    host = claims.host or current
    own = DEFAULT_PORTS.get(scheme, "80")
    if not host:
        return {"SERVER_PORT": claims.port or own}
    name, colon, written = host.rpartition(":")
    if not colon or "]" in written:  # no port: a name alone, or [2001:db8::1]
        name, written = host, ""
    if claims.port is None:
        number = written if written.isascii() and written.isdigit() else own
        return {"HTTP_HOST": host, "SERVER_PORT": number}
    return {"HTTP_HOST": name if claims.port == own else f"{name}:{claims.port}", "SERVER_PORT": claims.port}


def own_scheme(environ: WSGIEnvironment, original: dict[str, Any]) -> str:
    """The scheme of the server's own socket, when the scheme that environ has may come from a header.

    HTTPS (cheroot, uWSGI, CGI), UWSGI_SCHEME (nginx) and gunicorn's socket speak for https. Without any of them a
    scheme https is the server's own on port 443, or where no header claimed it (a TLS server that leaves no trace in
    environ); anything else is http. The port alone says nothing: Apache and tornado take it from the Host header.
    """
    if (
        str(environ.get("HTTPS", "")).lower() in _YES
        or environ.get("UWSGI_SCHEME") == "https"
        or hasattr(environ.get("gunicorn.socket"), "cipher")
    ):
        return "https"
    if environ.get("wsgi.url_scheme") != "https":
        return "http"
    if str(original.get("SERVER_PORT") or environ.get("SERVER_PORT")) == "443":
        return "https"
    claimed = (str(original[key]).lower() for key in _SCHEME_KEYS if key in original)
    return "http" if any("https" in text or text in _YES for text in claimed) else "https"


_YES = frozenset({"on", "1", "true", "yes", "ssl"})


def _header(headers: str) -> str:
    wanted = (
        '"x-forwarded", "forwarded", or the name of one header that holds the address, such as "x-real-ip"'
    )
    if not isinstance(headers, str):
        raise wrong_type("TrustedProxies", "headers", headers, wanted)
    name = headers.lower()
    if not valid_name(name):
        raise wrong_value("TrustedProxies", "headers", headers, wanted)
    if name not in _FAMILIES and suggestion(name, _FAMILIES, nearness=0.9):
        raise wrong_choice("TrustedProxies", "headers", headers, _FAMILIES)  # nobody sends X-Forwardd
    return name


_FAMILIES = ("x-forwarded", "forwarded")


def _hops(hops: int | None) -> int | None:
    wanted = "a number of proxies from 1 up, or None for as many as are trusted"
    if hops is not None and (isinstance(hops, bool) or not isinstance(hops, int)):
        raise wrong_type("TrustedProxies", "hops", hops, wanted)
    if hops is not None and hops < 1:
        raise wrong_value("TrustedProxies", "hops", hops, wanted)
    return hops
