"""The pages of operators: at which path they are, who may see them, and how they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.reply import reply
from wsgikit.http.networks import Networks
from wsgikit.operations.accounting import forget
from wsgikit.operations.hidden import hidden_by_proxy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


class Page:
    """A page at ``path`` for the networks in ``allow``, of the layer named ``layer``.

    A request that a proxy has forwarded comes from the proxy's address, whoever sent it. So it is nobody's until a
    TrustedProxies outside has verified the client.
    """

    def __init__(self, layer: str, path: str, allow: str | Iterable[str]) -> None:
        self.path = checked_path(layer, "path", path)
        self.allowed = Networks(allow, layer=layer, option="allow")

    def wanted(self, environ: WSGIEnvironment) -> bool:
        """Whether the request is for the page; then it is not counted."""
        if environ.get("PATH_INFO") != self.path:
            return False
        forget(environ)
        return True

    def refused(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes] | None:
        """The answer to who may not see it, or asks for more than to see it; None for all others.

        Strangers are told what they would be told of a page that is not there.
        """
        if hidden_by_proxy(environ) or not self.allowed.contains(environ.get("REMOTE_ADDR")):
            return reply(environ, start_response, 404)
        return only_read(environ, start_response)


def only_read(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes] | None:
    """405 to whoever does not just read (RFC 9110 section 15.5.6), None to all others."""
    if environ.get("REQUEST_METHOD") in ("GET", "HEAD"):
        return None
    return reply(
        environ, start_response, 405, "This page can only be read.", headers=[("Allow", "GET, HEAD")]
    )


def answer(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    kind: str,
    body: bytes,
    *,
    status: str = "200 OK",
    headers: Iterable[tuple[str, str]] = (),
) -> list[bytes]:
    """Answer with a page of the moment: nobody keeps it, and nobody takes it for anything but its type."""
    start_response(
        status,
        [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *headers,
        ],
    )
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]


def checked_path(layer: str, option: str, path: Any) -> str:
    """A path that PATH_INFO may be."""
    wanted = "a path such as '/-/stats', which begins with a slash"
    if not isinstance(path, str):
        raise wrong_type(layer, option, path, wanted)
    if not path.startswith("/") or not path.isascii() or not path.isprintable():
        raise wrong_value(layer, option, path, wanted)
    return path
