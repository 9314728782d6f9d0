"""URL routing: rules to apps."""

from __future__ import annotations

from wsgikit.core.lazy import open_names

TYPE_CHECKING = False  # typing itself would be most of the cost of the import
if TYPE_CHECKING:
    from wsgikit.routing.errors import MethodNotAllowed as MethodNotAllowed
    from wsgikit.routing.errors import NotFound as NotFound
    from wsgikit.routing.errors import Redirected as Redirected
    from wsgikit.routing.route import Match as Match
    from wsgikit.routing.route import Route as Route
    from wsgikit.routing.router import Router as Router

_HOMES = {
    "Match": "wsgikit.routing.route",
    "MethodNotAllowed": "wsgikit.routing.errors",
    "NotFound": "wsgikit.routing.errors",
    "Redirected": "wsgikit.routing.errors",
    "Route": "wsgikit.routing.route",
    "Router": "wsgikit.routing.router",
}

__all__ = ["Match", "MethodNotAllowed", "NotFound", "Redirected", "Route", "Router"]

__getattr__, __dir__ = open_names(__name__, _HOMES)
