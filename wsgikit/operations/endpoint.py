"""A layer that counts requests on the scoreboard, and answers one path with what is on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.middleware import Middleware
from wsgikit.operations.accounting import Accounting
from wsgikit.operations.allow import Page
from wsgikit.operations.service import service_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Endpoint(Middleware):
    """Shows the scoreboard at ``path`` to whom ``allow`` names; all other requests are counted, and go to the app."""

    def __init__(
        self, app: WSGIApplication, path: str, allow: str | Iterable[str], service: str | None
    ) -> None:
        super().__init__(app)
        owner = type(self).__name__
        self.path = path
        self.allow = allow
        self.service = service_name(owner, service)
        self._page = Page(owner, path, allow)
        self._accounting = Accounting(app, self.service)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._page.wanted(environ):
            return self._accounting(environ, start_response)
        refused = self._page.refused(environ, start_response)
        if refused is not None:
            return refused
        return self._show(environ, start_response)

    def _show(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with what is on the scoreboard."""
        raise NotImplementedError(f"{type(self).__name__} shows nothing yet")
