"""Prefix: one outcome, whatever the proxy in front does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
import pytest

from wsgikit.access.trust import TrustedProxies
from wsgikit.mounting.mount import Mount
from wsgikit.mounting.prefix import Prefix
from wsgikit.testing import awkward_apps, call, expectations, lint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def halves(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers with the two halves of the path."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode("latin-1")]


def seen(app: WSGIApplication, path: str, **environ: Any) -> str:
    result = call(lint(app), path=path, environ=environ)
    return result.body.decode("latin-1") if result.status == 200 else str(result.status)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/x", "/shop|/x"),
        ("/", "/shop|/"),
        ("/shop/x", "/shop|/x"),
        ("/shop/", "/shop|/"),
        ("/shop", "/shop|"),
        ("/shopping", "/shop|/shopping"),
        ("/shop//x", "/shop|//x"),
        ("/caf%C3%A9", "/shop|/caf\xc3\xa9"),
    ],
)
def test_stripped_or_not_the_app_sees_the_same(path: str, expected: str) -> None:
    assert seen(Prefix(halves, "/shop"), path) == expected
    assert seen(Prefix(halves, "/shop/"), path) == expected


@pytest.mark.parametrize("prefix", ["", "/"])
def test_no_prefix_changes_nothing(prefix: str) -> None:
    assert seen(Prefix(halves, prefix), "/x/y") == "|/x/y"


@pytest.mark.parametrize("path", ["/x", "/shop/x"])
def test_a_prefix_from_a_trusted_header_is_not_doubled(path: str) -> None:
    app = TrustedProxies(Prefix(halves, "/shop"), "loopback", prefix=True)
    assert seen(app, path, HTTP_X_FORWARDED_PREFIX="/shop", HTTP_X_FORWARDED_FOR="203.0.113.9") == "/shop|/x"


def test_a_prefix_from_a_header_that_nobody_vouches_for_is_ignored() -> None:
    assert seen(Prefix(halves, "/shop"), "/x", HTTP_X_FORWARDED_PREFIX="/evil") == "/shop|/x"
    app = TrustedProxies(Prefix(halves, "/shop"), "10.0.0.0/8", prefix=True)
    assert seen(app, "/x", HTTP_X_FORWARDED_PREFIX="/evil") == "/shop|/x"


def test_an_outer_prefix_from_a_header_stays_in_front() -> None:
    app = TrustedProxies(Prefix(halves, "/shop"), "loopback", prefix=True)
    assert (
        seen(app, "/x", HTTP_X_FORWARDED_PREFIX="/outer", HTTP_X_FORWARDED_FOR="203.0.113.9")
        == "/outer/shop|/x"
    )


def test_what_a_mount_has_moved_is_not_moved_again() -> None:
    app = Mount({"/shop": Prefix(halves, "/shop")})
    assert seen(app, "/shop/x") == "/shop|/x"
    assert seen(app, "/shop/shop/x") == "/shop|/shop/x"


def test_a_script_name_of_the_server_is_not_moved_again() -> None:
    assert seen(Prefix(halves, "/shop"), "/shop/x", SCRIPT_NAME="/shop") == "/shop|/shop/x"
    assert seen(Prefix(halves, "/shop"), "/x", SCRIPT_NAME="/workshop") == "/workshop/shop|/x"


@pytest.mark.parametrize("path", ["/shop/../x", "/../x", "/shop/%2e%2e/x", "/x/../..", "/x%00"])
def test_a_path_that_climbs_is_answered_400(path: str) -> None:
    assert seen(Prefix(halves, "/shop"), path) == "400"


def test_missing_path_info_and_script_name_are_empty() -> None:
    environ = {"REQUEST_METHOD": "GET"}
    body = Prefix(halves, "/shop")(environ, lambda status, headers, exc_info=None, /: lambda chunk: None)
    assert list(body) == [b"/shop|"]
    assert environ == {"REQUEST_METHOD": "GET"}


site = flask.Flask("prefixed")
site.secret_key = "of no importance"
site.config["SESSION_COOKIE_PATH"] = None


@site.route("/login")
def login() -> Any:
    flask.session["user"] = "ada"
    return flask.redirect(flask.url_for("home"))


@site.route("/home/")
def home() -> str:
    return f"{flask.session.get('user')} at {flask.url_for('home')}"


@pytest.mark.parametrize("strip", [True, False])
def test_redirects_links_and_cookies_of_an_app_work_behind_either_proxy(strip: bool) -> None:
    app = Prefix(site, "/shop")

    def ask(public: str, cookie: str = "") -> Any:
        path = public.removeprefix("/shop") if strip else public
        return call(lint(app), path=path, headers={"Cookie": cookie} if cookie else {})

    answer = ask("/shop/login")
    assert (answer.status, answer.header("Location")) == (302, "/shop/home/")
    cookie = answer.all("Set-Cookie")[0]
    assert cookie.endswith("Path=/")
    assert ask("/shop/home/", cookie.partition(";")[0]).text == "ada at /shop/home/"
    assert ask("/shop/home").header("Location") == "http://localhost/shop/home/"


@pytest.mark.parametrize("name", list(awkward_apps))
def test_awkward_apps_come_through_whole(name: str) -> None:
    awkward = expectations[name]
    app = lint(Prefix(lint(awkward.app, allow=awkward.breaks), "/p"), allow=awkward.breaks)
    if awkward.raises:
        with pytest.raises(Exception, match=r"."):
            call(app, awkward.method, f"/p{awkward.path}", body=awkward.request_body)
    else:
        result = call(app, awkward.method, f"/p{awkward.path}", body=awkward.request_body)
        assert (result.status, result.body) == (awkward.status, awkward.body)


@pytest.mark.parametrize(
    ("prefix", "error", "said"),
    [
        ("shop", ValueError, "Prefix: prefix='shop' .* did you mean '/shop'"),
        ("/a//b", ValueError, "empty segment"),
        (None, TypeError, "Prefix: prefix=None"),
    ],
)
def test_a_wrong_prefix_is_named(prefix: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Prefix(halves, prefix)
