"""Mount: which app a request gets, and what that app then sees."""

from __future__ import annotations

import copy
import pickle
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.request import HTTPCookieProcessor, build_opener

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client

from tests.mounting.served import serving
from wsgikit.core.tree import draw
from wsgikit.mounting.mount import Mount
from wsgikit.testing import awkward_apps, call, expectations, lint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Named:
    """An app that answers with its name and the two halves of the path; equal by name, so that it can be pickled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain; charset=latin-1")])
        return ["|".join((self.name, environ["SCRIPT_NAME"], environ["PATH_INFO"])).encode("latin-1")]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Named({self.name!r})"


def mount_of(*keys: str, **options: Any) -> Mount:
    return Mount({key: Named(key) for key in keys}, **options)


def answer(app: WSGIApplication, path: str, host: str = "localhost", **environ: Any) -> str:
    """The app's answer, or its status where it is not 200."""
    result = call(lint(app), path=path, headers={"Host": host}, environ=environ)
    return result.body.decode("latin-1") if result.status == 200 else str(result.status)


# ---- paths


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/||/"),
        ("/other", "/||/other"),
        ("/blog", "/blog|/blog|"),
        ("/blog/", "/blog|/blog|/"),
        ("/blog/post/5", "/blog|/blog|/post/5"),
        ("/blog/admin", "/blog/admin|/blog/admin|"),
        ("/blog/admin/x", "/blog/admin|/blog/admin|/x"),
        ("/blog/administrator", "/blog|/blog|/administrator"),
        ("/blogger", "/||/blogger"),
        ("/Blog", "/||/Blog"),
        ("/t", "/t/|/t|"),
        ("/t/", "/t/|/t|/"),
        ("/t/x", "/t/|/t|/x"),
        ("/deep/er/still/x", "/deep/er/still|/deep/er/still|/x"),
        ("/deep/er/x", "/||/deep/er/x"),
        ("/blog//post", "/blog|/blog|//post"),
        ("//blog", "/||//blog"),
        ("/caf%C3%A9/x", "/café|/caf\xc3\xa9|/x"),
        ("/blog%2Fpost", "/blog|/blog|/post"),
        ("/blog/%E9", "/blog|/blog|/\xe9"),
        ("/blog/a/../b", "/blog|/blog|/a/../b"),
    ],
)
def test_the_longest_mount_on_a_segment_boundary_gets_the_request(path: str, expected: str) -> None:
    mount = mount_of("/", "/blog", "/blog/admin", "/t/", "/deep/er/still", "/café")
    assert answer(mount, path) == expected


segments = st.sampled_from(["a", "b", "ab", ""])
paths = st.lists(segments, max_size=6).map(lambda parts: "".join(f"/{part}" for part in parts))


@given(st.lists(st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3), unique_by=tuple), paths)
def test_the_walk_finds_what_comparing_with_every_mount_finds(keys: list[list[str]], path: str) -> None:
    prefixes = ["".join(f"/{part}" for part in key) for key in keys]
    under = [prefix for prefix in prefixes if path == prefix or path.startswith(f"{prefix}/")]
    found = mount_of(*prefixes).find({"PATH_INFO": path})
    assert (found and found.path) == (max(under, key=len) if under else None)


@pytest.mark.parametrize("path", ["", "*", "blog", "http://localhost/blog"])
def test_a_path_without_a_slash_is_the_root_mounts(path: str) -> None:
    result = call(mount_of("/", "/blog"), environ={"PATH_INFO": path})
    assert result.text == f"/||{path}"


def test_missing_path_info_and_script_name_are_empty() -> None:
    environ = {"REQUEST_METHOD": "GET"}
    body = mount_of("/")(environ, lambda status, headers, exc_info=None, /: lambda chunk: None)
    assert list(body) == [b"/||"]
    assert environ == {"REQUEST_METHOD": "GET"}


def test_script_name_of_the_server_stays_in_front() -> None:
    assert answer(mount_of("/blog"), "/blog/x", SCRIPT_NAME="/outer") == "/blog|/outer/blog|/x"


