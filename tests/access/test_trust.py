"""TrustedProxies: tables of a request as it comes and the environ that the app sees."""

from __future__ import annotations

import copy
import os
import pickle
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request as WerkzeugRequest

from tests.access.trust_table import (
    CLIENT,
    FORWARDED,
    HOPS,
    INNER,
    PEER,
    PEERS,
    PREFIXES,
    SAID,
    SCHEMES,
    STRANGER,
    TRUSTED,
    WALKS,
)
from wsgikit.access import trust as module
from wsgikit.access.trust import TrustedProxies
from wsgikit.http import networks as networks_module

SHORT = {
    "for": "HTTP_X_FORWARDED_FOR",
    "proto": "HTTP_X_FORWARDED_PROTO",
    "host": "HTTP_X_FORWARDED_HOST",
    "port": "HTTP_X_FORWARDED_PORT",
    "prefix": "HTTP_X_FORWARDED_PREFIX",
    "fwd": "HTTP_FORWARDED",
    "real": "HTTP_X_REAL_IP",
    "addr": "REMOTE_ADDR",
    "scheme": "wsgi.url_scheme",
    "http_host": "HTTP_HOST",
    "server_port": "SERVER_PORT",
    "script": "SCRIPT_NAME",
    "https": "HTTPS",
}


