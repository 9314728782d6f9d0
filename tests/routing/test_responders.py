"""Actions that answer in the app's place."""

from __future__ import annotations

import pickle

import pytest

from wsgikit.routing.conditions import Path
from wsgikit.routing.responders import Deny, Redirect, Respond, Send
from wsgikit.routing.rules import Rule, Rules
from wsgikit.testing import call, lint

EVERY = [
    Redirect("/new/{x}"),
    Redirect("https://example.com{x}", status=301, keep_query=False),
    Respond(404),
    Respond(200, "hello {x}", headers={"X-A": "{x}"}),
    Respond(200, b"\x00"),
    Deny(),
]


def never(environ, start_response):
    raise AssertionError("the app was called")


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def answered(action, method="GET", path="/", *, when=None, **options):
    return call(lint(Rules(never, [Rule(when, action)])), method, path, **options)


@pytest.mark.parametrize("action", EVERY, ids=repr)
def test_reads_as_written_and_pickles(action):
    assert eval(repr(action)) == action
    assert pickle.loads(pickle.dumps(action)) == action


@pytest.mark.parametrize("action", EVERY, ids=repr)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_answer_is_finished_and_has_no_body_for_head(action, method):
    answer = answered(action, method)
    assert answer.header("Content-Length") is not None
    if method == "HEAD":
        assert answer.body == b""
    else:
        assert len(answer.body) == int(answer.header("Content-Length"))


# Redirect


def test_redirect_keeps_method_and_query_unless_told_otherwise():
    answer = answered(Redirect("/new/{x}"), path="/old/7?q=1", when=Path(regex="^/old/(?P<x>.*)"))
    assert (answer.status, answer.header("Location")) == (308, "/new/7?q=1")
    answer = answered(Redirect("/new", status=302, keep_query=False), path="/old?q=1")
    assert (answer.status, answer.header("Location")) == (302, "/new")


def test_redirect_starts_at_the_mount_point():
    assert answered(Redirect("/new"), environ={"SCRIPT_NAME": "/mnt"}).header("Location") == "/mnt/new"


def test_redirect_shows_where_it_leads_escaped():
    answer = answered(
        Redirect("/{x}"),
        path="/%3Cscript%3E",
        when=Path(regex="^/(?P<x>.*)"),
        headers={"Accept": "text/html"},
    )
    assert "/%3Cscript%3E" in answer.text
    assert "<script>" not in answer.text


def test_redirect_that_a_capture_would_make_climb_is_400():
    assert answered(Redirect("/f/{x}"), path="/..", when=Path(regex="^/(?P<x>.*)")).status == 400


# Respond


def test_respond_sends_text_as_utf8_and_bytes_as_they_are():
    answer = answered(Respond(200, "grüße"))
    assert (answer.text, answer.header("Content-Type")) == ("grüße", "text/plain; charset=utf-8")
    answer = answered(Respond(200, b"{x}"))
    assert (answer.body, answer.header("Content-Type")) == (b"{x}", "application/octet-stream")


def test_respond_takes_headers_with_templates():
    action = Respond(200, "{{}}", headers={"content-type": "application/json", "X-P": "{x}"})
    answer = answered(action, path="/a%0d%0ab", when=Path(regex="^/(?P<x>.*)"))
    assert answer.all("Content-Type") == ["application/json"]
    assert answer.header("X-P") == "a%0D%0Ab"
    assert answer.json() == {}


@pytest.mark.parametrize(
    ("kind", "body", "sent"),
    [
        ("text/html", "<b>{x}</b>", b"<b>&lt;i&gt;&quot;</b>"),
        ("application/json", '"{x}"', b'"<i>\\""'),
        ("text/plain", "{x}", b'<i>"'),
    ],
)
def test_respond_escapes_captures_for_its_type(kind, body, sent):
    action = Respond(200, body, headers={"Content-Type": kind})
    assert answered(action, path="/%3Ci%3E%22", when=Path(regex="^/(?P<x>.*)")).body == sent


def test_respond_with_an_empty_body_says_so():
    answer = answered(Respond(404))
    assert (answer.status, answer.reason, answer.body, answer.header("Content-Length")) == (
        404,
        "Not Found",
        b"",
        "0",
    )


@pytest.mark.parametrize("status", [204, 304])
def test_respond_without_a_body_has_no_headers_of_a_body(status):
    answer = answered(Respond(status, headers={"ETag": '"a"'}))
    assert answer.headers == [("ETag", '"a"')]


def test_respond_with_a_code_nobody_knows_has_a_reason():
    assert answered(Respond(299)).reason


# Send


def test_send_hands_the_request_to_another_app():
    assert answered(Send(hello)).text == "hello"


def test_send_gives_the_app_a_copy_of_environ():
    def greedy(environ, start_response):
        environ["PATH_INFO"] = "/changed"
        return hello(environ, start_response)

    assert answered(Send(greedy), path="/kept").environ["PATH_INFO"] == "/kept"


def test_send_returns_the_apps_own_iterable():
    body = [b"x"]
    rules = Rules(never, [Rule(None, Send(lambda environ, start_response: body))])
    assert rules({}, lambda *head: None) is body


# Deny


def test_deny_is_403():
    answer = answered(Deny())
    assert answer.status == 403
    assert "denied" in answer.text


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Redirect("/x", status=200), "Redirect: status=200.*'308'"),
        (lambda: Redirect("x"), "Redirect: to='x'"),
        (lambda: Redirect(None), "Redirect: to=None"),
        (lambda: Redirect("/x", keep_query="no"), "Redirect: keep_query='no'"),
        (lambda: Respond(200, headers=3), "Respond: headers=3"),
        (lambda: Respond("200 OK"), "Respond: status='200 OK'"),
        (lambda: Respond(100), "Respond: status=100"),
        (lambda: Respond(204, "x"), "Respond: body='x'"),
        (lambda: Respond(200, 7), "Respond: body=7"),
        (lambda: Respond(200, headers={"Content-Length": "1"}), "Respond: name='Content-Length'"),
        (lambda: Respond(200, headers={"X": "a\nb"}), "Respond: headers="),
        (lambda: Send("app"), "Send: app='app'"),
        (lambda: Deny(403), "Deny"),
    ],
)
def test_wrong_options_are_named_at_once(build, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build()
