"""Werkzeug's ProxyMiddleware: its signature, what it does right side by side, and each stated difference."""

from __future__ import annotations

import pickle
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.middleware import http_proxy

from tests import certificates
from tests.compat.named import Named, shape
from wsgikit import compat
from wsgikit.core.tree import children
from wsgikit.forwarding.errors import ForwardingError
from wsgikit.testing import build_environ, call, cues, lint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wsgikit.testing import Result, ScriptedUpstream

    Upstream = Callable[..., ScriptedUpstream]

ORIGINAL: Any = http_proxy.ProxyMiddleware
# It closes nothing by itself, and leaves that to the garbage collector, which says so.
leaky = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
both = pytest.mark.parametrize(
    "cls",
    [
        pytest.param(compat.ProxyMiddleware, id="ours"),
        pytest.param(ORIGINAL, id="theirs", marks=leaky),
    ],
)


def test_the_signature_is_werkzeugs() -> None:
    assert shape(compat.ProxyMiddleware) == shape(ORIGINAL)


# ---- what the original does right


@both
def test_other_paths_go_to_the_app(cls: Any, upstream: Upstream) -> None:
    backend = upstream()
    app = cls(Named("app"), {"/static/": {"target": backend.url}})
    for path in ("/", "/other", "/statics/x"):
        assert call(app, path=path).text == f"app||{path}"
    assert not backend.requests


@both
@pytest.mark.parametrize(
    ("removed", "path", "sent"),
    [
        (False, "/api/a/b?c=d", "/api/a/b?c=d"),
        (False, "/api/", "/api/"),
        (True, "/api/a/b?c=d", "/base/a/b?c=d"),
        (True, "/api/", "/base/"),
    ],
)
def test_the_path_is_sent_with_its_prefix_or_without(
    cls: Any, upstream: Upstream, removed: bool, path: str, sent: str
) -> None:
    backend = upstream()
    app = cls(Named("app"), {"/api/": {"target": f"{backend.url}/base/", "remove_prefix": removed}})
    assert call(app, path=path).json()["target"] == sent


@both
@pytest.mark.parametrize(
    ("option", "sent"), [(None, "asked.example:81"), ("literal.example:82", "literal.example:82")]
)
def test_host_is_the_clients_or_a_literal(
    cls: Any, upstream: Upstream, option: str | None, sent: str
) -> None:
    backend = upstream()
    app = cls(Named("app"), {"/api": {"target": backend.url, "host": option}})
    call(app, path="/api/x", headers={"Host": "asked.example:81"})
    assert backend.requests[0].all("Host") == [sent]


@both
def test_headers_are_set_on_the_request(cls: Any, upstream: Upstream) -> None:
    backend = upstream()
    app = cls(Named("app"), {"/api": {"target": backend.url, "headers": {"X-Api-Key": "secret"}}})
    call(app, path="/api/x", headers={"X-Other": "1"})
    assert backend.requests[0].all("X-Api-Key") == ["secret"]
    assert backend.requests[0].header("X-Other") == "1"


@both
def test_a_body_of_known_length_and_its_type_arrive(cls: Any, upstream: Upstream) -> None:
    backend = upstream()
    app = cls(Named("app"), {"/api": {"target": backend.url}}, chunk_size=1024)
    call(app, "POST", "/api/x", body=b"n" * 100_000, headers={"Content-Type": "text/x"})
    assert backend.requests[0].body == b"n" * 100_000
    assert backend.requests[0].all("Content-Length") == ["100000"]
    assert backend.requests[0].all("Content-Type") == ["text/x"]


@both
def test_the_answer_comes_back(cls: Any, upstream: Upstream) -> None:
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    backend = upstream(cues.answer("404 Gone Fishing", cookies, b"hello"))
    result: Result = call(cls(Named("app"), {"/api": {"target": backend.url}}), path="/api/x")
    assert (result.status, result.reason, result.body) == (404, "Gone Fishing", b"hello")
    assert result.all("Set-Cookie") == ["a=1", "b=2"]


@both
def test_a_refused_connection_is_502(cls: Any, upstream: Upstream) -> None:
    backend = upstream()
    backend.refuse()
    assert call(cls(Named("app"), {"/api": {"target": backend.url}}), path="/api/x").status == 502


@both
def test_a_context_says_how_a_target_is_verified(cls: Any, upstream: Upstream, tmp_path: Path) -> None:
    backend = upstream(tls=certificates.server())
    context = ssl.create_default_context(cafile=certificates.trusted(tmp_path))
    targets = {
        "/trusting": {"target": backend.url, "ssl_context": context},
        "/alone": {"target": backend.url},
    }
    app = cls(Named("app"), targets)
    assert [call(app, path=f"{prefix}/x").status for prefix in targets] == [200, 502]


