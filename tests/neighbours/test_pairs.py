"""Every layer next to middleware of everybody's, with every awkward app: the answer is the one that is right.

What cannot be right, as the neighbour itself breaks PEP 3333 there, is left to the neighbours' own files.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from beaker.middleware import SessionMiddleware
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from paste.translogger import TransLogger
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from webob.dec import wsgify
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.profiler import ProfilerMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from tests.conformance.test_matrix import CASES, LAYERS, bare, check
from wsgikit import Layer


def through_webob(app: Any) -> Any:
    """WebOb's own way of writing middleware: the answer is collected in a Response."""
    return wsgify.middleware(lambda request, inner: request.get_response(inner))(app)


NEIGHBOURS: dict[str, Callable[..., Any]] = {
    "Beaker": Layer(SessionMiddleware, {"session.type": "memory"}),
    "DebuggedApplication": Layer(DebuggedApplication, pin_security=False),
    "DispatcherMiddleware": Layer(DispatcherMiddleware, {}),
    "OpenTelemetry": OpenTelemetryMiddleware,
    "Profiler": Layer(ProfilerMiddleware, stream=None),
    "ProxyFix": ProxyFix,
    "Sentry": SentryWsgiMiddleware,
    "TransLogger": Layer(TransLogger, logger=logging.getLogger("paste")),
    "WebOb": through_webob,
    "WhiteNoise": WhiteNoise,
}
# What is asked for again and again is left to tests/conformance; so is what fails, as few neighbours fail well.
SOUND = [case for case in CASES if case.times == 1 and not case.raises and "exc_info" not in case.name]


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
@pytest.mark.parametrize("name", LAYERS)
def test_inside_and_around_a_layer(name: str, neighbour: str) -> None:
    theirs = NEIGHBOURS[neighbour]
    for case in SOUND:
        check(bare(name)(theirs(case.app)), case, name)
        check(theirs(bare(name)(case.app)), case, name)
