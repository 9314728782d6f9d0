"""Every layer the package exports x every awkward app, between two lints and wsgiref's own validator.

Nobody adds a layer here: it is in the matrix by being exported. One that cannot be built from an app
alone is given its arguments in ``ARGUMENTS``, and a test below fails while it is not.
"""

from __future__ import annotations

import copy
import inspect
import os
import pickle
from typing import Any
from wsgiref.validate import validator

import pytest

import wsgikit
from wsgikit.core.middleware import Layer, Middleware
from wsgikit.testing import AwkwardApp, AwkwardError, call, expectations, lint

LAYERS = sorted(
    name
    for name in wsgikit.__all__
    if isinstance(getattr(wsgikit, name), type) and issubclass(getattr(wsgikit, name), Middleware)
)


def print_nowhere(line: str) -> None:
    """Where AccessLog writes."""


def shadow(environ: Any, start_response: Any) -> list[bytes]:
    """Where Mirror sends its copies."""
    start_response("204 No Content", [])
    return []


def as_it_is(request: Any, response: Any) -> None:
    """What Transform makes of an answer."""


# What a layer needs beside its app. A layer without needs is built bare.
ARGUMENTS: dict[str, Layer] = {
    "CORS": Layer(wsgikit.CORS, origins="https://shop.example"),
    "ErrorPages": Layer(wsgikit.ErrorPages, {404: "/errors/404"}),
    "AccessLog": Layer(wsgikit.AccessLog, to=print_nowhere),
    "Headers": Layer(wsgikit.Headers, set={"X-Set": "1"}, append={"Vary": "Cookie"}, remove=["Server"]),
    "Mirror": Layer(wsgikit.Mirror, shadow),
    "HTMLRewrite": Layer(wsgikit.HTMLRewrite, links=str),
    "BodyLimit": Layer(wsgikit.BodyLimit, "1MiB"),
    "ConcurrencyLimit": Layer(wsgikit.ConcurrencyLimit, 100),
    "Maintenance": Layer(wsgikit.Maintenance, switch="/nonexistent/maintenance"),
    "RateLimit": Layer(wsgikit.RateLimit, "1000000/second", store="memory"),
    "Prefix": Layer(wsgikit.Prefix, "/app"),
    "Recycle": Layer(wsgikit.Recycle, requests=10**9),
    "WarmUp": Layer(wsgikit.WarmUp, ["/"]),
    "Watchdog": Layer(wsgikit.Watchdog, "1h"),
    "Replace": Layer(wsgikit.Replace, {"nowhere to be found": "x"}),
    "Transform": Layer(wsgikit.Transform, as_it_is),
    "XSLT": Layer(
        wsgikit.XSLT, '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>'
    ),
    "Rules": Layer(
        wsgikit.Rules,
        [
            wsgikit.Rule(wsgikit.Path(regex="^/(?P<first>[a-z]+)"), wsgikit.Tag("first", "{first}")),
            wsgikit.Rule(~wsgikit.Method("TRACE"), wsgikit.ResponseHeader("X-Ruled", "yes")),
        ],
    ),
    "TrustedProxies": Layer(wsgikit.TrustedProxies, ["loopback"]),
}
# These change bodies, so that the length of one that is not sent cannot be known.
CHANGING = {"HTMLRewrite", "Replace", "Transform", "XSLT"}
# These answer for an app that has failed; ServerFix does so on a server that it does not know, as here.
ANSWERING = {"CatchErrors", "ServerFix"}
CLIENT = {"Accept-Encoding": "gzip", "X-Forwarded-For": "203.0.113.9, 127.0.0.1", "Accept": "text/html"}


def bare(name: str) -> Layer:
    return ARGUMENTS.get(name) or Layer(getattr(wsgikit, name))


def missing(name: str) -> list[str]:
    parameters = list(inspect.signature(getattr(wsgikit, name).__init__).parameters.values())[2:]
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]


def test_there_is_a_matrix() -> None:
    assert {"AccessLog", "Compress", "Headers", "RequestId", "TrustedProxies"} <= set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_needs_arguments_has_them_here(name: str) -> None:
    assert name in ARGUMENTS or not missing(name)


