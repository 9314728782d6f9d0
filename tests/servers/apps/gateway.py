"""All the apps in the middle, mounted side by side behind the layers that most gateways have.

The access log goes to the file that GATEWAY_LOG names.
"""

from __future__ import annotations

import os

from tests.servers.apps import APPS
from wsgikit import (
    AccessLog,
    CatchErrors,
    Compress,
    ConditionalGet,
    Head,
    Layer,
    Lazy,
    Mount,
    Ranges,
    RequestId,
    Stack,
    TrustedProxies,
)
from wsgikit.servers.fix import ServerFix

stack = Stack(
    Layer(ServerFix),
    Layer(AccessLog, "%a %m %U%q %>s %B", to=os.environ.get("GATEWAY_LOG", "stderr")),
    Layer(TrustedProxies, ["loopback", "unix"]),
    Layer(RequestId),
    Layer(CatchErrors),
    Layer(Compress),
    Layer(ConditionalGet),
    Layer(Ranges),
    Layer(Head),
)
application = stack(Mount({f"/{name}": Lazy(app.target) for name, app in APPS.items()}, cookies="scoped"))
