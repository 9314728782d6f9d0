"""WSGIProxy2's HostProxy: its signature, what it does right side by side, and each stated difference."""

from __future__ import annotations

import gzip
import inspect
import pickle
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from tests import certificates
from wsgikit import Mount, TrustedProxies, compat
from wsgikit.forwarding.errors import ForwardingError
from wsgikit.testing import build_environ, call, cues, lint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wsgikit.testing import ScriptedUpstream

    Upstream = Callable[..., ScriptedUpstream]

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # WebOb wants the module cgi
    original = pytest.importorskip("wsgiproxy", reason="needs the package WSGIProxy2")

both = pytest.mark.parametrize("cls", [compat.HostProxy, original.HostProxy], ids=["ours", "theirs"])
clients = pytest.mark.parametrize("client", [None, "httplib", "urllib3", "requests"])


def test_the_signature_is_wsgiproxys() -> None:
    assert str(unannotated(compat.HostProxy)) == str(unannotated(original.HostProxy))


def unannotated(cls: Any) -> inspect.Signature:
    parameters = inspect.signature(cls.__init__).parameters.values()
    return inspect.Signature([one.replace(annotation=one.empty) for one in parameters])


# ---- what the original does right


@both
def test_requests_go_below_the_uri(cls: Any, upstream: Upstream) -> None:
    backend = upstream()
    proxy = cls(f"{backend.url}/base/")
    echo = call(proxy, path="/a/b%20c?d=e").json()
    assert (echo["method"], echo["target"]) == ("GET", "/base/a/b%20c?d=e")
    assert proxy.uri == f"{backend.url}/base"
    assert backend.requests[0].all("Host") == [f"127.0.0.1:{backend.port}"]


@both
@pytest.mark.parametrize(("strip", "sent"), [(True, "/x"), (False, "/mnt/x")])
def test_the_mount_point_is_sent_or_not(cls: Any, upstream: Upstream, strip: bool, sent: str) -> None:
    environ = build_environ("GET", "/x", environ={"SCRIPT_NAME": "/mnt"})
    del environ["RAW_URI"], environ["REQUEST_URI"]
    backend = upstream()
    body = cls(backend.url, strip_script_name=strip)(environ, lambda status, headers: lambda data: None)
    assert b"".join(body)
    assert backend.requests[0].target == sent


@both
@pytest.mark.parametrize(
    ("allowed", "method", "status"),
    [(..., "PURGE", 405), (["GET"], "POST", 405), (["GET"], "GET", 200), (None, "PURGE", 200)],
)
def test_methods_are_allowed_or_answered_405(
    cls: Any, upstream: Upstream, allowed: Any, method: str, status: int
) -> None:
    options = {} if allowed is ... else {"allowed_methods": allowed}
    assert call(cls(upstream().url, **options), method).status == status


@both
def test_a_body_of_known_length_and_its_type_arrive(cls: Any, upstream: Upstream) -> None:
    backend = upstream()
    call(cls(backend.url), "POST", body=b"n" * 100_000, headers={"Content-Type": "text/x"})
    assert backend.requests[0].body == b"n" * 100_000
    assert backend.requests[0].all("Content-Length") == ["100000"]
    assert backend.requests[0].all("Content-Type") == ["text/x"]


@both
def test_head_has_a_length_and_no_body(cls: Any, upstream: Upstream) -> None:
    result = call(cls(upstream(cues.answer(body=b"hello", then="close")).url), "HEAD")
    assert (result.status, result.body, result.header("Content-Length")) == (200, b"", "5")


@both
def test_the_peer_is_named(cls: Any, upstream: Upstream) -> None:
    backend = upstream()
    call(cls(backend.url), environ={"REMOTE_ADDR": "192.0.2.7"})
    assert backend.requests[0].all("X-Forwarded-For") == ["192.0.2.7"]


@both
def test_a_location_elsewhere_stays(cls: Any, upstream: Upstream) -> None:
    backend = upstream(cues.answer(301, [("Location", "https://else.example/x?y")]))
    assert call(cls(backend.url), path="/a").header("Location") == "https://else.example/x?y"


@both
def test_a_refused_connection_is_502(cls: Any, upstream: Upstream) -> None:
    backend = upstream()
    backend.refuse()
    assert call(cls(backend.url)).status == 502


