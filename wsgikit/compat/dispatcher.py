"""Werkzeug's DispatcherMiddleware, on `Mount`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.compat.checks import checked_app
from wsgikit.core.middleware import Application
from wsgikit.mounting.mount import Mount

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class DispatcherMiddleware(Application):
    """Werkzeug's: requests below a path of ``mounts`` go to the app there, others to ``app``.

    The attribute ``mounts`` is a mapping that can be changed while requests are served. Different from the original:
    ``/t/`` mounts the same as ``/t``, ``/`` takes every path, keys may name hosts, the app gets a copy of environ, a
    path that climbs above its mount is answered 400, and a long path costs no more than a short one.
    """

    def __init__(self, app: WSGIApplication, mounts: Mapping[str, WSGIApplication] | None = None) -> None:
        self.app = checked_app("DispatcherMiddleware", "app", app)
        self.mounts = Mount(mounts or {}, default=app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.mounts(environ, start_response)

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The mounted apps, and the one beside them."""
        return self.mounts.children()

    def _arguments(self) -> dict[str, Any]:
        return {"app": self.app, "mounts": self.mounts.mounts}