def test_targets_show_the_options_as_werkzeugs_do() -> None:
    given: dict[str, Any] = {
        "api": {"target": "http://a.example"},
        "/b/": {"target": "http://b", "host": None},
    }
    ours = compat.ProxyMiddleware(Named("app"), given)
    assert ours.targets == ORIGINAL(Named("app"), {key: dict(opts) for key, opts in given.items()}).targets
    assert given["api"] == {"target": "http://a.example"}


# ---- what it does not


def ours(backend: ScriptedUpstream, key: str = "/p", timeout: Any = 10, **opts: Any) -> Any:
    return compat.ProxyMiddleware(Named("app"), {key: {"target": backend.url, **opts}}, timeout=timeout)


def test_a_chunked_body_arrives_as_one_and_smuggles_nothing(upstream: Upstream) -> None:
    backend = upstream()
    body = b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"
    assert call(lint(ours(backend)), "POST", "/p/x", body=[body]).status == 200
    (request,) = backend.requests
    assert (request.body, request.complete, request.header("Content-Length")) == (body, True, None)
    assert not backend.faults


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_empty_content_length_is_no_body(upstream: Upstream, method: str) -> None:
    backend = upstream()
    assert call(ours(backend), method, "/p/x", environ={"CONTENT_LENGTH": ""}).status == 200
    assert backend.requests[0].complete
    assert backend.requests[0].header("Transfer-Encoding") is None


@pytest.mark.parametrize("key", ["/p", "p", "/p/", "p/"])
def test_a_prefix_takes_its_own_path_too(upstream: Upstream, key: str) -> None:
    backend = upstream()
    assert call(lint(ours(backend, key)), path="/p").json()["target"] == "/p"
    assert call(ours(backend, key, remove_prefix=True), path="/p").json()["target"] == "/"


def test_a_slash_takes_every_path_and_the_longest_prefix_wins(upstream: Upstream) -> None:
    rest, nearer = upstream(), upstream()
    targets = {"/": {"target": rest.url}, "/a/b": {"target": nearer.url}}
    app = lint(compat.ProxyMiddleware(Named("app"), targets))
    for path in ("/", "/x/y", "/a"):
        assert call(app, path=path).json()["target"] == path
    call(app, path="/a/b/c")
    assert [request.target for request in nearer.requests] == ["/a/b/c"]


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("removed", [True, False])
def test_paths_arrive_as_the_client_spelled_them(upstream: Upstream, raw: bool, removed: bool) -> None:
    backend = upstream()
    without = {} if raw else {"RAW_URI": None, "REQUEST_URI": None}
    app = ours(backend, remove_prefix=removed)
    call(app, path="/p/caf%C3%A9/100%25", environ=without)
    assert backend.requests[0].target == ("" if removed else "/p") + "/caf%C3%A9/100%25"
    call(app, path="/p//a%2Fb", environ=without)
    assert backend.requests[1].target == ("" if removed else "/p") + ("//a%2Fb" if raw else "//a/b")


def test_host_has_its_port_and_nothing_is_asked_for_that_the_client_did_not_ask(upstream: Upstream) -> None:
    backend = upstream()
    call(ours(backend), path="/p/x")
    assert backend.requests[0].all("Host") == [f"127.0.0.1:{backend.port}"]
    assert backend.requests[0].header("Accept-Encoding") is None


def test_the_backend_is_told_who_asked(upstream: Upstream) -> None:
    backend = upstream()
    environ = {"REMOTE_ADDR": "192.0.2.7", "SCRIPT_NAME": "/mnt"}
    headers = {"Host": "shop.example", "X-Forwarded-For": "6.6.6.6"}
    call(ours(backend, remove_prefix=True), path="/p/x", headers=headers, environ=environ)
    request = backend.requests[0]
    told = [request.header(f"X-Forwarded-{name}") for name in ("For", "Proto", "Host", "Prefix")]
    assert told == ["192.0.2.7", "http", "shop.example", "/mnt/p"]


def test_what_connection_names_goes_no_further_either_way(upstream: Upstream) -> None:
    backend = upstream(cues.answer(headers=[("Connection", "X-Hop"), ("X-Hop", "1"), ("X-Kept", "1")]))
    result = call(ours(backend), path="/p/x", headers={"Connection": "X-Mine", "X-Mine": "1"})
    assert backend.requests[0].header("X-Mine") is None
    assert (result.header("X-Hop"), result.header("Connection"), result.header("X-Kept")) == (None, None, "1")


def test_a_client_can_neither_replace_nor_remove_a_header_that_is_set(upstream: Upstream) -> None:
    backend = upstream()
    app = ours(backend, headers={"X-Api-Key": "secret", "Content-Type": "text/set"})
    sent = {"X-Api-Key": "forged", "Connection": "X-Api-Key, X-Mine", "X-Mine": "1", "Content-Type": "text/x"}
    call(app, path="/p/x", headers=sent)
    request = backend.requests[0]
    assert request.all("X-Api-Key") == ["secret"]
    assert request.all("Content-Type") == ["text/set"]
    assert request.header("X-Mine") is None


