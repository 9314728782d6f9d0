"""Names and signatures of others, on wsgikit's own parts: a migration is one changed import line.

    from wsgikit.compat import DispatcherMiddleware  # was: from werkzeug.middleware.dispatcher
    from wsgikit.compat import ProxyFix  # was: from werkzeug.middleware.proxy_fix
    from wsgikit.compat import ProxyMiddleware  # was: from werkzeug.middleware.http_proxy
    from wsgikit.compat import Cascade, URLMap  # was: from paste.cascade, from paste.urlmap
    from wsgikit.compat import TransLogger  # was: from paste.translogger
    from wsgikit.compat import HostProxy  # was: from wsgiproxy

What the originals do right is kept; each class says what it does differently.
"""

from __future__ import annotations

from wsgikit.core.lazy import open_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wsgikit.compat.cascade import Cascade as Cascade
    from wsgikit.compat.dispatcher import DispatcherMiddleware as DispatcherMiddleware
    from wsgikit.compat.http_proxy import ProxyMiddleware as ProxyMiddleware
    from wsgikit.compat.proxyfix import ProxyFix as ProxyFix
    from wsgikit.compat.translogger import TransLogger as TransLogger
    from wsgikit.compat.urlmap import URLMap as URLMap
    from wsgikit.compat.wsgiproxy import HostProxy as HostProxy

_HOMES = {
    "Cascade": "wsgikit.compat.cascade",
    "DispatcherMiddleware": "wsgikit.compat.dispatcher",
    "HostProxy": "wsgikit.compat.wsgiproxy",
    "ProxyFix": "wsgikit.compat.proxyfix",
    "ProxyMiddleware": "wsgikit.compat.http_proxy",
    "TransLogger": "wsgikit.compat.translogger",
    "URLMap": "wsgikit.compat.urlmap",
}

__all__ = [
    "Cascade",
    "DispatcherMiddleware",
    "HostProxy",
    "ProxyFix",
    "ProxyMiddleware",
    "TransLogger",
    "URLMap",
]

__getattr__, __dir__ = open_names(__name__, _HOMES)