def environ_of(given: dict[str, Any]) -> dict[str, Any]:
    """The environ of a plain request to an app server behind a proxy, with ``given`` over it; None takes a key out."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "REMOTE_ADDR": PEER,
        "HTTP_HOST": "backend:8000",
        "SERVER_NAME": "backend",
        "SERVER_PORT": "8000",
        "wsgi.url_scheme": "http",
    }
    for name, value in given.items():
        environ[SHORT.get(name, name)] = value
    return {key: value for key, value in environ.items() if value is not None}


def seen(given: dict[str, Any], networks: Any = TRUSTED, **options: Any) -> dict[str, Any]:
    """The environ after TrustedProxies; the same dict that went in, as it is edited in place."""
    environ = environ_of(given)
    TrustedProxies(lambda environ, start_response: [], networks, **options)(environ, lambda *_: None)  # type: ignore[arg-type]
    return environ


def check(given: dict[str, Any], expected: dict[str, Any], networks: Any = TRUSTED, **options: Any) -> None:
    environ = seen(given, networks, **options)
    got = {name: environ.get(SHORT.get(name, name)) for name in expected}
    assert got == expected
    assert environ["wsgikit.original"]["REMOTE_ADDR"] == (environ_of(given).get("REMOTE_ADDR") or "")


# --- who is the client


@pytest.mark.parametrize(("text", "client", "left"), WALKS)
def test_the_walk_ends_at_the_first_that_is_not_trusted(
    text: str | None, client: str, left: str | None
) -> None:
    check({"for": text}, {"addr": client, "for": left})


@pytest.mark.parametrize(("text", "client", "left"), WALKS)
def test_one_headers_name_is_walked_alike(text: str | None, client: str, left: str | None) -> None:
    check({"real": text, "for": STRANGER}, {"addr": client, "real": left, "for": None}, headers="X-Real-IP")


@pytest.mark.parametrize(("hops", "text", "client", "left"), HOPS)
def test_hops_cap_what_is_believed(hops: int | None, text: str, client: str, left: str) -> None:
    check({"for": text}, {"addr": client, "for": left}, hops=hops)


@pytest.mark.parametrize(("networks", "peer", "client"), PEERS)
def test_the_peer_itself_has_to_be_trusted(networks: Any, peer: str | None, client: str) -> None:
    check({"addr": peer, "for": CLIENT}, {"addr": client}, networks)


# --- the rest of what proxies say: always at the hop of the client


@pytest.mark.parametrize(("given_", "expected"), SAID)
def test_what_a_trusted_proxy_says(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    check(given_, expected)


@pytest.mark.parametrize("given_", [given for given, _ in SAID])
def test_nothing_of_it_from_a_peer_that_is_not_trusted(given_: dict[str, Any]) -> None:
    environ = seen({**given_, "addr": STRANGER})
    before = environ_of(given_)
    assert environ["REMOTE_ADDR"] == STRANGER
    assert {key for key in environ if "FORWARDED" in key or "REAL_IP" in key or "CLIENT_IP" in key} == set()
    for key in ("HTTP_HOST", "SERVER_PORT", "SCRIPT_NAME"):
        assert environ.get(key) == before.get(key)


@pytest.mark.parametrize(("given_", "expected"), PREFIXES)
def test_a_prefix_goes_before_script_name(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    check(given_, expected, prefix=True)


@pytest.mark.parametrize(("text", "expected"), FORWARDED)
def test_forwarded_of_rfc_7239(text: str, expected: dict[str, Any]) -> None:
    check(
        {"fwd": text, "for": STRANGER, "proto": "https"},
        {"for": None, "proto": None, **expected},
        headers="forwarded",
    )


def test_hops_cap_forwarded_too() -> None:
    check({"fwd": f"for={CLIENT}, for={INNER}"}, {"addr": INNER}, headers="forwarded", hops=1)


# --- a scheme that the server took from a header


@pytest.mark.parametrize(("given_", "scheme"), SCHEMES)
def test_a_scheme_from_an_untrusted_header_is_taken_back(given_: dict[str, Any], scheme: str) -> None:
    check({**given_, "addr": STRANGER}, {"scheme": scheme})


def test_a_scheme_from_a_family_not_chosen_is_taken_back() -> None:
    check({"scheme": "https", "proto": "https", "real": CLIENT}, {"scheme": "http"}, headers="x-real-ip")


def test_the_port_follows_the_scheme_that_is_left() -> None:
    given_ = {"scheme": "https", "proto": "junk, https,", "for": CLIENT, "port": "80"}
    check(given_, {"scheme": "http", "http_host": "backend", "server_port": "80"})


# --- what else is promised


def test_environ_is_edited_in_place_and_what_was_there_is_kept() -> None:
    given_ = {"for": f"{STRANGER}, {CLIENT}", "proto": "https", "host": "shop.example", "real": "1.1.1.1"}
    environ = seen(given_)
    assert environ["wsgikit.original"] == {
        "REMOTE_ADDR": PEER,
        "HTTP_X_FORWARDED_FOR": f"{STRANGER}, {CLIENT}",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "shop.example",
        "HTTP_X_REAL_IP": "1.1.1.1",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "backend:8000",
        "SERVER_PORT": "8000",
    }


def test_the_original_is_of_each_request_its_own() -> None:
    layer = TrustedProxies(lambda environ, start_response: [], TRUSTED)
    first, second = environ_of({"for": CLIENT}), environ_of({"for": CLIENT})
    layer(first, lambda *_: None)  # type: ignore[arg-type]
    first["wsgikit.original"]["spoilt"] = True
    layer(second, lambda *_: None)  # type: ignore[arg-type]
    assert "spoilt" not in second["wsgikit.original"]


def test_the_older_values_win_when_two_layers_run() -> None:
    inner = TrustedProxies(lambda environ, start_response: [], TRUSTED)
    environ = environ_of({"for": f"{CLIENT}, {INNER}", "proto": "https"})
    TrustedProxies(inner, TRUSTED)(environ, lambda *_: None)  # type: ignore[arg-type]
    assert environ["REMOTE_ADDR"] == CLIENT
    assert environ["wsgikit.original"]["REMOTE_ADDR"] == PEER
    assert environ["wsgikit.original"]["wsgi.url_scheme"] == "http"


def test_one_inside_another_leaves_what_is_verified_as_it_is() -> None:
    """A gateway and the app in it may both have one: the scheme stays https, and the prefix goes before once."""
    given_ = {"for": f"{CLIENT}, {INNER}", "proto": "https", "host": "shop.example", "prefix": "/app"}
    once = seen(given_, prefix=True)
    twice = environ_of(given_)
    inner = TrustedProxies(nothing, TRUSTED, prefix=True)
    TrustedProxies(inner, TRUSTED, prefix=True)(twice, lambda *_: None)  # type: ignore[arg-type]
    assert twice == once
    assert (twice["wsgi.url_scheme"], twice["SCRIPT_NAME"]) == ("https", "/app")


@pytest.mark.parametrize(
    ("options", "client", "left"),
    [({"hops": 1}, INNER, INNER), ({"networks": ["192.0.2.1"]}, CLIENT, None)],
)
def test_one_inside_another_may_believe_less(options: dict[str, Any], client: str, left: Any) -> None:
    environ = environ_of({"for": f"{CLIENT}, {INNER}", "proto": "https"})
    inner = TrustedProxies(nothing, **{"networks": TRUSTED, **options})
    TrustedProxies(inner, TRUSTED)(environ, lambda *_: None)  # type: ignore[arg-type]
    assert (environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_FOR")) == (client, left)
    assert environ["wsgikit.original"]["REMOTE_ADDR"] == PEER


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")  # WebOb imports it
@pytest.mark.parametrize(("text", "client", "left"), WALKS)
@pytest.mark.parametrize("peer", [PEER, STRANGER])
def test_webob_and_werkzeug_cannot_be_fooled(
    peer: str, text: str | None, client: str, left: str | None
) -> None:
    """Both read the left-most address of X-Forwarded-For, which is the client's own text behind ProxyFix."""
    from webob import Request as WebObRequest

    environ = seen({"addr": peer, "for": text})
    found = client if peer == PEER else STRANGER
    assert WebObRequest(environ).client_addr == found
    assert WerkzeugRequest(environ).access_route[0] == found
    assert WerkzeugRequest(environ).remote_addr == found