# ---- what it does not, whichever client was asked for


def test_a_claim_of_the_clients_is_dropped_and_a_verified_chain_goes_on(upstream: Upstream) -> None:
    backend = upstream()
    proxy = compat.HostProxy(backend.url)
    sent = {"X-Forwarded-For": "6.6.6.6, 192.0.2.7"}
    call(lint(proxy), headers=sent, environ={"REMOTE_ADDR": "127.0.0.1"})
    trusting = TrustedProxies(proxy, ["loopback"])
    call(trusting, headers=sent, environ={"REMOTE_ADDR": "127.0.0.1"})
    chains = [request.header("X-Forwarded-For") for request in backend.requests]
    assert chains == ["127.0.0.1", "192.0.2.7, 127.0.0.1"]


def test_what_belongs_to_one_connection_goes_no_further_either_way(upstream: Upstream) -> None:
    backend = upstream(
        cues.answer(headers=[("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5")])
    )
    sent = {"Connection": "X-Mine, Upgrade", "X-Mine": "1", "TE": "trailers", "Upgrade": "h2c"}
    result = call(lint(compat.HostProxy(backend.url)), headers=sent)
    for name in ("X-Mine", "TE", "Upgrade"):
        assert backend.requests[0].header(name) is None
    for name in ("Connection", "Keep-Alive", "X-Hop"):
        assert result.header(name) is None


@clients
def test_an_encoded_body_stays_encoded(upstream: Upstream, client: str | None) -> None:
    encoded = gzip.compress(b"hello" * 100)
    backend = upstream(cues.answer(headers=[("Content-Encoding", "gzip")], body=encoded))
    result = call(compat.HostProxy(backend.url, client=client))
    assert (result.body, result.header("Content-Encoding")) == (encoded, "gzip")
    assert result.header("Content-Length") == str(len(encoded))


@clients
def test_each_cookie_stays_its_own(upstream: Upstream, client: str | None) -> None:
    backend = upstream(cues.answer(headers=[("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")]))
    assert call(compat.HostProxy(backend.url, client=client)).all("Set-Cookie") == ["a=1; Path=/", "b=2"]


def test_an_answer_comes_piece_by_piece(upstream: Upstream) -> None:
    more = threading.Event()
    backend = upstream(cues.answer(body=[b"one", more, b"two"], framing="chunked"))
    body: Any = compat.HostProxy(backend.url)(build_environ(), lambda status, headers: lambda data: None)
    pieces = iter(body)
    assert next(pieces) == b"one"
    more.set()
    assert b"".join(pieces) == b"two"
    body.close()


def test_a_chunked_body_arrives(upstream: Upstream) -> None:
    backend = upstream()
    call(lint(compat.HostProxy(backend.url)), "POST", body=[b"one", b"two"])
    assert backend.requests[0].body == b"onetwo"
    assert not backend.faults


@pytest.mark.parametrize("timeout", [0.05, "50ms", (5, 0.05)])
def test_a_timeout_is_504(upstream: Upstream, timeout: Any) -> None:
    backend = upstream(cues.never_answer())
    assert call(compat.HostProxy(backend.url, timeout=timeout)).status == 504


def test_certificates_are_verified_unless_it_is_switched_off(upstream: Upstream, tmp_path: Path) -> None:
    backend = upstream(tls=certificates.server())
    statuses = [
        call(compat.HostProxy(backend.url, client="requests", **options)).status
        for options in ({}, {"verify": True}, {"verify": certificates.trusted(tmp_path)}, {"verify": False})
    ]
    assert statuses == [502, 502, 200, 200]


def test_a_certificate_of_our_own_is_shown(upstream: Upstream, tmp_path: Path) -> None:
    backend = upstream(tls=certificates.server(clients="ours"))
    ca, own = certificates.trusted(tmp_path), certificates.client(tmp_path)
    for cert in (own, (own, own)):
        assert call(compat.HostProxy(backend.url, verify=ca, cert=cert)).status == 200


def test_a_target_can_have_an_ipv6_address(upstream: Upstream) -> None:
    backend = upstream(host="::1")
    call(compat.HostProxy(backend.url), path="/x")
    assert backend.requests[0].all("Host") == [f"[::1]:{backend.port}"]


