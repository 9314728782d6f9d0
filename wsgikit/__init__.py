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
    from wsgikit.core.order import OrderWarning as OrderWarning
    from wsgikit.forwarding.balancing.retry import Retry as Retry
    from wsgikit.forwarding.balancing.sticky import Sticky as Sticky
    from wsgikit.forwarding.health.breaker import CircuitBreaker as CircuitBreaker
    from wsgikit.forwarding.health.checks import HealthCheck as HealthCheck
    from wsgikit.forwarding.health.passive import PassiveHealth as PassiveHealth
    from wsgikit.forwarding.proxy import ReverseProxy as ReverseProxy
    from wsgikit.forwarding.tls import TLS as TLS
    from wsgikit.forwarding.upstream import Upstream as Upstream
    from wsgikit.mounting.cascade import Cascade as Cascade
    from wsgikit.mounting.lazy import Lazy as Lazy
    from wsgikit.mounting.mirror import Mirror as Mirror
    from wsgikit.mounting.mount import Mount as Mount
    from wsgikit.mounting.prefix import Prefix as Prefix
    from wsgikit.mounting.split import Split as Split
    from wsgikit.operations.bodylimit import BodyLimit as BodyLimit
    from wsgikit.operations.concurrency import ConcurrencyLimit as ConcurrencyLimit
    from wsgikit.operations.headerlimit import HeaderLimit as HeaderLimit
    from wsgikit.operations.health import Health as Health
    from wsgikit.operations.maintenance import Maintenance as Maintenance
    from wsgikit.operations.metrics import Metrics as Metrics
    from wsgikit.operations.ratelimit import RateLimit as RateLimit
    from wsgikit.operations.recycle import Recycle as Recycle
    from wsgikit.operations.stats import Stats as Stats
    from wsgikit.operations.status.layer import Status as Status
    from wsgikit.operations.warmup import WarmUp as WarmUp
    from wsgikit.operations.watchdog import Watchdog as Watchdog
    from wsgikit.responses.bodies.htmlrewrite import HTMLRewrite as HTMLRewrite
    from wsgikit.responses.bodies.replace import Replace as Replace
    from wsgikit.responses.bodies.transform import Transform as Transform
    from wsgikit.responses.bodies.xslt import XSLT as XSLT
    from wsgikit.responses.cache.layer import Cache as Cache
    from wsgikit.responses.cache.stores.file import FileStore as FileStore
    from wsgikit.responses.cache.stores.memory import MemoryStore as MemoryStore
    from wsgikit.responses.cache.stores.redis import RedisStore as RedisStore
    from wsgikit.responses.compression.compress import Compress as Compress
    from wsgikit.responses.conditional.conditionalget import ConditionalGet as ConditionalGet
    from wsgikit.responses.conditional.etag import ETag as ETag
    from wsgikit.responses.conditional.ranges import Ranges as Ranges
    from wsgikit.responses.errors.catcherrors import CatchErrors as CatchErrors
    from wsgikit.responses.errors.errorpages import ErrorPages as ErrorPages
    from wsgikit.responses.heads.cors import CORS as CORS
    from wsgikit.responses.heads.head import Head as Head
    from wsgikit.responses.heads.headers import Headers as Headers
    from wsgikit.responses.heads.security import SecurityHeaders as SecurityHeaders
    from wsgikit.responses.heads.servertiming import ServerTiming as ServerTiming
    from wsgikit.routing.actions import RemoveHeader as RemoveHeader
    from wsgikit.routing.actions import ResponseHeader as ResponseHeader
    from wsgikit.routing.actions import Rewrite as Rewrite
    from wsgikit.routing.actions import SetEnviron as SetEnviron
    from wsgikit.routing.actions import SetHeader as SetHeader
    from wsgikit.routing.actions import SkipLog as SkipLog
    from wsgikit.routing.actions import Tag as Tag
    from wsgikit.routing.auth import BasicAuth as BasicAuth
    from wsgikit.routing.conditions import ClientIP as ClientIP
    from wsgikit.routing.conditions import ContentType as ContentType
    from wsgikit.routing.conditions import Cookie as Cookie
    from wsgikit.routing.conditions import Environ as Environ
    from wsgikit.routing.conditions import Header as Header
    from wsgikit.routing.conditions import Host as Host
    from wsgikit.routing.conditions import Method as Method
    from wsgikit.routing.conditions import Path as Path
    from wsgikit.routing.conditions import Query as Query
    from wsgikit.routing.conditions import Scheme as Scheme
    from wsgikit.routing.percent import Percent as Percent
    from wsgikit.routing.responders import Deny as Deny
    from wsgikit.routing.responders import Redirect as Redirect
    from wsgikit.routing.responders import Respond as Respond
    from wsgikit.routing.responders import Send as Send
    from wsgikit.routing.route import Route as Route
    from wsgikit.routing.router import Router as Router
    from wsgikit.routing.rules import Rule as Rule
    from wsgikit.routing.rules import Rules as Rules
    from wsgikit.servers.fix import ServerFix as ServerFix

__version__ = "0.1.0"