def test_the_answer_is_the_apps_own_object() -> None:
    body = [b"x"]
    layer = TrustedProxies(lambda environ, start_response: body, TRUSTED)
    assert layer(environ_of({}), lambda *_: None) is body  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"headers": "x-forwardd"}, ValueError, "did you mean 'x-forwarded'"),
        ({"headers": "forwared"}, ValueError, "did you mean 'forwarded'"),
        ({"headers": "x real ip"}, ValueError, "headers='x real ip'"),
        ({"headers": None}, TypeError, "headers=None"),
        ({"hops": 0}, ValueError, "hops=0"),
        ({"hops": "1"}, TypeError, "hops='1'"),
        ({"hops": True}, TypeError, "hops=True"),
        ({"prefix": "/app"}, TypeError, "prefix='/app'"),
        ({"header": "x"}, TypeError, "no option 'header'; did you mean 'headers'"),
        ({"networks": "lopback"}, ValueError, "TrustedProxies: networks='lopback'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], error: type[Exception], said: str) -> None:
    arguments = {"networks": TRUSTED, **options}
    with pytest.raises(error, match=said):
        TrustedProxies(lambda environ, start_response: [], **arguments)


def test_networks_have_no_default() -> None:
    with pytest.raises(TypeError, match="networks"):
        TrustedProxies(lambda environ, start_response: [])  # type: ignore[call-arg]


def nothing(environ: Any, start_response: Any) -> list[bytes]:
    return []


def test_it_pickles_and_copies_with_its_options() -> None:
    layer = TrustedProxies(nothing, TRUSTED, headers="forwarded", hops=2, prefix=True)
    layer(environ_of({"fwd": f"for={CLIENT}"}), lambda *_: None)  # type: ignore[arg-type]
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert twin.options() == {"networks": TRUSTED, "headers": "forwarded", "hops": 2, "prefix": True}
        assert repr(twin) == repr(layer)


def test_a_changed_list_counts_for_texts_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(networks_module, "monotonic", lambda: now[0])
    path = tmp_path / "proxies"
    path.write_text("10.0.0.0/8\n")
    layer = TrustedProxies(nothing, f"@{path}")

    def client() -> str:
        environ = environ_of({"for": CLIENT})
        layer(environ, lambda *_: None)  # type: ignore[arg-type]
        return str(environ["REMOTE_ADDR"])

    assert client() == CLIENT
    (tmp_path / "new").write_text("192.0.2.0/24\n")
    os.replace(tmp_path / "new", path)
    assert client() == CLIENT
    now[0] += 2
    assert client() == PEER


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 8)
    layer = TrustedProxies(nothing, TRUSTED)
    for number in range(50):
        for text in (f"203.0.113.{number}", f"junk{number}, " * 500 + CLIENT):
            environ = environ_of({"for": text})
            layer(environ, lambda *_: None)  # type: ignore[arg-type]
            assert environ["REMOTE_ADDR"] in (text, CLIENT)
    assert len(layer._known) <= 8