def ask(app: Any, case: AwkwardApp, closed: list[str], **options: Any) -> Any:
    environ = {"wsgikit.testing.closed": closed}
    return call(
        app, case.method, case.path, headers=CLIENT, body=case.request_body, environ=environ, **options
    )


def decoded(answer: Any) -> bytes:
    import gzip

    return gzip.decompress(answer.body) if answer.header("Content-Encoding") == "gzip" else answer.body


CASES = sorted(expectations.values(), key=lambda case: case.name)
IDS = [case.name for case in CASES]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_between_two_lints(name: str, case: AwkwardApp) -> None:
    app = lint(bare(name)(lint(case.app, allow=case.breaks)), allow=case.breaks)
    check(app, case, name)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("case", [case for case in CASES if not case.breaks], ids=lambda case: case.name)
def test_under_wsgiref_validate(name: str, case: AwkwardApp) -> None:
    check(validator(bare(name)(case.app)), case, name)


def check(app: Any, case: AwkwardApp, *names: str) -> None:
    closed: list[str] = []
    if case.raises and not case.body and not ANSWERING.isdisjoint(names):
        assert ask(app, case, closed).status == 500  # what is raised before the first byte is answered
    elif case.raises:
        with pytest.raises(AwkwardError):
            ask(app, case, closed)
    else:
        answer = ask(app, case, closed)
        assert answer.status == case.status
        assert decoded(answer) == case.body
        changed = answer.header("Content-Encoding") is not None or (
            case.method == "HEAD" and CHANGING & {*names}
        )
        for pair in case.headers:
            # A changed answer has another length, which HEAD cannot know, and a weak tag.
            assert pair in answer.headers or (changed and pair[0] in ("Content-Length", "ETag"))
        length = answer.header("Content-Length")
        if length is not None and case.method != "HEAD" and case.status != 304:
            assert int(length) == len(answer.body)
    assert len(closed) == case.closes


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("after", [0, 1])
def test_a_client_that_leaves_early_closes_the_body_once(name: str, after: int) -> None:
    closed: list[str] = []
    case = expectations["closable"]
    try:
        ask(bare(name)(case.app), case, closed, stop_after=after)
    except AssertionError:
        assert after == 0  # nothing was asked for, and so nothing begun
    assert closed == ["closable"]


def everything() -> Any:
    """All layers around each other."""

    def around(app: Any) -> Any:
        for name in LAYERS:
            app = bare(name)(app)
        return app

    return around


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_all_layers_together(case: AwkwardApp) -> None:
    app = lint(everything()(lint(case.app, allow=case.breaks)), allow=case.breaks)
    check(app, case, *LAYERS)


def page(environ: Any, start_response: Any) -> list[bytes]:
    """At the top of the module, so that it pickles."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b"<p>page</p>" * 100]


@pytest.mark.parametrize("name", LAYERS)
def test_copies_and_pickles_answer_as_the_original_does(name: str) -> None:
    layer = bare(name)(page)
    case = AwkwardApp("page", page)
    expected = ask(layer, case, [])
    for other in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(other) is type(layer)
        assert other.options().keys() == layer.options().keys()
        answer = ask(other, case, [])
        assert (answer.status, answer.body) == (expected.status, expected.body)


@pytest.mark.parametrize("name", LAYERS)
def test_an_unknown_option_is_named_with_the_layer(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}: no option 'nonesuch'"):
        Layer(getattr(wsgikit, name), nonesuch=1)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the test runner has threads
@pytest.mark.parametrize("name", LAYERS)
def test_used_before_a_fork_it_works_after_it(name: str) -> None:
    layer = bare(name)(page)
    case = AwkwardApp("page", page)
    expected = ask(layer, case, [])
    pid = os.fork()
    if pid == 0:
        answer = ask(layer, case, [])
        os._exit(0 if (answer.status, answer.body) == (expected.status, expected.body) else 1)
    assert os.waitpid(pid, 0)[1] == 0