def test_mounts_nest() -> None:
    mount = Mount({"/a": Mount({"/b": Named("inner")})})
    assert answer(mount, "/a/b/c") == "inner|/a/b|/c"
    assert answer(mount, "/a/b/../../c") == "400"


def test_the_callers_environ_is_left_alone() -> None:
    environ = call(mount_of("/blog"), path="/blog/x").environ
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", "/blog/x")


def test_a_path_of_60000_slashes_is_looked_at_no_further_than_mounts_reach() -> None:
    class Counting(str):
        """A path that counts how often it is searched for a slash."""

        searched = 0

        def find(self, *args: Any) -> int:
            Counting.searched += 1
            return super().find(*args)

    mount = mount_of("/a/b/c")
    assert mount.find({"PATH_INFO": Counting("/" * 60_000)}) is None
    assert mount.find({"PATH_INFO": Counting("/a/b" + "/c" * 60_000)}) is not None
    assert Counting.searched <= 4


# ---- nothing mounted there


def test_without_a_default_the_answer_is_404_and_lists_nothing() -> None:
    result = call(lint(mount_of("/secret", "//hidden.example")), path="/x")
    assert result.status == 404
    assert "secret" not in result.text
    assert "hidden" not in result.text


def test_default_takes_what_no_mount_takes_untouched() -> None:
    mount = mount_of("/blog", default=Named("default"))
    assert answer(mount, "/x") == "default||/x"
    assert answer(mount, "/") == "default||/"


# ---- hostile paths


@pytest.mark.parametrize(
    "path",
    [
        "/blog/../admin",
        "/blog/%2e%2e/admin",
        "/blog/..%5cadmin",
        "/blog/%252e%252e/x",
        "/blog/a/../..",
        "/../x",
        "/blog/%00",
    ],
)
@pytest.mark.parametrize("options", [{}, {"default": Named("default")}])
def test_a_hostile_path_is_answered_400(path: str, options: Any) -> None:
    assert answer(mount_of("/", "/blog", **options), path) == "400"


# ---- hosts


HOSTS = (
    "/",
    "/api",
    "//example.com",
    "//admin.example.com",
    "//admin.example.com/api",
    "//*.example.com",
    "//*.example.com:8080/api",
    "//*.deep.example.com/x",
    "https://secure.example",
    "//secure.example:8443/only",
    "//[::1]/six",
    "//Upper.Example/",
    "//port80.example:80",
    "//port443.example:443",
    "//elsewhere.example/here",
)


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("localhost", "/x", "/"),
        ("example.com", "/x", "//example.com"),
        ("EXAMPLE.com", "/x", "//example.com"),
        ("example.com.", "/x", "//example.com"),
        ("example.com:8080", "/x", "//example.com"),
        ("admin.example.com", "/x", "//admin.example.com"),
        ("admin.example.com", "/api/x", "//admin.example.com/api"),
        # an exact host beats a wildcard, even where the wildcard's path is longer
        ("admin.example.com:8080", "/api/x", "//admin.example.com/api"),
        ("a.example.com", "/api", "//*.example.com"),
        ("a.example.com:8080", "/api", "//*.example.com:8080/api"),
        ("a.example.com:8080", "/", "//*.example.com"),
        ("a.b.c.example.com", "/x", "//*.example.com"),
        ("a.deep.example.com", "/x", "//*.deep.example.com/x"),
        ("a.deep.example.com", "/y", "//*.example.com"),
        ("deep.example.com", "/x", "//*.example.com"),
        (".example.com", "/x", "/"),
        ("evilexample.com", "/x", "/"),
        ("example.com.evil", "/x", "/"),
        ("user@admin.example.com", "/x", "/"),
        ("[::1]", "/six", "//[::1]/six"),
        ("[0:0:0::1]:8000", "/six", "//[::1]/six"),
        ("[::2]", "/six", "/"),
        ("upper.example", "/x", "//Upper.Example/"),
        ("port80.example", "/", "//port80.example:80"),
        ("port80.example:80", "/", "//port80.example:80"),
        ("port80.example:8080", "/", "/"),
        ("port443.example", "/", "/"),
        ("port443.example:443", "/", "//port443.example:443"),
        # under a host that has no mount for the path, the keys without a host stand in
        ("elsewhere.example", "/here/x", "//elsewhere.example/here"),
        ("elsewhere.example", "/api/x", "/api"),
        ("secure.example", "/", "/"),
        ("a" * 5000 + ".example.com", "/x", "/"),
    ],
)
def test_the_host_decides_before_the_path(host: str, path: str, expected: str) -> None:
    assert answer(mount_of(*HOSTS), path, host).partition("|")[0] == expected


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("secure.example", "/x", "https://secure.example"),
        ("secure.example:8443", "/x", "https://secure.example"),
        ("secure.example:8443", "/only", "//secure.example:8443/only"),
        ("port443.example", "/", "//port443.example:443"),
        ("port80.example", "/", "/"),
    ],
)
def test_the_scheme_gives_the_default_port(host: str, path: str, expected: str) -> None:
    found = answer(mount_of(*HOSTS), path, host, **{"wsgi.url_scheme": "https"})
    assert found.partition("|")[0] == expected


