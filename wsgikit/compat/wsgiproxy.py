"""WSGIProxy2's HostProxy, on `ReverseProxy`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wsgikit.core.component import own_signature
from wsgikit.core.errors import suggestion, wrong_choice, wrong_type, wrong_value
from wsgikit.core.middleware import Application
from wsgikit.core.reply import reply
from wsgikit.core.units import flag
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.tls import TLS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

ALLOWED_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
CLIENTS = ("httplib", "urllib3", "requests")


class HostProxy(Application):
    """WSGIProxy2's: every request goes to the server at ``uri``.

    - ``uri``: its URL, with a base path or without; a slash at the end says nothing.
    - ``client``: None, ``"httplib"``, ``"urllib3"`` or ``"requests"``, all the same here: the HTTP client is
      wsgikit's own. A client of one's own cannot be plugged in.
    - ``allowed_methods``: others are answered 405; None allows every method.
    - ``strip_script_name`` (True): whether the mount point is kept from the server.
    - ``client_options``: options of `ReverseProxy`, and some of the three clients': ``timeout`` in seconds, or those
      to connect and to read; ``verify`` as False or the path of an authority's certificate, ``cert`` as the path of
      our own or with that of its key (its ``tls``); ``chunk_size``, which has no effect; ``redirect`` and
      ``allow_redirects`` as False, for redirects are the client's to follow.

    Different from the original: bodies go both ways as they come, chunked ones too; connections are kept; an encoded
    body stays as it is encoded; each Set-Cookie stays its own; certificates are verified; X-Forwarded-For is no claim
    of the client's, and beside it go -Host, -Proto and -Prefix instead of -Server, -Scheme and -Script-Name; what
    belongs to one connection is dropped, both ways. The path is the client's own spelling below the mount point, and
    names no other server whatever it holds. A Location that names the server leads back through this app. Broken
    answers are 502, one that breaks off is broken off to the client too, and environ stays as it was.

    The attribute ``proxy`` is the `ReverseProxy` inside.
    """

    def __init__(
        self,
        uri: str,
        client: str | None = None,
        allowed_methods: Iterable[str] | None = ALLOWED_METHODS,
        strip_script_name: bool = True,
        **client_options: Any,
    ) -> None:
        if not isinstance(uri, str):
            raise wrong_type("HostProxy", "uri", uri, 'a URL such as "http://10.0.0.1:8080/base"')
        self.uri = uri.rstrip("/")
        self.client = _client(client)
        self.allowed_methods = _methods(allowed_methods)
        self.strip_script_name = flag("HostProxy", "strip_script_name", strip_script_name)
        self.proxy = ReverseProxy(self.uri, keep_prefix=not strip_script_name, **_options(client_options))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        allowed = self.allowed_methods
        if allowed is not None and environ["REQUEST_METHOD"] not in allowed:
            headers = [("Allow", ", ".join(allowed))]
            return reply(environ, start_response, 405, "This method is not allowed here.", headers=headers)
        return self.proxy(environ, start_response)

    def close(self) -> None:
        """Close the idle connections of this process."""
        self.proxy.close()


def _client(client: object) -> str | None:
    if callable(client):
        raise wrong_type("HostProxy", "client", client, "its name, or None: the HTTP client is wsgikit's own")
    if client is not None and client not in CLIENTS:
        raise wrong_choice("HostProxy", "client", client, CLIENTS)
    return client


def _methods(methods: Iterable[str] | None) -> tuple[str, ...] | None:
    if methods is None:
        return None
    if isinstance(methods, str) or not isinstance(methods, Iterable):
        raise wrong_type("HostProxy", "allowed_methods", methods, "a list of methods, or None for all")
    return tuple(methods)


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """The options of ReverseProxy that ``client_options`` stand for."""
    options: dict[str, Any] = {}
    tls: dict[str, Any] = {}
    for name, value in given.items():
        if name in _TAKEN:
            options[name] = value
        elif name == "timeout":
            options |= _timeouts(value)
        elif name == "verify":
            tls |= {"verify": value} if isinstance(value, bool) else {"ca": value}
        elif name == "cert":
            tls |= zip(("cert", "key"), value if isinstance(value, tuple) else (value,), strict=False)
        else:
            _check_no_effect(name, value)
    if tls:
        options.setdefault("tls", TLS(**tls))
    return options


def _timeouts(timeout: Any) -> dict[str, Any]:
    if timeout is None:
        return {}
    connect, read = timeout if isinstance(timeout, tuple) and len(timeout) == 2 else (timeout, timeout)
    return {"connect_timeout": connect, "read_timeout": read}


def _check_no_effect(name: str, value: Any) -> None:
    """Whether an option asks for nothing that is not done anyway."""
    if name in ("redirect", "allow_redirects"):
        if value is not False:
            raise wrong_value("HostProxy", name, value, "False: redirects are the client's to follow")
    elif name in ("pool", "session"):
        wanted = "connections are kept here, per process; max_idle says how many, other options the rest"
        raise wrong_value("HostProxy", name, value, wanted)
    elif name != "chunk_size":
        raise TypeError(
            f"HostProxy: no option {name!r}{suggestion(name, [*_TAKEN, 'timeout', 'verify', 'cert'])}"
        )


# What ReverseProxy takes beside the options that have their own words above.
_TAKEN = frozenset(own_signature(ReverseProxy).parameters) - {"upstreams", "keep_prefix"}
