"""Composable WSGI middleware: the gateway that lives inside the process, between any WSGI server and any app.

Every name here is opened on first use (PEP 562): importing ``wsgikit`` alone loads neither Werkzeug nor WebOb.
"""

from __future__ import annotations

from wsgikit.core.lazy import open_names

TYPE_CHECKING = False  # typing itself would be most of the cost of `import wsgikit`
if TYPE_CHECKING:
    from wsgikit.access.log import AccessLog as AccessLog
    from wsgikit.access.requestid import RequestId as RequestId
    from wsgikit.access.trust import TrustedProxies as TrustedProxies
    from wsgikit.core.middleware import Layer as Layer
    from wsgikit.core.middleware import Stack as Stack
    from wsgikit.forwarding.proxy import ReverseProxy as ReverseProxy
    from wsgikit.forwarding.upstream import Upstream as Upstream
    from wsgikit.mounting.lazy import Lazy as Lazy
    from wsgikit.mounting.mount import Mount as Mount
    from wsgikit.responses.compress import Compress as Compress
    from wsgikit.responses.headers import Headers as Headers
    from wsgikit.routing.route import Route as Route
    from wsgikit.routing.router import Router as Router

__version__ = "0.1.0"

_HOMES = {
    # composition
    "Layer": "wsgikit.core.middleware",
    "Stack": "wsgikit.core.middleware",
    # routing
    "Route": "wsgikit.routing.route",
    "Router": "wsgikit.routing.router",
    # mounting
    "Lazy": "wsgikit.mounting.lazy",
    "Mount": "wsgikit.mounting.mount",
    # forwarding
    "ReverseProxy": "wsgikit.forwarding.proxy",
    "Upstream": "wsgikit.forwarding.upstream",
    # responses
    "Compress": "wsgikit.responses.compress",
    "Headers": "wsgikit.responses.headers",
    # client identity
    "AccessLog": "wsgikit.access.log",
    "RequestId": "wsgikit.access.requestid",
    "TrustedProxies": "wsgikit.access.trust",
}

__all__ = [
    "AccessLog",
    "Compress",
    "Headers",
    "Layer",
    "Lazy",
    "Mount",
    "RequestId",
    "ReverseProxy",
    "Route",
    "Router",
    "Stack",
    "TrustedProxies",
    "Upstream",
]

__getattr__, __dir__ = open_names(__name__, _HOMES)