def test_a_bad_status_line_is_502(upstream: Upstream) -> None:
    assert call(ours(upstream(cues.bad_status_line())), path="/p/x").status == 502


@pytest.mark.parametrize("step", [cues.short_body(), cues.short_chunked()], ids=["length", "chunked"])
def test_an_answer_that_breaks_off_is_broken_off(upstream: Upstream, step: Any) -> None:
    with pytest.raises(ForwardingError):
        call(ours(upstream(step)), path="/p/x")


def test_a_backend_that_is_slow_is_504(upstream: Upstream) -> None:
    assert call(ours(upstream(cues.never_answer()), timeout=0.05), path="/p/x").status == 504


def test_a_connection_is_used_again(upstream: Upstream) -> None:
    backend = upstream()
    app = ours(backend)
    for _ in range(3):
        call(app, path="/p/x")
    assert backend.connections == 1
    app.close()
    backend.wait_for(lambda: not backend.open_connections)


def test_a_client_that_leaves_closes_the_connection(upstream: Upstream) -> None:
    backend = upstream(cues.answer(body=b"n" * 50_000_000))
    assert call(ours(backend), path="/p/x", stop_after=1).body
    backend.wait_for(lambda: not backend.open_connections)


@pytest.mark.parametrize("removed", [True, False])
def test_a_location_that_names_the_target_leads_back(upstream: Upstream, removed: bool) -> None:
    backend = upstream()
    base = "" if removed else "/p"
    backend.play(cues.answer(302, [("Location", f"{backend.url}{base}/next?q=1")]))
    result = call(ours(backend, remove_prefix=removed), path="/p/x", environ={"SCRIPT_NAME": "/mnt"})
    assert result.header("Location") == "/mnt/p/next?q=1"


def test_a_path_that_climbs_above_its_prefix_is_400(upstream: Upstream) -> None:
    backend = upstream()
    assert call(ours(backend), path="/p/../admin").status == 400
    assert not backend.requests


def test_environ_is_left_as_it_was(upstream: Upstream) -> None:
    environ = build_environ("GET", "/p/x", headers={"Connection": "X-Mine", "X-Mine": "1"})
    before = environ.copy()
    ours(upstream(), headers={"X-Api-Key": "secret"})(environ, lambda status, headers: lambda data: None)
    assert environ == before


def test_names_beyond_ascii_are_encoded() -> None:
    app = compat.ProxyMiddleware(Named("app"), {"/p": {"target": "http://b\u00fccher.example:81/x"}})
    assert repr(dict(children(app))["/p"]).startswith(
        "ReverseProxy(upstreams='http://xn--bcher-kva.example:81'"
    )


# ---- as any part of wsgikit


def test_it_pickles_and_shows_what_is_inside() -> None:
    app = compat.ProxyMiddleware(Named("app"), {"/p": {"target": "http://a.example"}}, timeout=3)
    assert pickle.loads(pickle.dumps(app)) == app
    assert [label for label, _ in app.children()] == ["/p", "app"]
    assert repr(app) == "ProxyMiddleware(targets={'/p': {'target': 'http://a.example'}}, timeout=3)"


@pytest.mark.parametrize(
    ("opts", "message"),
    [
        ({}, r"targets\['/p'\]=\{\}"),
        ({"target": "http://a", "hots": None}, r"no option 'hots'; did you mean 'host'\?"),
        ({"target": "http://a", "remove_prefix": "no"}, r"\['remove_prefix'\]='no'"),
        ({"target": "http://a", "host": "client"}, r"'client' will not do: with its port"),
        ({"target": "http://a", "headers": {"Host": "b"}}, r"\['Host'\]='b' .* the option host"),
        ({"target": "http://a", "headers": {"Connection": "close"}}, r"\['Connection'\]='close'"),
        ({"target": "http://a", "headers": {"X-Forwarded-Proto": "https"}}, "TrustedProxies"),
        ({"target": "http://a", "headers": {"X-A": "b\r\nX-B: c"}}, "without controls"),
        ({"target": "http://a", "headers": {"X-A": 1}}, "names and values are text"),
        ({"target": "ftp://a"}, "a URL such as"),
        ({"target": "http://user:secret@a"}, "without user and password"),
    ],
)
def test_options_that_will_not_do_are_refused(opts: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        compat.ProxyMiddleware(Named("app"), {"/p": opts})


@pytest.mark.parametrize("timeout", [0, -1, None, "soon"])
def test_a_timeout_is_above_zero(timeout: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="ProxyMiddleware: timeout="):
        compat.ProxyMiddleware(Named("app"), {}, timeout=timeout)
