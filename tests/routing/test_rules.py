"""Rules are looked through in order; what holds is done, and the first answer stands."""

from __future__ import annotations

import copy
import pickle

import pytest

from wsgikit.core.condition import Condition
from wsgikit.routing.actions import Action, ResponseHeader, Rewrite, SetEnviron, SetHeader, Tag
from wsgikit.routing.auth import BasicAuth
from wsgikit.routing.conditions import Environ, Header, Method, Path
from wsgikit.routing.responders import Deny, Redirect, Respond, Send
from wsgikit.routing.rules import Rule, Rules
from wsgikit.testing import AwkwardError, build_environ, call, expectations, lint

EXPECTED = list(expectations.values())


def show(environ, start_response):
    """Answers with what the rules have left in environ["test.trail"]."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["".join(environ.get("test.trail", ())).encode() or b"-"]


class Mark(Action):
    """Leaves a letter in environ["test.trail"]."""

    def __init__(self, letter: str) -> None:
        self.letter = letter

    def apply(self, passage, values):
        environ = passage.edit()
        environ["test.trail"] = [*environ.get("test.trail", ()), self.letter]


A, B, C, D = map(Mark, "ABCD")
AX, BX = Path(prefix="/a"), Path(prefix="/b")


def trail(path, *rules):
    return call(lint(Rules(lint(show), list(rules))), "GET", path).text


# Order


def test_rules_are_looked_through_in_order_and_all_that_hold_are_followed():
    assert trail("/a", Rule(None, B), Rule(AX, A), Rule(BX, C), Rule(True, D)) == "BAD"


def test_a_later_rule_sees_what_an_earlier_one_has_changed():
    assert trail("/a", Rule(AX, Rewrite("/b")), Rule(BX, B), Rule(AX, A)) == "B"
    assert trail("/a", Rule(None, SetHeader("X-A", "1")), Rule(Header("X-A", "1"), A)) == "A"


def test_last_ends_the_list_where_its_condition_holds():
    rules = (Rule(AX, A, last=True), Rule(None, B))
    assert trail("/a", *rules) == "A"
    assert trail("/b", *rules) == "B"
    assert trail("/a", Rule(AX, last=True), Rule(None, B)) == "-"


def test_the_first_answer_ends_the_request_phase():
    assert trail("/a", Rule(AX, A, Respond(200, "answered"), B), Rule(None, Deny())) == "answered"


def test_when_may_be_given_by_name():
    rule = Rule(when=AX, last=True)
    assert rule == Rule(AX, last=True)
    assert repr(rule) == f"Rule({AX!r}, last=True)"


def test_a_group_is_a_rule_that_holds_rules():
    group = Rule(AX, A, Rule(Path("/a/b"), B), Rule(Path("/a/c"), C), D)
    assert trail("/a", group) == "AD"
    assert trail("/a/b", group) == "ABD"
    assert trail("/b", group) == "-"


def test_last_in_a_group_ends_the_group_alone():
    inner = Rule(Path("/a/b"), B, last=True)
    assert trail("/a/b", Rule(AX, inner, C), Rule(None, D)) == "BD"
    assert trail("/a/b", Rule(AX, inner, C, last=True), Rule(None, D)) == "B"
    assert trail("/a", Rule(AX, inner, C), Rule(None, D)) == "CD"


def test_an_answer_in_a_group_is_the_answer():
    assert trail("/a", Rule(AX, Rule(None, Respond(200, "inner")), B), Rule(None, C)) == "inner"


# Captures


def test_captures_reach_the_actions_and_the_rules_inside():
    rule = Rule(
        Path(regex="^/(?P<shop>[^/]+)/"),
        Rule(Path(regex="/(?P<item>[^/]+)$"), Respond(200, "{shop} {item}")),
    )
    assert trail("/books/7", rule) == "books 7"


def test_a_capture_inside_hides_one_outside_and_leaves_it_alone():
    inner = Rule(Path(regex="/(?P<x>[^/]+)$"), SetEnviron("test.trail", "{x}"), last=True)
    assert trail("/1/2", Rule(Path(regex="^/(?P<x>[^/]+)"), inner)) == "2"
    assert (
        trail(
            "/1/2", Rule(Path(regex="^/(?P<x>[^/]+)"), Rule(Path(regex="(?P<x>2)"), A), Respond(200, "{x}"))
        )
        == "1"
    )


def test_captures_of_one_rule_are_unknown_to_the_next():
    assert trail("/1", Rule(Path(regex="(?P<x>1)"), A), Rule(None, Respond(200, "[{x}]"))) == "[]"


def test_route_values_are_known_and_captures_come_first():
    rules = Rules(show, [Rule(Path(regex="^/(?P<x>.)"), Respond(200, "{id} {x} {y}"))])
    routed = {"wsgiorg.routing_args": ((), {"id": 7, "x": "routed", "y": "é"})}
    assert call(rules, "GET", "/1", environ=routed).text == "7 1 é"


def test_a_group_that_took_no_part_leaves_nothing():
    assert trail("/1", Rule(Path(regex="^/1(?P<x>/2)?"), Respond(200, "[{x}]"))) == "[]"


# Transparency


def test_a_request_that_no_rule_changes_goes_on_as_it_came():
    given, given_start = {"PATH_INFO": "/a"}, lambda *head: None
    body = [b"x"]

    def app(environ, start_response):
        assert environ is given
        assert start_response is given_start
        return body

    assert Rules(app, [Rule(BX, A), Rule(AX, last=True)])(given, given_start) is body


def test_a_changed_answer_keeps_the_apps_own_iterable():
    body = [b"x"]
    rules = Rules(lambda environ, start: body, [Rule(None, ResponseHeader("X-A", "b"), Tag("a", "b"), A)])
    assert rules({}, lambda *head: None) is body


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.name)
@pytest.mark.parametrize("send", [False, True])
def test_awkward_apps_come_through_whole(expected, send):
    actions = [
        SetHeader("X-Rule", "1"),
        ResponseHeader("X-Rule", "1"),
        *([Send(expected.app)] if send else []),
    ]
    rules = Rules(show if send else expected.app, [Rule(None, *actions)])
    app = lint(rules, allow=expected.breaks)
    closed = []
    ask = {"body": expected.request_body, "environ": {"wsgikit.testing.closed": closed}}
    if expected.raises:
        with pytest.raises(AwkwardError):
            call(app, expected.method, expected.path, **ask)
    else:
        result = call(app, expected.method, expected.path, **ask)
        assert (result.status, result.body) == (expected.status, expected.body)
        assert [pair for pair in result.headers if pair in expected.headers] == list(expected.headers)
        assert result.header("X-Rule") == "1"
    assert closed == [expected.name] * expected.closes


# A component like the others


RULES = [
    Rule(Method("POST") & ~Environ("REMOTE_USER"), Deny()),
    Rule(None, Rule(AX, BasicAuth("a", {"u": "p"}), last=True), Tag("x", "{y}")),
    Rule(Path("/out"), Redirect("/in")),
]


def test_reads_as_written_and_comes_back_from_pickles_and_copies():
    rules = Rules(show, RULES)
    assert repr(Rule(True, A, last=True)) == "Rule(True, Mark('A'), last=True)"
    assert repr(rules.rules[0]) == "Rule(Method('POST') & ~Environ('REMOTE_USER'), Deny())"
    for again in (pickle.loads(pickle.dumps(RULES)), copy.deepcopy(RULES)):
        assert again == RULES
    assert copy.deepcopy(rules) == rules
    assert rules.options() == {"rules": RULES}


def test_children_are_the_apps_that_requests_may_go_to():
    other, third = (lambda environ, start: []), (lambda environ, start: [])
    rules = Rules(show, [Rule(AX, Rule(None, Send(other)), Send(third)), Rule(BX, A)])
    assert list(rules.children()) == [("rule 1, send", other), ("rule 1, send", third), ("app", show)]


def test_explain_says_which_rules_hold_and_who_answers_and_changes_nothing():
    rules = Rules(
        show,
        [
            Rule(Method("POST"), Deny()),
            Rule(Path(regex="^/(?P<x>.)"), Rewrite("/new/{x}"), Tag("t", "{x}")),
            Rule(None, SetHeader("X-A", "b")),
        ],
    )
    environ = build_environ("GET", "/1?q=2")
    before = dict(environ)
    assert rules.explain(environ).splitlines() == [
        "no   Method('POST')",
        "yes  Path(regex='^/(?P<x>.)') {'x': '1'}: Rewrite('/new/{x}'), Tag('t', '{x}')",
        "yes  always: SetHeader('X-A', 'b')",
        f"answered by {__name__}.show, asked for http://localhost/new/1?q=2",
    ]
    assert environ == before
    assert rules.explain(build_environ("POST", "/")).splitlines()[-1].startswith("answered by <Answer 403: ")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Rule(False, Deny()), "Rule: when=False"),
        (lambda: Rule("GET", Deny()), "Rule: when='GET'"),
        (lambda: Rule(lambda environ: True, Deny()), "Rule: when="),
        (lambda: Rule(None, "deny"), "Rule: actions='deny'"),
        (lambda: Rule(None, Deny), "Rule: actions=<class"),
        (lambda: Rule(None), "Rule: neither an action nor last"),
        (lambda: Rule(None, Deny(), lst=True), "Rule: no option 'lst'; did you mean 'last'"),
        (lambda: Rule(None, Deny(), last="no"), "Rule: last='no'"),
        (lambda: Rules(show, Rule(None, Deny())), "Rules: rules="),
        (lambda: Rules(show, [Deny()]), "Rules: rules=Deny"),
        (lambda: Rules(show, None), "Rules: rules=None"),
        (lambda: Rules(None, []), "Rules: app=None"),
    ],
)
def test_wrong_options_are_named_at_once(build, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build()


def test_a_condition_of_ones_own_is_as_good_as_any():
    class Beta(Condition):
        def __call__(self, environ):
            return environ["PATH_INFO"] == "/beta"

    assert trail("/beta", Rule(Beta() & Method("GET"), A)) == "A"
