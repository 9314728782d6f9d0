"""Basic authentication: who passes, and what the others are told."""

from __future__ import annotations

import pickle
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.access.log import AccessLog
from wsgikit.routing import auth
from wsgikit.routing.auth import BasicAuth, Passwords, credentials
from wsgikit.routing.rules import Rule, Rules
from wsgikit.testing import call, lint


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr((environ.get("REMOTE_USER"), environ.get("AUTH_TYPE"))).encode()]


def basic(user, password):
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def asked(check, authorization=None, realm="staff", **environ):
    headers = {} if authorization is None else {"Authorization": authorization}
    return call(
        lint(Rules(lint(app), [Rule(None, BasicAuth(realm, check))])), headers=headers, environ=environ
    )


USERS = {"ann": "secret", "jürgen": "grüße:1"}


def test_the_right_password_passes_and_the_app_is_told_who_it_is():
    assert asked(USERS, basic("ann", "secret")).text == "('ann', 'Basic')"
    assert asked(lambda user, password: (user, password) == ("a", "b"), basic("a", "b")).status == 200


def test_names_and_passwords_are_utf8_and_passwords_may_hold_colons():
    assert asked(USERS, basic("jürgen", "grüße:1")).text == repr(
        ("jürgen".encode().decode("latin-1"), "Basic")
    )


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YW5u",  # no colon
        "Bearer YW5uOnNlY3JldA==",
        "Basic YW5uOnNlY3JldA==x",
        "Basic /w==",
        basic("ann", "wrong"),
        basic("ann", ""),
        basic("ann", "secret\n"),
        basic("bob", "secret"),
        basic("", ""),
        "Basic \xe9",
    ],
)
def test_everything_else_is_401_with_a_challenge(authorization):
    answer = asked(USERS, authorization)
    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'Basic realm="staff", charset="UTF-8"'
    assert answer.body


def test_the_name_of_the_scheme_has_no_case():
    assert asked(USERS, basic("ann", "secret").replace("Basic", "bAsIc")).status == 200


def test_a_user_who_stands_in_environ_already_is_not_believed():
    assert asked(USERS, None, REMOTE_USER="ann").status == 401


def test_a_realm_is_quoted():
    assert 'realm="a \\"b\\" \\\\"' in asked(USERS, realm='a "b" \\').header("WWW-Authenticate")


def test_every_comparison_takes_constant_time_also_of_an_unknown_user(monkeypatch):
    compared = []
    monkeypatch.setattr(
        auth, "compare_digest", lambda given, known: compared.append((given, known)) or given == known
    )
    check = Passwords({"ann": "secret"})
    assert check("ann", "secret")
    assert not check("bob", "")
    assert compared == [(b"secret", b"secret"), (b"", b"")]


def test_repr_shows_no_password():
    assert repr(BasicAuth("staff", {"ann": "secret"})) == "BasicAuth('staff', {'ann': '***'})"
    assert "secret" not in repr(Rules(app, [Rule(None, BasicAuth("staff", {"ann": "secret"}))]))


def test_pickles_with_its_passwords():
    again = pickle.loads(pickle.dumps(BasicAuth("staff", USERS)))
    assert again == BasicAuth("staff", USERS)
    assert again._check("ann", "secret")


@given(st.text(st.characters(max_codepoint=255), max_size=30))
def test_no_header_makes_it_raise(text):
    credentials(text)
    credentials(f"Basic {text}")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BasicAuth(1, USERS), "BasicAuth: realm=1"),
        (lambda: BasicAuth("a\n", USERS), "BasicAuth: realm="),
        (lambda: BasicAuth("büro", USERS), "BasicAuth: realm="),
        (lambda: BasicAuth("a", "ann:secret"), "BasicAuth: check='ann:secret'"),
        (lambda: BasicAuth("a", {"ann": 1}), "BasicAuth: check has to map"),
        (lambda: BasicAuth("a", {"a:b": "c"}), "BasicAuth: check='a:b'"),
    ],
)
def test_wrong_options_are_named_at_once(build, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build()


def test_the_access_log_outside_knows_the_user():
    lines = []
    protected = Rules(app, [Rule(None, BasicAuth("staff", USERS))])
    call(AccessLog(protected, "%u %>s", to=lines.append), headers={"Authorization": basic("ann", "secret")})
    assert lines == ["ann 200"]