_HOMES = {
    # composition
    "Layer": "wsgikit.core.middleware",
    "Stack": "wsgikit.core.middleware",
    "OrderWarning": "wsgikit.core.order",
    # routing
    "Route": "wsgikit.routing.route",
    "Router": "wsgikit.routing.router",
    # conditions
    "ClientIP": "wsgikit.routing.conditions",
    "ContentType": "wsgikit.routing.conditions",
    "Cookie": "wsgikit.routing.conditions",
    "Environ": "wsgikit.routing.conditions",
    "Header": "wsgikit.routing.conditions",
    "Host": "wsgikit.routing.conditions",
    "Method": "wsgikit.routing.conditions",
    "Path": "wsgikit.routing.conditions",
    "Query": "wsgikit.routing.conditions",
    "Scheme": "wsgikit.routing.conditions",
    "Percent": "wsgikit.routing.percent",
    # rules
    "Rule": "wsgikit.routing.rules",
    "Rules": "wsgikit.routing.rules",
    "RemoveHeader": "wsgikit.routing.actions",
    "ResponseHeader": "wsgikit.routing.actions",
    "Rewrite": "wsgikit.routing.actions",
    "SetEnviron": "wsgikit.routing.actions",
    "SetHeader": "wsgikit.routing.actions",
    "SkipLog": "wsgikit.routing.actions",
    "Tag": "wsgikit.routing.actions",
    "Deny": "wsgikit.routing.responders",
    "Redirect": "wsgikit.routing.responders",
    "Respond": "wsgikit.routing.responders",
    "Send": "wsgikit.routing.responders",
    "BasicAuth": "wsgikit.routing.auth",
    # mounting
    "Cascade": "wsgikit.mounting.cascade",
    "Lazy": "wsgikit.mounting.lazy",
    "Mirror": "wsgikit.mounting.mirror",
    "Mount": "wsgikit.mounting.mount",
    "Prefix": "wsgikit.mounting.prefix",
    "Split": "wsgikit.mounting.split",
    # forwarding
    "ReverseProxy": "wsgikit.forwarding.proxy",
    "CircuitBreaker": "wsgikit.forwarding.health.breaker",
    "HealthCheck": "wsgikit.forwarding.health.checks",
    "PassiveHealth": "wsgikit.forwarding.health.passive",
    "Retry": "wsgikit.forwarding.balancing.retry",
    "Sticky": "wsgikit.forwarding.balancing.sticky",
    "TLS": "wsgikit.forwarding.tls",
    "Upstream": "wsgikit.forwarding.upstream",
    # operations
    "Recycle": "wsgikit.operations.recycle",
    "WarmUp": "wsgikit.operations.warmup",
    "Watchdog": "wsgikit.operations.watchdog",
    "Health": "wsgikit.operations.health",
    "Metrics": "wsgikit.operations.metrics",
    "Stats": "wsgikit.operations.stats",
    "Status": "wsgikit.operations.status.layer",
    "BodyLimit": "wsgikit.operations.bodylimit",
    "ConcurrencyLimit": "wsgikit.operations.concurrency",
    "HeaderLimit": "wsgikit.operations.headerlimit",
    "Maintenance": "wsgikit.operations.maintenance",
    "RateLimit": "wsgikit.operations.ratelimit",
    # responses
    "Compress": "wsgikit.responses.compression.compress",
    "Cache": "wsgikit.responses.cache.layer",
    "FileStore": "wsgikit.responses.cache.stores.file",
    "MemoryStore": "wsgikit.responses.cache.stores.memory",
    "RedisStore": "wsgikit.responses.cache.stores.redis",
    "HTMLRewrite": "wsgikit.responses.bodies.htmlrewrite",
    "Replace": "wsgikit.responses.bodies.replace",
    "Transform": "wsgikit.responses.bodies.transform",
    "XSLT": "wsgikit.responses.bodies.xslt",
    "CatchErrors": "wsgikit.responses.errors.catcherrors",
    "ConditionalGet": "wsgikit.responses.conditional.conditionalget",
    "CORS": "wsgikit.responses.heads.cors",
    "ErrorPages": "wsgikit.responses.errors.errorpages",
    "ETag": "wsgikit.responses.conditional.etag",
    "Ranges": "wsgikit.responses.conditional.ranges",
    "SecurityHeaders": "wsgikit.responses.heads.security",
    "ServerTiming": "wsgikit.responses.heads.servertiming",
    "Head": "wsgikit.responses.heads.head",
    "Headers": "wsgikit.responses.heads.headers",
    # client identity
    "AccessLog": "wsgikit.access.log",
    "RequestId": "wsgikit.access.requestid",
    "TrustedProxies": "wsgikit.access.trust",
    "ServerFix": "wsgikit.servers.fix",
}

__all__ = [
    "CORS",
    "TLS",
    "XSLT",
    "AccessLog",
    "BasicAuth",
    "BodyLimit",
    "Cache",
    "Cascade",
    "CatchErrors",
    "CircuitBreaker",
    "ClientIP",
    "Compress",
    "ConcurrencyLimit",
    "ConditionalGet",
    "ContentType",
    "Cookie",
    "Deny",
    "ETag",
    "Environ",
    "ErrorPages",
    "FileStore",
    "HTMLRewrite",
    "Head",
    "Header",
    "HeaderLimit",
    "Headers",
    "Health",
    "HealthCheck",
    "Host",
    "Layer",
    "Lazy",
    "Maintenance",
    "MemoryStore",
    "Method",
    "Metrics",
    "Mirror",
    "Mount",
    "OrderWarning",
    "PassiveHealth",
    "Path",
    "Percent",
    "Prefix",
    "Query",
    "Ranges",
    "RateLimit",
    "Recycle",
    "Redirect",
    "RedisStore",
    "RemoveHeader",
    "Replace",
    "RequestId",
    "Respond",
    "ResponseHeader",
    "Retry",
    "ReverseProxy",
    "Rewrite",
    "Route",
    "Router",
    "Rule",
    "Rules",
    "Scheme",
    "SecurityHeaders",
    "Send",
    "ServerFix",
    "ServerTiming",
    "SetEnviron",
    "SetHeader",
    "SkipLog",
    "Split",
    "Stack",
    "Stats",
    "Status",
    "Sticky",
    "Tag",
    "Transform",
    "TrustedProxies",
    "Upstream",
    "WarmUp",
    "Watchdog",
]

__getattr__, __dir__ = open_names(__name__, _HOMES)