def test_of_keys_for_one_host_and_path_the_more_exact_wins() -> None:
    mount = mount_of("//h.example", "//h.example:80", "http://h.example", "http://h.example:80")
    for key in ("http://h.example:80", "//h.example:80", "http://h.example", "//h.example"):
        assert answer(mount, "/", "h.example").partition("|")[0] == key
        del mount[key]


def test_a_longer_wildcard_goes_before_a_shorter_one_for_one_path() -> None:
    mount = mount_of("//*.example.com", "//*.b.example.com")
    assert answer(mount, "/", "a.b.example.com").partition("|")[0] == "//*.b.example.com"


def test_without_a_host_header_the_servers_name_and_port_count() -> None:
    mount = mount_of("//server.example:8080", "//[::1]:8081", "/")
    for name, port, expected in (
        ("server.example", "8080", "//server.example:8080"),
        ("server.example", "80", "/"),
        ("::1", "8081", "//[::1]:8081"),
    ):
        environ = call(mount, environ={"SERVER_NAME": name, "SERVER_PORT": port}).environ
        del environ["HTTP_HOST"]
        found = mount.find(environ)
        assert found is not None
        assert found.key == expected


def test_a_mount_under_a_host_moves_its_path_alone() -> None:
    assert answer(mount_of("//a.example/blog"), "/blog/x", "a.example") == "//a.example/blog|/blog|/x"


# ---- redirect_slash