@given(
    peer=st.sampled_from([INNER, PEER, "203.0.113.1", "", None]),
    client=st.one_of(st.ip_addresses().map(str), st.sampled_from([INNER, PEER, "192.0.2.0", "203.0.113.1"])),
    others=st.tuples(
        *[st.sampled_from([None, "https", "shop.example", "shop.example:8443", "443", "/shop", "a, b"])] * 4
    ),
    hops=st.sampled_from([None, 1, 2]),
)
def test_what_is_the_same_for_every_client_is_what_each_would_get(
    peer: str | None, client: str, others: tuple[str | None, ...], hops: int | None
) -> None:
    layer = TrustedProxies(nothing, TRUSTED, hops=hops, prefix=True)
    texts = (peer, "http", "backend:8000", "8000", client, *others)
    for _ in range(2):  # at first, and as what is known
        found, right = layer._judge(texts), layer._decide(texts)
        for name in ("edits", "original", "removed", "unsettled"):
            assert getattr(found, name) == getattr(right, name), name
        assert found.claims[1:5] == right.claims[1:5]
        layer._known.pop(texts)


MADE_UP = st.text(
    st.sampled_from('",;=\\ \t10.0.0.1203.0.113.9forprotohost[]:_<>%/\x00\x1b\xe9'), max_size=40
)
ADDED = {  # by proxies that are trusted
    "for": [CLIENT, f"{CLIENT}, {INNER}", "[2001:db8::1]:80"],
    "real": [CLIENT],
    "fwd": [
        f"for={CLIENT};proto=https",
        'for="[2001:db8::9]:4711";proto=https;host="shop.example:80"',
        f'for="{CLIENT}";x="a\\"b,c", for="{INNER}:80";by="a,b"',
    ],
}
FAMILY = {"for": "x-forwarded", "real": "x-real-ip", "fwd": "forwarded"}


@given(st.sampled_from([(name, text) for name in ADDED for text in ADDED[name]]), MADE_UP)
def test_nothing_that_a_client_makes_up_changes_what_proxies_add(added: tuple[str, str], text: str) -> None:
    name, right = added
    for given_ in (first := {name: right}, {name: f"{text}, {right}"}):
        environ = seen(given_, headers=FAMILY[name])
        del environ["wsgikit.original"]
        if given_ is first:
            expected = environ
    assert environ == expected


TEXT = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from([CLIENT, INNER, STRANGER, "unknown", "", '"', "::1", "[::1]:8", "https", "/a"])
    ).map(", ".join),
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("for", "proto", "host", "port", "prefix", "fwd", "real"), TEXT),
            "addr": st.sampled_from([PEER, STRANGER, "", None, "::1", "junk"]),
            "scheme": st.sampled_from(["http", "https", "javascript"]),
            "http_host": st.one_of(st.none(), st.text(max_size=20)),
        },
    ),
    st.sampled_from(["x-forwarded", "forwarded", "x-real-ip"]),
    st.sampled_from([None, 1, 2]),
    st.booleans(),
)
def test_no_text_crashes_it_or_gives_a_wrong_kind_of_value(
    given_: dict[str, Any], headers: str, hops: int | None, prefix: bool
) -> None:
    environ = seen(given_, [*TRUSTED, "unix"], headers=headers, hops=hops, prefix=prefix)
    before = environ_of(given_)
    if environ.get("REMOTE_ADDR") != before.get("REMOTE_ADDR"):
        assert str(ip_address(environ["REMOTE_ADDR"])) == environ["REMOTE_ADDR"]
    if any(name in given_ for name in ("proto",)):
        assert environ["wsgi.url_scheme"] in ("http", "https")
    assert environ["SERVER_PORT"].isdigit()
    assert "\n" not in environ["SCRIPT_NAME"]
    assert "//" not in environ["SCRIPT_NAME"]
