"""The gateway of the matrix: every layer and app of wsgikit that makes sense together, one file under every server.

MATRIX_FOLDER is the folder for its log, its cache and what its processes share; MATRIX_BACKEND is where the second
server listens, one of another kind.
"""

import os
from pathlib import Path

import pages
import promises

from tests.servers.apps import APPS
from wsgikit import (
    CORS,
    AccessLog,
    BasicAuth,
    BodyLimit,
    Cache,
    Cascade,
    CatchErrors,
    CircuitBreaker,
    ClientIP,
    Compress,
    ConcurrencyLimit,
    ConditionalGet,
    Deny,
    ErrorPages,
    ETag,
    FileStore,
    Head,
    HeaderLimit,
    Headers,
    Health,
    HTMLRewrite,
    Layer,
    Lazy,
    Maintenance,
    Metrics,
    Mirror,
    Mount,
    Prefix,
    Ranges,
    RateLimit,
    Recycle,
    Redirect,
    Replace,
    RequestId,
    Respond,
    ResponseHeader,
    Retry,
    ReverseProxy,
    Rewrite,
    Rule,
    Rules,
    SecurityHeaders,
    ServerFix,
    ServerTiming,
    SetHeader,
    SkipLog,
    Split,
    Stack,
    Stats,
    Status,
    Tag,
    Transform,
    TrustedProxies,
    Upstream,
    WarmUp,
    Watchdog,
)
from wsgikit import Path as PathIs
from wsgikit.operations import service

FOLDER = Path(os.environ["MATRIX_FOLDER"])

# Not in /dev/shm, where it would outlive the run.
service._folder = lambda: str(FOLDER)

backend = Upstream(os.environ.get("MATRIX_BACKEND", "http://127.0.0.1:9"))
proxy = ReverseProxy(backend, retry=Retry(attempts=2), breaker=CircuitBreaker(), read_timeout="20s")
unreachable = ReverseProxy("http://127.0.0.1:9", retry=None, connect_timeout="1s")

rules = [
    Rule(PathIs("/livez") | PathIs("/readyz"), SkipLog()),
    Rule(PathIs(prefix="/secret"), Deny()),
    Rule(PathIs(prefix="/staff"), BasicAuth("staff", {"ann": "of the house"}), Respond(200, "staff only")),
    Rule(PathIs(regex=r"^/old/(?P<rest>.*)\Z"), Redirect("/new/{rest}")),
    Rule(PathIs(regex=r"^/number/(?P<number>\d+)\Z"), Rewrite("/books/{number}", query="from=rule")),
    Rule(PathIs(prefix="/promises/seen"), SetHeader("X-From-Rules", "yes"), Tag("rule", "seen")),
    Rule(~ClientIP("loopback", "198.51.100.0/24", "203.0.113.0/24", "unix"), Deny()),
    Rule(None, ResponseHeader("X-Gateway", "wsgikit")),
]

outside = Stack(
    Layer(ServerFix),
    Layer(AccessLog, '%a "%r" %>s %B %{X-Request-Id}o', to=str(FOLDER / "access.log")),
    Layer(TrustedProxies, ["loopback", "unix"], prefix=True),
    Layer(RequestId, trust=["loopback", "unix"]),
    Layer(Watchdog, "5m"),
    Layer(Recycle, requests=1_000_000),
    Layer(Health, checks={"folder": FOLDER.exists}),
    Layer(Status),
    Layer(Metrics),
    Layer(Stats),
    Layer(Maintenance, switch=FOLDER / "maintenance"),
    Layer(HeaderLimit, field="2KiB", total="6KiB"),
    Layer(WarmUp, calls=[FOLDER.exists], when="import"),
    Layer(Rules, rules),
)

content = Stack(
    Layer(ServerTiming),
    Layer(CORS, origins=["https://friend.example"]),
    Layer(SecurityHeaders),
    Layer(Headers, default={"X-Content": "yes"}),
    Layer(Compress, encodings=("gzip",)),
    Layer(ConditionalGet),
    Layer(ETag),
    Layer(Head),
    Layer(HTMLRewrite, inject={"body-end": "<!-- the end -->"}),
    Layer(Replace, {"OLD": "NEW"}),
    Layer(Transform, pages.shout),
)(pages.document)

mounts = Mount(
    {
        "/": pages.router,
        "/promises": promises.application,
        "/caught": ErrorPages(CatchErrors(promises.application), {"5xx": pages.sorry}),
        "/content": content,
        "/file": Ranges(ConditionalGet(pages.file)),
        "/cached": Cache(pages.fresh, store=FileStore(FOLDER / "cache", max_bytes="10MiB")),
        "/proxy": proxy,
        "/unreachable": unreachable,
        "/limited/body": BodyLimit(promises.application, "1KiB"),
        "/limited/rate": RateLimit(
            pages.routed("rate"), "2/hour", key=lambda environ: environ["QUERY_STRING"]
        ),
        "/limited/busy": ConcurrencyLimit(pages.routed("busy"), 100),
        "/cascade": Cascade(Mount({"/first": pages.routed("first")}), promises.application),
        "/split": Split({pages.routed("left"): 1, pages.routed("right"): 1}, key="client_ip"),
        "/mirror": Mirror(pages.routed("mirrored"), pages.shadow),
        "/prefixed": Prefix(pages.routed("prefixed"), "/inner"),
        "/deep": pages.routed("deep"),
        "/deep/er": pages.routed("deeper"),
        "/caf\u00e9": pages.routed("caf\u00e9"),
        "//admin.example": pages.routed("admin"),
        "//*.shops.example:8080/api": pages.routed("shop"),
        **{f"/apps/{name}": Lazy(app.target) for name, app in APPS.items()},
    },
    cookies="scoped",
)

application = outside(mounts)