@pytest.mark.parametrize(
    ("target", "location"),
    [("/blog", "/blog/"), ("/blog?a=1&b=%2F", "/blog/?a=1&b=%2F"), ("/caf%C3%A9", "/caf%C3%A9/")],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_redirect_slash_keeps_method_and_query(target: str, location: str, method: str) -> None:
    result = call(lint(mount_of("/", "/blog", "/café", redirect_slash=True)), method, target)
    assert (result.status, result.header("Location")) == (308, location)


def test_redirect_slash_leaves_everything_else_alone() -> None:
    mount = mount_of("/", "/blog", redirect_slash=True)
    assert answer(mount, "/blog/") == "/blog|/blog|/"
    assert answer(mount, "/blog/x") == "/blog|/blog|/x"
    assert answer(mount, "/") == "/||/"
    assert call(mount, path="").text == "/||"
    assert answer(mount_of("/blog"), "/blog") == "/blog|/blog|"


@pytest.mark.parametrize(
    ("script_name", "query", "location"),
    [
        ("/app", "", "/app/blog/"),
        ("//evil.example", "", "/evil.example/blog/"),
        ("", "a=\r\nSet-Cookie: b=1", "/blog/?a=%0D%0ASet-Cookie:%20b=1"),
        ("", "caf\xc3\xa9", "/blog/?caf%C3%A9"),
    ],
)
def test_a_redirect_leads_to_the_same_host_and_one_header(
    script_name: str, query: str, location: str
) -> None:
    environ = {"SCRIPT_NAME": script_name, "QUERY_STRING": query}
    result = call(mount_of("/blog", redirect_slash=True), path="/blog", environ=environ)
    assert result.all("Location") == [location]


# ---- cookies


def flask_site(name: str) -> flask.Flask:
    site = flask.Flask(name)
    site.secret_key = f"secret of {name}"

    @site.route("/login")
    def login() -> str:
        flask.session["user"] = name
        return "welcome"

    @site.route("/logout")
    def logout() -> str:
        flask.session.clear()
        return "bye"

    @site.route("/")
    def user() -> str:
        return str(flask.session.get("user"))

    return site


def test_two_flask_apps_keep_both_sessions() -> None:
    mount = Mount({"/a": flask_site("a"), "/b": flask_site("b")}, cookies="scoped")
    browser = Client(mount)
    assert browser.get("/a/login").text == browser.get("/b/login").text == "welcome"
    assert (browser.get("/a/").text, browser.get("/b/").text) == ("a", "b")
    browser.get("/a/logout")
    assert (browser.get("/a/").text, browser.get("/b/").text) == ("None", "b")


def test_an_app_at_the_root_and_one_below_keep_both_sessions() -> None:
    mount = Mount({"/": flask_site("root"), "/b": flask_site("b")}, cookies="scoped")
    # Not Werkzeug's client: this one sends the cookie with the longer path first, as browsers do.
    browser = build_opener(HTTPCookieProcessor())
    with serving(mount) as site:
        for path in ("/login", "/b/login"):
            browser.open(site + path).close()
        users = [browser.open(site + path).read() for path in ("/", "/b/")]
    assert users == [b"root", b"b"]


def test_shared_cookies_are_the_apps_own_business() -> None:
    """The defect that ``cookies="scoped"`` is there for; an app may also want it so."""
    browser = Client(Mount({"/a": flask_site("a"), "/b": flask_site("b")}))
    browser.get("/a/login")
    browser.get("/b/login")
    assert (browser.get("/a/").text, browser.get("/b/").text) == ("None", "b")


def test_scoped_cookies_are_narrowed_to_the_whole_mount_point() -> None:
    def setting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "__Host-b=2; Secure; Path=/")])
        return [environ.get("HTTP_COOKIE", "").encode()]

    mount = Mount({"/outer": Mount({"/inner": setting}, cookies="scoped"), "/": setting}, cookies="scoped")
    result = call(lint(mount), path="/outer/inner/x", headers={"Cookie": "a=inner; a=outer; c=3"})
    assert result.all("Set-Cookie") == ["a=1; Path=/outer/inner", "__Host-b=2; Secure; Path=/"]
    assert result.text == "a=inner; c=3"
    assert call(mount, path="/x").all("Set-Cookie") == ["a=1", "__Host-b=2; Secure; Path=/"]


# ---- while serving


def test_mounts_change_while_serving() -> None:
    mount = mount_of("/a")
    assert answer(mount, "/b/x") == "404"
    mount["/b/"] = Named("b")
    mount["//host.example"] = Named("host")
    assert answer(mount, "/b/x") == "b|/b|/x"
    assert answer(mount, "/b/x", "host.example") == "host||/b/x"
    mount["/b"] = Named("b again")
    assert answer(mount, "/b/x") == "b again|/b|/x"
    del mount["/b"]
    del mount["//HOST.example/"]
    assert answer(mount, "/b/x") == "404"
    assert answer(mount, "/a/x") == "/a|/a|/x"


def test_it_is_a_mapping_that_knows_every_spelling_of_a_key() -> None:
    mount = mount_of("/a", "/t/")
    assert mount["/t"] == mount["/t/"] == Named("/t/")
    assert "/t" in mount
    assert "/x" not in mount
    assert "nonsense" not in mount
    assert 7 not in mount
    assert list(mount) == ["/a", "/t/"]
    assert len(mount) == 2
    assert dict(mount) == mount.mounts == {"/a": Named("/a"), "/t/": Named("/t/")}
    assert mount.pop("/t") == Named("/t/")
    assert mount.get("/t") is None
    for key in ("/t", "nonsense"):
        with pytest.raises(KeyError, match=key):
            del mount[key]
        with pytest.raises(KeyError, match=key):
            mount[key]


def test_an_empty_mount_is_an_app_all_the_same() -> None:
    class Empty(dict[str, str]):
        __call__ = Named("empty")

    assert answer(Mount({}, default=Empty()), "/") == "empty||/"
    assert Mount({})
    assert answer(Mount({}), "/") == "404"


