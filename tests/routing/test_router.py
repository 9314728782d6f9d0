"""Router: matching, answers, URLs, changes while serving."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from werkzeug.routing import BaseConverter, ValidationError

from wsgikit.core.condition import Condition
from wsgikit.core.tree import draw
from wsgikit.routing import Match, MethodNotAllowed, NotFound, Redirected, Route, Router
from wsgikit.testing import build_environ, call, lint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


class Says:
    """An app that says its name, and keeps the environ it saw."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.environ: WSGIEnvironment = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.environ = environ
        body = self.name.encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Says) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


a, b, c = Says("a"), Says("b"), Says("c")


def plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An app that is pickled by its name."""
    raise AssertionError("only matched")


class Beta(Condition):
    """Holds where the client asks for it."""

    def __call__(self, environ: WSGIEnvironment) -> bool:
        return "HTTP_X_BETA" in environ


def taker(router: Router, path: str, method: str = "GET", **more: Any) -> str:
    """The name of the app that takes a request."""
    return router.match(path, method, **more).route.app.name  # type: ignore[attr-defined,no-any-return]


# Matching


@pytest.mark.parametrize(
    ("rule", "path", "args"),
    [
        ("/", "/", {}),
        ("/users/<name>", "/users/ann", {"name": "ann"}),
        ("/users/<int:id>", "/users/007", {"id": 7}),
        ("/<int(signed=True):n>", "/-3", {"n": -3}),
        ("/<float:x>", "/1.5", {"x": 1.5}),
        ("/<path:rest>", "/a/b/c", {"rest": "a/b/c"}),
        ("/<path:a>/raw/<path:b>", "/x/raw/y/raw/z", {"a": "x", "b": "y/raw/z"}),
        ("/<any(en, de):lang>", "/de", {"lang": "de"}),
        (
            "/<uuid:u>",
            "/8b0bd5cc-1f63-4c5e-9d0c-27a4f6a2e111",
            {"u": UUID("8b0bd5cc-1f63-4c5e-9d0c-27a4f6a2e111")},
        ),
        ("/<string(length=2):s>", "/ab", {"s": "ab"}),
        ("/v<int:major>.<int:minor>", "/v3.11", {"major": 3, "minor": 11}),
        ("/a b/é", "/a b/é", {}),
    ],
)
def test_rules_are_werkzeugs(rule: str, path: str, args: dict[str, Any]) -> None:
    route = Route(rule, a)
    assert Router([route]).match(path) == Match(route, args)


@pytest.mark.parametrize("path", ["", "/", "/x", "/a/b/c", "a", "//", "/\x00", "/é", "/" * 1000])
def test_what_no_rule_matches_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        Router([Route("/a/b", a), Route("/<int:n>/b", a)]).match(path)
    with pytest.raises(NotFound):
        Router([]).match(path)


def test_plain_text_wins_over_variables_whatever_the_order() -> None:
    router = Router([Route("/<path:p>", a), Route("/<name>", b), Route("/me", c), Route("/<int:n>", a)])
    assert [taker(router, path) for path in ("/me", "/you", "/7", "/x/y")] == ["c", "b", "a", "a"]


def test_of_equal_rules_the_first_wins() -> None:
    assert taker(Router([Route("/<x>", a), Route("/<y>", b)]), "/1") == "a"


def test_a_rejected_value_lets_the_next_rule_try() -> None:
    router = Router([Route("/<int(max=10):n>", a), Route("/<word>", b)])
    assert taker(router, "/7") == "a"
    assert router.match("/70") == Match(router.routes[1], {"word": "70"})


def test_a_number_too_long_for_int_lets_the_next_rule_try() -> None:
    assert taker(Router([Route("/<int:n>", a), Route("/<word>", b)]), "/" + "9" * 5000) == "b"


def test_a_converter_that_fails_for_another_reason_is_heard() -> None:
    class Broken(BaseConverter):
        def to_python(self, value: str) -> Any:
            raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        Router([Route("/<broken:x>", a)], converters={"broken": Broken}).match("/x")


def test_each_match_has_values_of_its_own() -> None:
    router = Router([Route("/x", a, defaults={"page": 1}), Route("/y/<z>", a, defaults={"page": 1})])
    for path in ("/x", "/y/1"):
        router.match(path).args["page"] = 2
        assert router.match(path).args["page"] == 1


@pytest.mark.parametrize("path", ["users/7", "//users/7", "///users/7"])
def test_slashes_in_front_count_as_one(path: str) -> None:
    assert Router([Route("/users/<int:id>", a)]).match(path).args == {"id": 7}


def test_the_deepest_rule_is_matched() -> None:
    text = "".join(f"/s{n}/<v{n}>" for n in range(100))
    router = Router([Route(text, a)])
    path = "".join(f"/s{n}/{n}" for n in range(100))
    assert router.match(path).args == {f"v{n}": str(n) for n in range(100)}


def test_many_rules_with_one_beginning_are_told_apart() -> None:
    router = Router([Route(f"/x/<a>/w{n}/<b>/end", Says(f"{n}")) for n in range(50)])
    assert [taker(router, f"/x/1/w{n}/2/end") for n in range(50)] == [f"{n}" for n in range(50)]


def test_values_found_before_a_branch_are_kept() -> None:
    router = Router([Route(f"/v<int:major>/<x>/w{n}/<y>", a) for n in range(9)])
    assert router.match("/v3/q/w8/r").args == {"major": 3, "x": "q", "y": "r"}


# Methods


def test_a_method_that_no_rule_lists_is_not_allowed() -> None:
    router = Router([Route("/x", a, methods=["GET"]), Route("/<y>", b, methods=["POST"])])
    with pytest.raises(MethodNotAllowed) as raised:
        router.match("/x", "PUT")
    assert raised.value.allow == ("GET", "HEAD", "POST")
    assert taker(router, "/x", "POST") == "b"
    assert taker(router, "/x", "HEAD") == "a"


def test_a_route_without_methods_takes_every_method() -> None:
    router = Router([Route("/x", a, methods=["GET"]), Route("/x", b)])
    assert [taker(router, "/x", method) for method in ("GET", "OPTIONS", "BREW")] == ["a", "b", "b"]


def test_a_rule_that_rejects_the_value_allows_no_method() -> None:
    with pytest.raises(NotFound):
        Router([Route("/<int(max=10):n>", a, methods=["POST"])]).match("/11")


# Slashes


def test_a_rule_with_a_slash_redirects_there() -> None:
    router = Router([Route("/a b/<x>/", a)])
    with pytest.raises(Redirected) as raised:
        router.match("/a b/é?", environ=build_environ("GET", "/", query="p=1&q=%20"))
    assert raised.value.location == "/a%20b/%C3%A9%3F/?p=1&q=%20"


def test_without_strict_slashes_both_spellings_match() -> None:
    router = Router([Route("/a/", a), Route("/b", b), Route("/p/<path:p>/", c)], strict_slashes=False)
    assert [taker(router, path) for path in ("/a", "/a/", "/b", "/b/", "/p/x/y", "/p/x/y/")] == [
        "a",
        "a",
        "b",
        "b",
        "c",
        "c",
    ]


def test_doubled_slashes_are_redirected_away() -> None:
    with pytest.raises(Redirected) as raised:
        Router([Route("/a/<b>/", a)]).match("/a//x")
    assert raised.value.location == "/a/x/"
    with pytest.raises(NotFound):
        Router([Route("/a/<b>/", a)], merge_slashes=False).match("/a//x")


def test_no_redirect_leads_to_what_would_not_match() -> None:
    with pytest.raises(NotFound):
        Router([Route("/<int(max=10):n>/", a)]).match("/20")
    with pytest.raises(NotFound):
        Router([Route("/x/", a, when=Beta())]).match("/x", environ=build_environ())


# Hosts


HOSTS = Router(
    [
        Route("/", a),
        Route("/", b, host="<team>.example.com"),
        Route("/", c, host="www.example.com"),
        Route("/admin", c, host="www.example.com:8080"),
        Route("/", c, host="[::1]"),
    ]
)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("www.example.com", "c"),
        ("WWW.Example.COM.:8080", "c"),
        ("red.example.com:81", "b"),
        ("example.com", "a"),
        ("[0::1]:80", "c"),
        ("", "a"),
        ("evil/.example.com", "a"),
        (".example.com", "a"),
    ],
)
def test_a_named_host_wins_over_a_pattern_and_that_over_none(host: str, name: str) -> None:
    assert taker(HOSTS, "/", host=host) == name


def test_host_patterns_are_tried_by_weight() -> None:
    hosts = ["<x>.example", "<int:x>.example", "v<x>.example"]
    router = Router([Route("/", Says(host), host=host) for host in hosts])
    assert [taker(router, "/", host=f"{name}.example") for name in ("a", "12", "v1")] == hosts


def test_values_of_the_host_come_with_those_of_the_path() -> None:
    router = Router([Route("/<int:id>", a, host="<team>.example.com")])
    assert router.match("/7", host="Red.example.com").args == {"team": "red", "id": 7}
    with pytest.raises(NotFound):
        router.match("/7")


def test_a_host_with_a_port_is_for_that_port() -> None:
    assert taker(HOSTS, "/admin", host="www.example.com:8080") == "c"
    with pytest.raises(NotFound):
        HOSTS.match("/admin", host="www.example.com")


def test_rules_of_one_host_fall_through_to_those_of_every_host() -> None:
    router = Router([Route("/x", a, host="h"), Route("/y", b)])
    assert taker(router, "/y", host="h") == "b"


def test_spellings_of_one_host_are_one_host() -> None:
    router = Router([Route("/x", a, host="Example.com"), Route("/y", b, host="example.com.")])
    assert [taker(router, path, host="EXAMPLE.com") for path in ("/x", "/y")] == ["a", "b"]


# Canonical spellings


def test_a_value_that_is_the_default_has_one_url() -> None:
    router = Router(
        [Route("/all/", a, name="all", defaults={"page": 1}), Route("/all/page/<int:page>", a, name="all")]
    )
    assert router.match("/all/").args == {"page": 1}
    assert router.match("/all/page/2").args == {"page": 2}
    with pytest.raises(Redirected) as raised:
        router.match("/all/page/1")
    assert raised.value.location == "/all/"


def test_of_two_canonical_spellings_the_first_stays() -> None:
    router = Router(
        [
            Route("/a/", a, name="all", defaults={"page": 1}),
            Route("/b/", a, name="all", defaults={"page": 1}),
            Route("/b/", a, name="all", defaults={"page": 1}),
        ]
    )
    assert router.match("/a/").args == {"page": 1}
    with pytest.raises(Redirected) as raised:
        router.match("/b/")
    assert raised.value.location == "/a/"


def test_one_rule_with_two_converters_is_no_redirect_to_itself() -> None:
    rules = ["/<int(max=5):n>", "/<int:n>"]
    router = Router([Route(rule, a, name="x", defaults={"page": 1}) for rule in rules])
    assert router.match("/7") == Match(router.routes[1], {"n": 7, "page": 1})


def test_a_canonical_spelling_that_cannot_be_written_is_no_redirect() -> None:
    router = Router(
        [
            Route("/all/<any(a, b):x>", a, name="all", defaults={"page": 1}),
            Route("/all/<x>/<int:page>", a, name="all"),
        ]
    )
    assert router.match("/all/c/1").args == {"x": "c", "page": 1}
    with pytest.raises(Redirected):
        router.match("/all/a/1")


def test_a_redirect_is_absolute_only_where_the_host_changes() -> None:
    router = Router(
        [
            Route("/", a, name="home", host="www.example.com", defaults={"team": "www"}),
            Route("/", a, name="home", host="<team>.example.com"),
            Route("/<team>", a, name="home", host="example.com"),
        ]
    )
    with pytest.raises(Redirected) as raised:
        router.match(
            "/www", host="example.com:8080", environ=build_environ(environ={"wsgi.url_scheme": "https"})
        )
    assert raised.value.location == "https://www.example.com:8080/"
    with pytest.raises(Redirected) as raised:
        router.match("/www", host="example.com")
    assert raised.value.location == "http://www.example.com/"


def test_a_canonical_spelling_that_does_not_take_the_request_is_no_redirect() -> None:
    router = Router(
        [
            Route("/all/", a, name="all", defaults={"page": 1}, methods=["POST"]),
            Route("/beta/", a, name="all", defaults={"page": 1}, when=Beta()),
            Route("/all/page/<int:page>", a, name="all"),
        ]
    )
    assert router.match("/all/page/1").args == {"page": 1}
    with pytest.raises(Redirected):
        router.match("/all/page/1", "POST")


# Conditions


def test_a_condition_is_asked_last() -> None:
    asked = []

    def when(environ: WSGIEnvironment) -> bool:
        asked.append(environ["PATH_INFO"])
        return False

    router = Router([Route("/<int(max=10):n>", a, methods=["GET"], when=when), Route("/<x>", b)])
    for path, method in (("/x", "GET"), ("/20", "GET"), ("/7", "PUT"), ("/7", "GET")):
        assert taker(router, path, method, environ=build_environ(method, path)) == "b"
    assert asked == ["/7"]


def test_a_route_with_a_condition_needs_environ() -> None:
    router = Router([Route("/x", a, when=Beta()), Route("/x", b)])
    beta = build_environ(headers={"X-Beta": "1"})
    assert [
        taker(router, "/x"),
        taker(router, "/x", environ=build_environ()),
        taker(router, "/x", environ=beta),
    ] == ["b", "b", "a"]


def test_a_condition_that_does_not_hold_allows_no_method() -> None:
    router = Router([Route("/x", a, methods=["POST"], when=Beta())])
    with pytest.raises(NotFound):
        router.match("/x", environ=build_environ())
    with pytest.raises(MethodNotAllowed):
        router.match("/x", environ=build_environ(headers={"X-Beta": "1"}))


# Answers


ANSWERS = Router(
    [
        Route("/users/<int:id>", a, methods=["GET"]),
        Route("/users/<int:id>", b, methods=["DELETE"]),
        Route("/whole/<path:rest>", c),
        Route("/dir/", a),
        Route("/own", a, methods=["GET", "OPTIONS"]),
    ]
)


def test_the_app_sees_a_copy_of_environ_with_the_values_in_it() -> None:
    environ = build_environ("GET", "/users/7", environ={"SCRIPT_NAME": "/m"})
    before = dict(environ)
    b"".join(ANSWERS(environ, lambda *_: lambda _: None))
    assert environ == before
    assert a.environ["wsgiorg.routing_args"] == ((), {"id": 7})
    assert a.environ["wsgikit.route"] == Match(ANSWERS.routes[0], {"id": 7})
    assert (a.environ["SCRIPT_NAME"], a.environ["PATH_INFO"]) == ("/m", "/users/7")
    assert a.environ.keys() - before.keys() == {"wsgiorg.routing_args", "wsgikit.route"}


def test_the_body_is_the_apps_own() -> None:
    body = [b"x"]
    router = Router(
        [Route("/", lambda environ, start_response: body)], default=lambda environ, start_response: body
    )
    for path in ("/", "/none"):
        assert router(build_environ("GET", path), lambda *_: lambda _: None) is body


def test_head_goes_where_get_goes() -> None:
    answer = call(lint(ANSWERS), "HEAD", "/users/7")
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "1")


def test_404_is_a_finished_answer() -> None:
    answer = call(lint(ANSWERS), path="/none")
    assert (answer.status, answer.text) == (404, "404 Not Found\nNothing is served at this address.\n")
    assert call(lint(ANSWERS), path="/none", headers={"Accept": "application/json"}).json()["status"] == 404


def test_405_says_what_is_allowed() -> None:
    answer = call(lint(ANSWERS), "POST", "/users/7", body=b"x")
    assert (answer.status, answer.header("Allow")) == (405, "DELETE, GET, HEAD, OPTIONS")


def test_options_is_answered_where_methods_are_listed() -> None:
    answer = call(lint(ANSWERS), "OPTIONS", "/users/7")
    assert (answer.status, answer.header("Allow"), answer.body) == (204, "DELETE, GET, HEAD, OPTIONS", b"")
    assert call(lint(ANSWERS), "OPTIONS", "/own").text == "a"
    assert call(lint(ANSWERS), "OPTIONS", "/whole/x").text == "c"
    assert call(lint(ANSWERS), "OPTIONS", "/none").status == 404


@pytest.mark.parametrize(
    ("mount", "path", "location"),
    [
        ("", "/dir?p=1", "/dir/?p=1"),
        ("/m", "/dir?p=1", "/m/dir/?p=1"),
        ("/caf\xc3\xa9", "/dir", "/caf%C3%A9/dir/"),
        ("//evil.org", "/dir", "/evil.org/dir/"),
        ("", "//dir", "/dir/"),
        ("/", "/dir", "/dir/"),
    ],
)
def test_a_redirect_begins_at_the_root_of_the_site(mount: str, path: str, location: str) -> None:
    answer = call(ANSWERS, path=path, environ={"SCRIPT_NAME": mount})
    assert (answer.status, answer.header("Location")) == (308, location)


def test_a_redirect_to_another_host_has_the_mount_in_it() -> None:
    router = Router(
        [
            Route("/", a, name="home", host="www.example.com", defaults={"team": "www"}),
            Route("/<team>", a, name="home", host="example.com"),
        ]
    )
    answer = call(
        lint(router), path="/www?q=1", headers={"Host": "example.com"}, environ={"SCRIPT_NAME": "/m"}
    )
    assert answer.header("Location") == "http://www.example.com/m/?q=1"


@pytest.mark.parametrize("query", ["a=\r\nX: 1", "\xc3\xa9 <\"'>", "%0d%0a"])
def test_a_hostile_query_does_not_leave_its_place(query: str) -> None:
    location = call(ANSWERS, path="/dir", environ={"QUERY_STRING": query}).header("Location")
    assert location is not None
    assert location.isascii()
    assert not set(' \r\n<>"') & set(location)


def test_a_path_that_is_no_utf8_is_not_redirected() -> None:
    router = Router([Route("/<x>/", a)])
    assert call(lint(router), path="/caf%C3%A9").status == 308
    assert call(lint(router), path="/caf%E9").status == 404


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"SCRIPT_NAME": "", "PATH_INFO": ""}, 200),
        ({"SCRIPT_NAME": "/", "PATH_INFO": ""}, 200),
        ({"SCRIPT_NAME": "/m", "PATH_INFO": ""}, 308),
    ],
)
def test_an_empty_path_is_the_root_of_the_site_or_lacks_a_slash(environ: dict[str, str], status: int) -> None:
    answer = call(Router([Route("/", a)]), environ=environ)
    assert answer.status == status
    assert answer.header("Location") == ("/m/" if status == 308 else None)


def test_environ_without_path_info_and_script_name_is_answered() -> None:
    environ = build_environ()
    del environ["PATH_INFO"], environ["SCRIPT_NAME"]
    assert list(Router([Route("/", a)])(environ, lambda *_: lambda _: None)) == [b"a"]


def test_a_path_that_the_server_has_decoded_already_is_taken_as_it_is() -> None:
    assert call(Router([Route("/€", a)]), environ={"PATH_INFO": "/€"}).text == "a"


# Default


def test_default_takes_what_no_rule_matches_and_nothing_else() -> None:
    router = Router([Route("/dir/", a, methods=["GET"])], default=b)
    assert call(lint(router), path="/none").text == "b"
    assert call(lint(router), "POST", "/dir/").status == 405
    assert call(lint(router), "OPTIONS", "/dir/").status == 204
    assert call(lint(router), path="/dir").status == 308
    with pytest.raises(NotFound):
        router.match("/none")


# URLs


URLS = Router(
    [
        Route("/users/<int:id>", a, name="user"),
        Route("/files/<path:p>/", a, name="file"),
        Route("/all/", a, name="all", defaults={"page": 1}),
        Route("/all/<int:page>", a, name="all"),
        Route("/<x>", a, name="team", host="<team>.example.com"),
        Route("/any/<any(a, b):x>", a, name="any"),
    ]
)


@pytest.mark.parametrize(
    ("name", "values", "url"),
    [
        ("user", {"id": 7}, "/users/7"),
        ("user", {"id": 7, "q": "a b&c", "tag": ["x", "y"], "no": None}, "/users/7?q=a+b%26c&tag=x&tag=y"),
        ("file", {"p": "é/100%"}, "/files/%C3%A9/100%25/"),
        ("all", {}, "/all/"),
        ("all", {"page": 1}, "/all/"),
        ("all", {"page": 2}, "/all/2"),
        ("team", {"x": "y", "team": "red"}, "//red.example.com/y"),
    ],
)
def test_urls_are_built_from_names(name: str, values: dict[str, Any], url: str) -> None:
    assert URLS.url_for(name, **values) == url


def test_a_url_never_begins_with_two_slashes_but_for_a_host() -> None:
    router = Router([Route("/<path:p>", a, name="p")])
    assert router.url_for("p", p="/evil.org") == "/evil.org"


def test_a_url_that_answers_get_goes_before_others() -> None:
    router = Router([Route("/new", a, name="x", methods=["POST"]), Route("/x", a, name="x", methods=["GET"])])
    assert router.url_for("x") == "/x"


def test_a_value_may_be_called_name() -> None:
    assert Router([Route("/<name>", a, name="x")]).url_for("x", name="y") == "/y"


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("usr", {"id": 7}, "Router: no route is named 'usr'; did you mean 'user'?"),
        ("user", {}, "Router: url_for('user'): a value for id is wanted"),
    ],
)
def test_a_url_that_cannot_be_built_is_explained(name: str, values: dict[str, Any], text: str) -> None:
    with pytest.raises(LookupError) as raised:
        URLS.url_for(name, **values)
    assert raised.value.args == (text,)


def test_what_a_converter_cannot_write_is_heard() -> None:
    with pytest.raises(ValueError, match="'c' is not one of 'a', 'b'"):
        URLS.url_for("any", x="c")


# Wrong options


class Upper(BaseConverter):
    """Words in capitals; no other word is one."""

    def to_python(self, value: str) -> str:
        if not value.isupper():
            raise ValidationError(value)
        return value


@pytest.mark.parametrize(
    ("routes", "options", "error", "text"),
    [
        (["/x"], {}, TypeError, "Router: routes='/x' (str) will not do: each of them is a Route"),
        ([], {"default": "x"}, TypeError, "Router: default='x'"),
        (3, {}, TypeError, "Router: routes=3 (int) will not do: a list of routes"),
        (Route("/", a), {}, TypeError, "Router: routes=Route("),
        ([], {"converters": [1]}, TypeError, "Router: converters=[1] (list) will not do: a dict"),
        ([], {"strict_slashes": "no"}, TypeError, "strict_slashes='no' (str) will not do: True or False"),
        ([], {"merge_slashes": 0}, TypeError, "Router: merge_slashes=0 (int) will not do: True or False"),
        ([], {"converters": {"x": str}}, TypeError, "'x' is a subclass of werkzeug.routing.BaseConverter"),
        ([Route("/<imt:x>", a)], {}, ValueError, "has the converter 'imt'"),
        ([Route("/<imt:x>", a)], {}, ValueError, "did you mean 'int'?"),
        ([Route("/<int(mox=3):x>", a)], {}, ValueError, "<x>: int does not take that"),
        ([Route("//x", a)], {"merge_slashes": False}, ValueError, "slashes in front of a path count as one"),
        ([Route("/<x>", a, host="<x>.org")], {}, ValueError, "use one name for two variables"),
        ([Route("/", a, host="not a host")], {}, ValueError, "no request is for the host 'not a host'"),
        ([], {"strict_slash": False}, TypeError, "did you mean 'strict_slashes'?"),
    ],
)
def test_a_wrong_option_is_named(
    routes: Any, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as raised:
        Router(routes, **options)
    assert text in str(raised.value)


def test_an_expression_that_cannot_be_compiled_is_named() -> None:
    class Bad(BaseConverter):
        regex = "(["

    with pytest.raises(
        ValueError, match="the rule '/<bad:x>' will not do: its converters make no regular expression"
    ):
        Router([Route("/<bad:x>", a)], converters={"bad": Bad})


# Live changes


def test_routes_are_added_and_removed_while_serving() -> None:
    first, second = Route("/a", a, name="a"), Route("/b", b, name="b")
    router = Router([first])
    router.add(second)
    assert router.routes == (first, second)
    assert (taker(router, "/b"), router.url_for("b")) == ("b", "/b")
    router.remove("a", second)
    assert router.routes == ()
    with pytest.raises(NotFound):
        router.match("/a")


def test_a_change_that_fails_changes_nothing() -> None:
    router = Router([Route("/a", a, name="a")])
    with pytest.raises(ValueError, match="imt"):
        router.add(Route("/b", b), Route("/<imt:x>", b))
    with pytest.raises(LookupError, match="there is no route 'b' to remove"):
        router.remove("a", "b")
    assert [route.rule for route in router.routes] == ["/a"]
    assert taker(router, "/a") == "a"


def test_changes_from_many_threads_are_all_kept() -> None:
    router = Router([])
    together = threading.Barrier(4)

    def add(thread: int) -> None:
        together.wait()
        for number in range(10):
            router.add(Route(f"/{thread}/{number}", a))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {route.rule for route in router.routes} == {f"/{t}/{n}" for t in range(4) for n in range(10)}
    assert all(taker(router, route.rule) == "a" for route in router.routes)


# The tree, copies, what was compiled


def test_children_are_rules_and_apps_in_order_of_evaluation() -> None:
    router = Router([Route("/<x>", a), Route("/me", b), Route("/", c)], default=a)
    assert router.children() == [("/me", b), ("/", c), ("/<x>", a), ("default", a)]
    assert draw(router).splitlines()[1].startswith("├─ /me → ")


def test_options_are_what_was_passed_and_the_routes_of_now() -> None:
    router = Router([Route("/a", a)], strict_slashes=False, converters={"up": Upper})
    router.add(Route("/<up:b>", b))
    assert router.options() == {
        "routes": [Route("/a", a), Route("/<up:b>", b)],
        "strict_slashes": False,
        "converters": {"up": Upper},
    }


@pytest.mark.parametrize("again", [copy.deepcopy, lambda router: pickle.loads(pickle.dumps(router))])
def test_a_copy_matches_as_the_original_does_now(again: Any) -> None:
    router = Router([Route("/a/<int:n>", plain)], default=plain)
    router.add(Route("/b", plain))
    copied = again(router)
    assert copied == router
    assert copied.match("/a/1") == Match(copied.routes[0], {"n": 1})
    assert copied.match("/b") == Match(copied.routes[1], {})


def test_a_converter_of_ones_own_reads_and_writes() -> None:
    router = Router([Route("/<up:word>", a, name="x"), Route("/<word>", b)], converters={"up": Upper})
    assert [taker(router, "/AB"), taker(router, "/ab")] == ["a", "b"]
    assert router.url_for("x", word="AB") == "/AB"


def test_explain_shows_the_order_and_the_code() -> None:
    router = Router(
        [Route("/users/<int:id>", a, methods=["GET"]), Route("/me", b), Route("/x\n/<y>", c, when=Beta())]
    )
    text = router.explain()
    assert text.splitlines()[:4] == [
        "# 3 routes, in the order in which a request tries them",
        "#   GET,HEAD /users/<int:id>",
        "#   * /me",
        "#   * /x\\n/<y> when Beta()",
    ]
    assert "exact['/me'] = <b>" in text
    code = text[text.index("def walk(") :]
    assert "if method in methods_" in code
    compile(code, "explained", "exec")


def test_the_rule_is_noted_for_layers_outside_that_asked() -> None:
    router = Router([Route("/items/<int:id>", Says("item"))])
    notes: dict[str, Any] = {}
    call(router, path="/items/7", environ={"wsgikit.notes": notes})
    assert notes == {"route": "/items/<int:id>"}
