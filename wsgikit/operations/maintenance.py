"""Maintenance: a file takes the app off the air, in every worker at once."""

from __future__ import annotations

import os
from math import ceil
from typing import TYPE_CHECKING

from wsgikit.core.middleware import Middleware
from wsgikit.core.units import seconds
from wsgikit.http.networks import Networks
from wsgikit.operations.hidden import hidden_by_proxy
from wsgikit.operations.refusal import refuse
from wsgikit.operations.switch import switch_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_DETAIL = "The service is down for maintenance and will be back soon."


class Maintenance(Middleware):
    """Answers 503 while a file is there, to everybody but those who work on the service.

    - ``switch``: the path of the file: ``touch`` turns maintenance on, ``rm`` off, from the next request on and in all
      workers, as each asks for the file itself (0.8 us a request). A relative path starts at the folder in which the
      layer was made.
    - ``allow`` (nobody): who still gets through: networks as in TrustedProxies (``"10.0.0.0/8"``, ``"private"``,
      ``"@file"``), asked about the verified client. A proxy's own address lets nobody in.
    - ``retry_after`` (120): seconds, or text like ``"5m"``, after which clients should ask again; search engines keep
      a page that answers 503 for a while, and come back (RFC 9110 sections 10.2.3, 15.6.4).

    The answer is text, HTML or problem+json, whichever Accept asks for. Requests already at work are finished.
    Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        switch: str | PathLike[str],
        allow: str | Iterable[str] = (),
        retry_after: float | str = 120,
    ) -> None:
        super().__init__(app)
        self.switch = switch
        self.allow = allow
        self.retry_after = seconds("Maintenance", "retry_after", retry_after)
        self._path = switch_path("Maintenance", switch)
        self._allowed = Networks(allow, layer="Maintenance", option="allow")
        self._headers = [("Retry-After", str(ceil(self.retry_after)))]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # access() rather than stat(): a third of the price, which every request pays.
        if os.access(self._path, os.F_OK) and not self._lets_in(environ):
            return refuse("Maintenance", environ, start_response, 503, _DETAIL, headers=self._headers)
        return self.app(environ, start_response)

    def _lets_in(self, environ: WSGIEnvironment) -> bool:
        return self._allowed.contains(environ.get("REMOTE_ADDR")) and not hidden_by_proxy(environ)