def test_a_bad_status_line_is_502(upstream: Upstream) -> None:
    assert call(compat.HostProxy(upstream(cues.bad_status_line()).url)).status == 502


@pytest.mark.parametrize("step", [cues.short_body(), cues.short_chunked()], ids=["length", "chunked"])
def test_an_answer_that_breaks_off_is_broken_off(upstream: Upstream, step: Any) -> None:
    with pytest.raises(ForwardingError):
        call(compat.HostProxy(upstream(step).url))


@clients
def test_no_target_names_another_server(upstream: Upstream, client: str | None) -> None:
    backend, evil = upstream(), upstream()
    raw = f"@127.0.0.1:{evil.port}/x"
    call(compat.HostProxy(backend.url, client=client), environ={"RAW_URI": raw, "REQUEST_URI": raw})
    assert [request.target for request in backend.requests] == ["/"]
    assert not evil.connections


def test_a_mount_point_is_cut_off_the_clients_own_spelling(upstream: Upstream) -> None:
    backend = upstream()
    call(lint(Mount({"/mnt": compat.HostProxy(backend.url)})), path="/mnt/a%2Fb")
    assert backend.requests[0].target == "/a%2Fb"
    assert backend.requests[0].header("X-Forwarded-Prefix") == "/mnt"


def test_a_location_that_names_the_server_leads_back(upstream: Upstream) -> None:
    backend = upstream()
    proxy = compat.HostProxy(backend.url)
    for location in (f"{backend.url}/next", "/next"):
        backend.play(cues.answer(302, [("Location", location)]))
        assert call(proxy, environ={"SCRIPT_NAME": "/mnt"}).header("Location") == "/mnt/next"


def test_environ_is_left_as_it_was(upstream: Upstream) -> None:
    environ = build_environ("GET", "/x", environ={"SCRIPT_NAME": "/mnt", "wsgikit.notes": {}})
    before = environ.copy()
    b"".join(compat.HostProxy(upstream().url)(environ, lambda status, headers: lambda data: None))
    assert environ == before


def test_the_methods_that_are_allowed_are_named(upstream: Upstream) -> None:
    result = call(lint(compat.HostProxy(upstream().url, allowed_methods=["GET", "HEAD"])), "POST")
    assert (result.status, result.header("Allow")) == (405, "GET, HEAD")


def test_a_connection_is_used_again(upstream: Upstream) -> None:
    backend = upstream()
    proxy = compat.HostProxy(backend.url)
    for _ in range(3):
        call(proxy)
    assert backend.connections == 1
    proxy.close()
    backend.wait_for(lambda: not backend.open_connections)


# ---- as any part of wsgikit


def test_options_of_reverse_proxy_are_options_here() -> None:
    proxy = compat.HostProxy("http://a.example", "urllib3", max_idle=3, timeout=(2, "30s"), redirect=False)
    inside = proxy.proxy
    assert (inside.max_idle, inside.connect_timeout, inside.read_timeout) == (3, 2.0, 30.0)
    assert proxy.options() == {
        "uri": "http://a.example",
        "client": "urllib3",
        "max_idle": 3,
        "timeout": (2, "30s"),
        "redirect": False,
    }
    assert pickle.loads(pickle.dumps(proxy)) == proxy


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"uri": 3}, "HostProxy: uri=3"),
        ({"uri": "ftp://a"}, "a URL such as"),
        ({"client": "urlib3"}, "did you mean 'urllib3'"),
        ({"client": print}, "the HTTP client is wsgikit's own"),
        ({"allowed_methods": "GET"}, "allowed_methods='GET'"),
        ({"strip_script_name": "no"}, "strip_script_name='no'"),
        ({"pool": object()}, "HostProxy: pool=.* max_idle"),
        ({"session": object()}, "HostProxy: session="),
        ({"allow_redirects": True}, "redirects are the client's to follow"),
        ({"max_idel": 3}, "HostProxy: no option 'max_idel'; did you mean 'max_idle'"),
        ({"keep_prefix": True}, "HostProxy: no option 'keep_prefix'"),
        ({"timeout": -1}, "timeout=-1"),
    ],
)
def test_options_that_will_not_do_are_refused(options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        compat.HostProxy(**{"uri": "http://a.example", **options})
