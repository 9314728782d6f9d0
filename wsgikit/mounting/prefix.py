"""An app that lives under a sub-path, whatever the proxy in front does with that path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.middleware import Middleware
from wsgikit.core.reply import reply
from wsgikit.mounting.hostile import hostile
from wsgikit.mounting.keys import parse_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Prefix(Middleware):
    """Tells the app that it lives under ``prefix``: whatever came in, SCRIPT_NAME ends with it and PATH_INFO lacks it.

    So the app's links, redirects and cookie paths begin with the prefix, whether the proxy in front strips it
    (nginx: ``proxy_pass http://app/;``), keeps it (``proxy_pass http://app;``), or says in X-Forwarded-Prefix what it
    stripped, which `TrustedProxies(prefix=True)` outside this layer believes of trusted peers.

    - ``prefix``: the path that the public sees in front of the app's own, such as ``"/shop"``. ``""`` and ``"/"``
      change nothing, so that one configuration serves both ways of deployment.

    A proxy that strips ``/shop`` from ``/shop/shop/x`` sends what one that strips nothing sends for ``/shop/x``, and is
    taken for the latter: give no page of the app the name of its prefix. A path that climbs above the prefix is
    answered 400, as by `Mount`. The app gets a copy of environ.
    """

    def __init__(self, app: WSGIApplication, prefix: str) -> None:
        super().__init__(app)
        self.prefix = prefix
        self._path = parse_path("Prefix", "prefix", prefix)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        script_name: str = environ.get("SCRIPT_NAME", "")
        told = script_name.endswith(self._path)
        # A prefix that came in a header says nothing about PATH_INFO; one that a mount or the server took from it does.
        if (not told or "SCRIPT_NAME" in environ.get("wsgikit.original", ())) and self._holds(path):
            path = path[len(self._path) :]
        refusal = hostile(path)
        if refusal:
            return reply(environ, start_response, 400, refusal)
        inner = environ.copy()
        inner["SCRIPT_NAME"] = script_name if told else script_name + self._path
        inner["PATH_INFO"] = path
        return self.app(inner, start_response)

    def _holds(self, path: str) -> bool:
        return path == self._path or path.startswith(f"{self._path}/")
