"""Status: a page on which an operator sees the service at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import json

from wsgikit.http.accept import best_type
from wsgikit.operations.allow import answer
from wsgikit.operations.backlog import backlog
from wsgikit.operations.endpoint import Endpoint
from wsgikit.operations.status.page import POLICY, document, live
from wsgikit.operations.status.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_OFFERS = ("text/html", "application/json")


class Status(Endpoint):
    """Answers at ``path`` with a page: workers and what they are busy with, latency, routes, upstreams, failures.

    It is one file without any assets, under a strict Content-Security-Policy, with everything escaped that came from
    a client. It is whole without JavaScript, and live with it: it asks itself for ``?json``, which others may as well.
    Any worker answers for all; only states of upstreams are as the answering worker sees them. Its own requests are
    not counted.

    - ``path`` (``"/-/status"``): where, below the layer's own mount point.
    - ``allow`` (``"loopback"``): who may see it: networks as in TrustedProxies. Others are answered 404, as is whoever
      comes by a proxy while no TrustedProxies outside tells who that is: paths of requests are private.
    - ``service`` (the project folder's name, or WSGIKIT_SERVICE): which workers belong together on this host.

    Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        app: WSGIApplication,
        path: str = "/-/status",
        *,
        allow: str | Iterable[str] = "loopback",
        service: str | None = None,
    ) -> None:
        super().__init__(app, path, allow, service)

    def _show(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        view = View(self._accounting.snapshot(), self.app, backlog(environ))
        headers = [
            ("Content-Security-Policy", POLICY),
            ("Referrer-Policy", "no-referrer"),
            ("Vary", "Accept"),
        ]
        if environ.get("QUERY_STRING") == "json" or _kind(environ) == "application/json":
            body = json.encode(live(view))
            return answer(environ, start_response, "application/json", body, headers=headers)
        body = document(view).encode()
        return answer(environ, start_response, "text/html; charset=utf-8", body, headers=headers)


def _kind(environ: WSGIEnvironment) -> str | None:
    return best_type(environ.get("HTTP_ACCEPT", ""), _OFFERS)
