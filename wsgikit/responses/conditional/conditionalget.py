"""ConditionalGet: says "not modified" to a client that has the answer already (RFC 9110 section 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.flight import NOTHING
from wsgikit.core.middleware import Middleware
from wsgikit.http.preconditions import asked, failing
from wsgikit.responses.conditional.early import EarlyFlight, Refusal
from wsgikit.responses.conditional.notmodified import of_a_304

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgikit.core.flight import Filter

_CHANGED = "What was asked for has changed since the version that If-Match or If-Unmodified-Since names."


class ConditionalGet(Middleware):
    """Answers 304 where the client's copy is current, and 412 where it asked for a version that is gone.

    The ETag and Last-Modified of the app's 200 are compared with If-Match, If-Unmodified-Since, If-None-Match and
    If-Modified-Since, in the order and by the comparisons of RFC 9110 section 13.2.2. The app has run by then, so this
    saves sending the body, not making it; and it is for GET and HEAD alone, because after any other method the change
    is made. A 304 keeps every header but those that describe the content; the app's body is closed unread.

    `ETag` inside gives a tag to apps that have none. `Ranges` may be inside or outside.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not asked(environ) or environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return self.app(environ, start_response)
        return EarlyFlight(environ, start_response, unmet).through(self.app)


def unmet(flight: EarlyFlight) -> Filter | None:
    """Make a 304 or a 412 of an answer that a precondition stands against; None, and no change, where none does."""
    # A 206 too: its validators are those of the whole, and ranges come last (RFC 9110 section 13.2.2).
    if flight.status[:3] not in ("200", "206") or not flight.reachable:
        return None
    status = failing(flight.request, flight.headers)
    if status is None:
        return None
    if status == 412:
        return Refusal(flight, 412, _CHANGED)
    flight.status = "304 Not Modified"
    flight.headers = of_a_304(flight.headers)
    flight.over = True
    return NOTHING