def test_a_mount_that_will_not_do_changes_nothing() -> None:
    mount = mount_of("/a")
    with pytest.raises(TypeError, match=r"Mount: mounts\['/b'\]=None"):
        mount["/b"] = None  # type: ignore[assignment]
    with pytest.raises(ValueError, match="did you mean '/b'"):
        mount["b"] = Named("b")
    assert list(mount) == ["/a"]


def test_changes_from_many_threads_all_take_hold() -> None:
    mount = Mount({})

    def add(first: int) -> None:
        for number in range(first, first + 25):
            mount[f"/{number}"] = Named(str(number))

    threads = [Thread(target=add, args=(first,)) for first in range(0, 100, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mount) == 100
    assert all(answer(mount, f"/{number}") == f"{number}|/{number}|" for number in range(100))


# ---- as a component


def test_options_repr_and_pickle_show_the_mounts_as_they_are_now() -> None:
    mount = mount_of("/a", cookies="scoped")
    mount["/b"] = Named("/b")
    assert repr(mount) == "Mount(mounts={'/a': Named('/a'), '/b': Named('/b')}, cookies='scoped')"
    for twin in (pickle.loads(pickle.dumps(mount)), copy.deepcopy(mount)):
        assert twin == mount
        assert answer(twin, "/b") == "/b|/b|"
        del twin["/b"]
        assert twin != mount


def test_children_come_in_the_order_in_which_requests_try_them() -> None:
    mount = mount_of("/", "/a", "/a/b", "//*.x.example", "//x.example/y", "//x.example", default=Named("d"))
    labels = [label for label, _ in mount.children()]
    assert labels == ["//x.example/y", "//x.example", "//*.x.example", "/a/b", "/a", "/", "default"]
    assert draw(mount).startswith("Mount(")


@pytest.mark.parametrize(
    ("mounts", "options", "error", "said"),
    [
        (["/a"], {}, TypeError, "Mount: mounts="),
        ({"/a": 1}, {}, TypeError, r"Mount: mounts\['/a'\]=1 \(int\)"),
        ({7: Named("a")}, {}, TypeError, "Mount: key=7"),
        ({"a": Named("a")}, {}, ValueError, "did you mean '/a'"),
        (
            {"/t": Named("a"), "/t/": Named("b")},
            {},
            ValueError,
            "mounts='/t/' will not do: it is the same mount as '/t'",
        ),
        ({"//h": Named("a"), "//H/": Named("b")}, {}, ValueError, "the same mount as '//h'"),
        ({}, {"default": 1}, TypeError, "Mount: default=1"),
        ({}, {"cookies": "scopd"}, ValueError, "Mount: cookies='scopd' .* did you mean 'scoped'"),
        ({}, {"redirect_slash": "yes"}, TypeError, "Mount: redirect_slash='yes'"),
        ({}, {"cookie": "scoped"}, TypeError, "did you mean 'cookies'"),
    ],
)
def test_a_wrong_option_is_named(mounts: Any, options: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Mount(mounts, **options)


# ---- transparency


@pytest.mark.parametrize("cookies", ["shared", "scoped"])
@pytest.mark.parametrize("name", list(awkward_apps))
def test_awkward_apps_come_through_whole(name: str, cookies: str) -> None:
    awkward = expectations[name]
    app = lint(Mount({"/m": lint(awkward.app, allow=awkward.breaks)}, cookies=cookies), allow=awkward.breaks)
    closed: list[str] = []

    def ask() -> Any:
        environ = {"wsgikit.testing.closed": closed}
        return call(app, awkward.method, f"/m{awkward.path}", body=awkward.request_body, environ=environ)

    if awkward.raises:
        with pytest.raises(Exception, match=r"."):
            ask()
    else:
        result = ask()
        assert (result.status, result.body) == (awkward.status, awkward.body)
    assert len(closed) == awkward.closes


def test_the_apps_own_iterable_is_given_back() -> None:
    body = [b"body"]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    for cookies in ("shared", "scoped"):
        mount = Mount({"/m": app}, cookies=cookies)
        assert mount({"PATH_INFO": "/m"}, lambda status, headers, exc_info=None, /: body.append) is body
