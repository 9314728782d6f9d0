"""Head: no body where HTTP has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.flight import NOTHING, Flight
from wsgikit.core.headers import without
from wsgikit.core.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgikit.core.flight import Filter


class Head(Middleware):
    """Leaves out the body that an app gives wrongly: for HEAD, and with 204, 205 and 304.

    Half of the servers put such a body on the wire (wsgiref, waitress, cheroot, uWSGI, gevent and others), where the
    client takes it for the beginning of the next answer. The head stays as for GET, its Content-Length included
    (RFC 9110 section 9.3.2), but that a 204 has none (section 8.6). The app's body is closed unread.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return Flight(environ, start_response, _decide).through(self.app)


def _decide(flight: Flight) -> Filter | None:
    if not flight.bodiless:
        return None
    if flight.status.startswith("204"):
        flight.headers = without(flight.headers, "content-length")
    return NOTHING
