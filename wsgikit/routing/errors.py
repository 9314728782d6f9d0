"""Why a request has no route: nobody serves the path, not with this method, or under another spelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class RoutingError(Exception):
    """No route takes the request as it is."""


class NotFound(RoutingError):
    """No rule matches the path (and the host, where rules name one): 404."""


class MethodNotAllowed(RoutingError):
    """Rules match the path, but none with this method: 405.

    ``allow`` holds the methods that they list, sorted.
    """

    def __init__(self, allow: Iterable[str]) -> None:
        self.allow = tuple(sorted(allow))
        super().__init__(self.allow)


class Redirected(RoutingError):
    """The path has another, canonical spelling, which does match: 308.

    ``location`` is its path, with the query if there is one, percent-encoded and relative to where the router
    is mounted; absolute, with scheme and host, only where the host changes.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(location)
