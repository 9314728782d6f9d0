"""Actions that change the request, the answer or the notes."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.routing.actions import (
    Action,
    RemoveHeader,
    ResponseHeader,
    Rewrite,
    SetEnviron,
    SetHeader,
    SkipLog,
    Tag,
)
from wsgikit.routing.conditions import Path, Query
from wsgikit.routing.responders import Respond, Send
from wsgikit.routing.rules import Rule, Rules
from wsgikit.routing.text import decoded
from wsgikit.testing import build_environ, call, lint

EVERY = [
    Rewrite("/x/{a}"),
    Rewrite(query="a={a}"),
    SetHeader("X-A", "{a}"),
    RemoveHeader("Cookie"),
    SetEnviron("shop.tenant", "{a}"),
    SetEnviron("shop.level", 3),
    ResponseHeader("X-A", "{a}", append=True, statuses=("4xx", 500)),
    ResponseHeader("Server", None),
    Tag("tenant", "{a}"),
    SkipLog(statuses=("2xx",)),
]
captures = st.binary(max_size=20).map(lambda raw: raw.decode("latin-1"))


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-App", "1"), ("X-App", "2")])
    return [b"app"]


def seen(path, *actions, when=None, **environ):
    """The environ that the app sees once the actions are done."""
    inner = {}

    def keep(environ, start_response):
        inner.update(environ)
        return app(environ, start_response)

    call(lint(Rules(lint(keep), [Rule(when, *actions)])), "GET", path, environ=environ)
    return inner


def answered(*actions, inner=app, path="/", when=None):
    return call(lint(Rules(lint(inner), [Rule(when, *actions)])), "GET", path)


@pytest.mark.parametrize("action", EVERY, ids=repr)
def test_reads_as_written_and_pickles(action):
    assert eval(repr(action)) == action
    assert pickle.loads(pickle.dumps(action)) == action


def test_an_action_of_ones_own_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Action does not say what it does"):
        seen("/", Action())


# Rewrite


def test_rewrite_changes_the_path_and_keeps_the_query():
    environ = seen("/old/a%20b?q=1", Rewrite("/new/{rest}"), when=Path(regex="^/old/(?P<rest>.*)"))
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/new/a b", "q=1")


def test_rewrite_changes_the_query_alone_or_takes_it_away():
    assert seen("/a?q=1", Rewrite(query="x={q}"), when=Query("q", regex="(?P<q>.*)"))["QUERY_STRING"] == "x=1"
    assert seen("/a?q=1", Rewrite(query=""))["QUERY_STRING"] == ""
    assert seen("/a?q=1", Rewrite(query="x=ü y"))["QUERY_STRING"] == "x=%C3%BC%20y"
    assert seen("/a?q=1", Rewrite(query="x"))["PATH_INFO"] == "/a"


def test_rewrite_lets_the_raw_targets_follow_and_the_mount_point_stay():
    environ = seen("/a?q=1", Rewrite("/ü b"), SCRIPT_NAME="/mnt")
    assert environ["SCRIPT_NAME"] == "/mnt"
    assert environ["PATH_INFO"] == "/\xc3\xbc b"
    assert environ["REQUEST_URI"] == environ["RAW_URI"] == "/mnt/%C3%BC%20b?q=1"


def test_rewrite_invents_no_raw_target():
    environ = {"PATH_INFO": "/", "wsgi.url_scheme": "http"}
    Rules(lambda inner, start: environ.update(seen=inner) or [], [Rule(None, Rewrite("/x"))])(
        environ, lambda *head: None
    )
    assert "REQUEST_URI" not in environ["seen"]


def test_rewritten_path_always_begins_with_a_slash():
    assert seen("/a/b", Rewrite("{rest}"), when=Path(regex="^/a/(?P<rest>.*)"))["PATH_INFO"] == "/b"


@pytest.mark.parametrize("path", ["/f/..", "/f/a/../b", "/f/%2e%2e/b", "/f/.", "/f/a%00b", "/f/..%5cb"])
def test_a_capture_that_would_climb_is_answered_400(path):
    answer = answered(Rewrite("/files/{x}"), path=path, when=Path(regex="^/f/(?P<x>.*)"))
    assert answer.status == 400
    assert "cannot be followed" in answer.text


@given(captures)
def test_a_rewritten_query_has_the_capture_as_one_value(raw):
    environ = build_environ(environ={"PATH_INFO": "/" + raw})
    inner = {}
    rule = Rule(Path(regex="^/(?P<x>.*)"), Rewrite("/env", query="a={x}&b=1"))
    Rules(lambda environ, start: inner.update(environ) or [], [rule])(environ, lambda *head: None)
    assert Query("a", decoded(raw))(inner)
    assert Query("b", "1")(inner)
    assert inner["QUERY_STRING"].count("&") == 1
    assert inner["QUERY_STRING"].isascii()


# SetHeader, RemoveHeader, SetEnviron


def test_set_header_replaces_what_the_client_sent():
    assert seen("/", SetHeader("X-Tenant", "a"), HTTP_X_TENANT="spoofed")["HTTP_X_TENANT"] == "a"
    assert seen("/", SetHeader("Content-Type", "text/plain"))["CONTENT_TYPE"] == "text/plain"


def test_set_header_encodes_what_is_no_printable_ascii():
    environ = seen("/a%0d%0aX:%20%C3%A9", SetHeader("X-Path", "é {x}"), when=Path(regex="^/(?P<x>.*)"))
    assert environ["HTTP_X_PATH"] == "\xc3\xa9 a%0D%0AX: %C3%A9"


def test_remove_header_takes_it_from_the_app():
    assert "HTTP_COOKIE" not in seen("/", RemoveHeader("cookie"), HTTP_COOKIE="a=b")
    assert "HTTP_COOKIE" not in seen("/", RemoveHeader("cookie"))


def test_the_request_of_the_layers_outside_is_not_changed():
    environ = build_environ(headers={"Cookie": "a=b"})
    before = dict(environ)
    actions = [RemoveHeader("Cookie"), SetHeader("X-A", "b"), SetEnviron("a", 1), Rewrite("/x", query="y")]
    Rules(app, [Rule(None, *actions)])(environ, lambda *head: None)
    assert environ == before


def test_set_environ_gives_text_to_keys_with_a_dot_and_the_latin1_view_to_variables():
    when = Path(regex="^/(?P<x>.*)")
    assert seen("/%C3%A9", SetEnviron("shop.x", "ü {x}"), when=when)["shop.x"] == "ü é"
    assert (
        seen("/%C3%A9%0a", SetEnviron("REMOTE_USER", "ü{x}"), when=when)["REMOTE_USER"]
        == "\xc3\xbc\xc3\xa9%0A"
    )


def test_set_environ_passes_what_is_no_text_as_it_is():
    value = ["a"]
    assert seen("/", SetEnviron("shop.list", value))["shop.list"] is value


# ResponseHeader


def test_response_header_replaces_appends_or_removes():
    assert answered(ResponseHeader("X-App", "3")).all("X-App") == ["3"]
    assert answered(ResponseHeader("X-App", "3", append=True)).all("X-App") == ["1", "2", "3"]
    assert answered(ResponseHeader("x-app", None)).all("X-App") == []
    assert answered(ResponseHeader("X-New", "a")).all("X-New") == ["a"]


def test_response_headers_are_put_on_in_order():
    assert answered(ResponseHeader("X-A", "1"), ResponseHeader("X-A", "2", append=True)).all("X-A") == [
        "1",
        "2",
    ]


def test_response_headers_are_put_on_whoever_answers():
    actions = [ResponseHeader("X-A", "1"), Respond(404, "none")]
    assert answered(*actions).header("X-A") == "1"
    assert answered(ResponseHeader("X-A", "1"), Send(app)).header("X-A") == "1"


@pytest.mark.parametrize(
    ("statuses", "code", "put"),
    [
        (None, 200, True),
        ((404,), 404, True),
        ((404,), 405, False),
        (("5xx", 404), 503, True),
        ("4XX", 499, True),
        (404, 404, True),
    ],
)
def test_response_header_waits_for_its_statuses(statuses, code, put):
    answer = answered(ResponseHeader("X-A", "1", statuses=statuses), Respond(code))
    assert (answer.header("X-A") == "1") is put


def test_a_head_that_is_replaced_is_edited_anew():
    def failing(environ, start_response):
        start_response("200 OK", [("X-Good", "1")])
        try:
            raise RuntimeError
        except RuntimeError as error:
            start_response("500 Oops", [("Content-Length", "0")], (RuntimeError, error, error.__traceback__))
        return []

    answer = answered(ResponseHeader("X-Err", "1", statuses=("5xx",)), inner=failing)
    assert (answer.status, answer.header("X-Err"), answer.header("X-Good")) == (500, "1", None)


@given(captures)
def test_a_response_header_is_one_line_whatever_was_captured(raw):
    rule = Rule(
        Path(regex="^/(?P<x>.*)"), ResponseHeader("X-P", "{x}"), ResponseHeader("X-Q", 'a="{x}"; b=1')
    )
    heads = []
    Rules(app, [rule])(build_environ(environ={"PATH_INFO": "/" + raw}), lambda *head: heads.append(head))
    headers = dict(heads[0][1])
    for value in (headers["X-P"], headers["X-Q"]):
        assert value.isascii()
        assert value.isprintable()
    assert headers["X-Q"].count('"') == 2


# Tag, SkipLog


def test_notes_are_shared_with_the_layers_outside():
    notes = {"upstream": "a"}
    environ = build_environ("GET", "/x", environ={"wsgikit.notes": notes})
    rule = Rule(
        Path(regex="^/(?P<x>.*)"), SetHeader("X-A", "b"), Tag("tenant", "{x}"), Tag("level", 3), SkipLog()
    )
    Rules(app, [rule])(environ, lambda *head: None)
    assert notes == {"upstream": "a", "tenant": "x", "level": 3, "skip_log": True}


def test_notes_are_made_once_where_no_layer_outside_has_any():
    environ = build_environ()
    inner = []

    def keep(environ, start_response):
        inner.append(environ["wsgikit.notes"])
        return app(environ, start_response)

    Rules(keep, [Rule(None, SetHeader("X-A", "b"), Tag("a", "1")), Rule(None, Tag("b", "2"))])(
        environ, lambda *head: None
    )
    assert environ["wsgikit.notes"] is inner[0]
    assert inner[0] == {"a": "1", "b": "2"}


@pytest.mark.parametrize(("code", "skipped"), [(200, True), (304, True), (404, False)])
def test_notes_can_wait_for_a_status(code, skipped):
    environ = build_environ()
    rule = Rule(None, SkipLog(statuses=("2xx", 304)), Tag("bad", True, statuses=("4xx",)), Respond(code))
    Rules(app, [rule])(environ, lambda *head: None)
    assert environ["wsgikit.notes"] == ({"skip_log": True} if skipped else {"bad": True})


# Options


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Rewrite(), "Rewrite: path or query"),
        (lambda: Rewrite("x"), "Rewrite: path='x'"),
        (lambda: Rewrite(""), "Rewrite: path=''"),
        (lambda: Rewrite("/x?y={z}"), r"Rewrite: path=.*belongs into query="),
        (lambda: Rewrite("/{x"), "Rewrite: path=.*opens a name"),
        (lambda: Rewrite(query="a\nb"), "Rewrite: query="),
        (lambda: Rewrite(query="?a=b"), r"Rewrite: query='\?a=b'"),
        (lambda: Rewrite(1), "Rewrite: path=1"),
        (lambda: Rewrite(query=1), "Rewrite: query=1"),
        (lambda: SetHeader("X Y", "a"), "SetHeader: name='X Y'"),
        (lambda: SetHeader("Content-Length", "1"), "SetHeader: name='Content-Length'"),
        (lambda: SetHeader("X-A", "a\r\nb"), "SetHeader: value="),
        (lambda: SetHeader("X-A", 1), "SetHeader: value=1"),
        (lambda: RemoveHeader("Transfer-Encoding"), "RemoveHeader: name="),
        (lambda: SetEnviron("", "x"), "SetEnviron: key=''"),
        (lambda: SetEnviron("a", "{"), "SetEnviron: value="),
        (lambda: ResponseHeader("Connection", "close"), "ResponseHeader: name='Connection'"),
        (lambda: ResponseHeader("Content-Length", "1"), "ResponseHeader: name="),
        (lambda: ResponseHeader("X:", "1"), "ResponseHeader: name='X:'"),
        (lambda: ResponseHeader("X", "1", append="no"), "ResponseHeader: append='no'"),
        (lambda: ResponseHeader("X", "a\x00"), "ResponseHeader: value="),
        (lambda: ResponseHeader("X", "a", statuses=(40,)), "ResponseHeader: statuses=40"),
        (lambda: ResponseHeader("X", "a", statuses=("9xx",)), "ResponseHeader: statuses='9xx'"),
        (lambda: Tag("", "x"), "Tag: name=''"),
        (lambda: SkipLog(statuses=("2x",)), "SkipLog: statuses='2x'"),
    ],
)
def test_wrong_options_are_named_at_once(build, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build()
