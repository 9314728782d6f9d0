"""What uwsgi, SCGI and FastCGI have in common: the length of a body comes first, and nobody says 100 Continue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.forwarding.errors import NoAnswer, TooMuchForUpstream
from wsgikit.forwarding.transports.spool import measure

if TYPE_CHECKING:
    from wsgikit.forwarding.request import Request

USUAL_BUFFER = 4096
"""Bytes of variables that a uWSGI server takes unless its ``buffer-size`` says more; by all three protocols."""


class Gateway:
    """A protocol that carries variables, each request on a connection of its own."""

    keeps = False

    def prepare(self, request: Request) -> None:
        """Read a body that only its end tells, before a connection waits for it; nobody will say 100 Continue."""
        measure(request)
        request.expects = False

    def unanswered(self, error: NoAnswer, size: int) -> None:
        """Raise, with what to look at, where the request is larger than uWSGI usually takes."""
        if size > USUAL_BUFFER:
            raise TooMuchForUpstream(
                f"{error}; the request has {size} bytes of variables: see uWSGI's buffer-size"
            ) from error
