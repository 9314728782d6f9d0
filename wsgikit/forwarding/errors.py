"""What can go wrong between a client and its backend, each with the status the client is answered with.

The text of an error is for the log. ``detail`` is what the client reads: it names no address and repeats
nothing that the client or the backend sent.
"""

from __future__ import annotations


class ForwardingError(Exception):
    """A request was not forwarded, or its answer did not come whole."""

    status = 502
    detail = "The upstream server could not be reached."
    kind = "unreachable"
    """One word for logs, notes and counters."""
    blames_upstream = True
    """Whether it tells something of the backend's health."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What the answer to the client says beside its text."""
        return []


class NotForwardable(ForwardingError):
    """The request cannot be forwarded safely: HTTP forbids something in it. Its text is safe to show."""

    status = 400
    kind = "bad_request"
    blames_upstream = False

    @property
    def detail(self) -> str:  # type: ignore[override]  # here the client is to blame, and may be told for what
        """The reason, which is about the client's own request."""
        return str(self)


class LengthRequired(NotForwardable):
    """A chunked body that the server around us cannot read (RFC 9110 section 15.5.12)."""

    status = 411
    kind = "length_required"


class BodyTooLarge(NotForwardable):
    """A layer outside has put a cap on the request body, and it was met (RFC 9110 section 15.5.14)."""

    status = 413
    kind = "too_large"


class HeadersTooLarge(NotForwardable):
    """The backend's protocol has no room for the request's fields (RFC 6585 section 5)."""

    status = 431
    kind = "headers_too_large"


class ClientGone(NotForwardable):
    """The request body broke off before its end: the request to the backend was broken off as well."""

    kind = "client_gone"


class Unreachable(ForwardingError):
    """Refused, no route, no such name."""


class NotTrusted(Unreachable):
    """A certificate was refused: theirs by us, or ours by them."""

    kind = "not_trusted"


class BrokenAnswer(ForwardingError):
    """The backend closed too early, or what it sent is not HTTP."""

    detail = "The upstream server gave no valid answer."
    kind = "broken"


class NoAnswer(BrokenAnswer):
    """The connection ended before the first byte of an answer: on a kept connection, nobody saw the request."""

    kind = "closed"


class KeptConnectionDied(NoAnswer):
    """A kept connection was closed as it was used, under a request that must not be sent twice: no fault of anybody."""

    blames_upstream = False


class TooMuchForUpstream(NoAnswer):
    """A large request was closed without an answer: more likely its size is to blame than the backend's health."""

    blames_upstream = False


class Overloaded(BrokenAnswer):
    """The backend has taken as many requests as it can, and has not looked at this one."""

    status = 503
    detail = "The upstream server has no room for the request."
    kind = "overloaded"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """When it is worth to ask again, in seconds."""
        return [("Retry-After", "1")]


class TimedOut(ForwardingError):
    """The backend kept us waiting: for the connection, for the answer, or for its next byte."""

    status = 504
    detail = "The upstream server did not answer in time."
    kind = "timeout"


class ConnectTimedOut(TimedOut):
    """No connection within connect_timeout: the request has not been sent."""


class NoneAvailable(ForwardingError):
    """Every backend is in use up to its limit, or takes no requests."""

    status = 503
    detail = "No upstream server is free to take the request."
    kind = "none_available"
    blames_upstream = False

    def __init__(self, reason: str, *, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        """Seconds after which it is worth to ask again."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """When it is worth to ask again."""
        return [("Retry-After", str(self.retry_after))]


class Full(NoneAvailable):
    """As many requests are in flight as max_connections allows."""

    kind = "full"
