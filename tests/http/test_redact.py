"""What goes by a telling name stays out of the log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http.redact import DEFAULT, Redaction

HIDDEN = "[redacted]"


@pytest.mark.parametrize(
    "key",
    [
        *("password", "PASSWORD", "Password", "PassWord", "new_password", "user[password]", "user.password"),
        *("token", "access_token", "accessToken", "X-Auth-Token", "csrf-token", "id_token", "token[]"),
        *("api_key", "api-key", "apiKey", "apikey", "X-API-Key", "secret", "client_secret", "pwd", "sig"),
        *(
            "password1",
            "Password2",
            "passWord1",
            "token_2",
            "csrfmiddlewaretoken",
            "X-CSRFToken",
            "x-csrftoken",
        ),
        *("authtoken", "AccessToken", "PHPSESSID", "jsessionid", "_csrf", "XSRF-TOKEN", "connect.session"),
        *("Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Amz-Signature", "sessionid"),
    ],
)
def test_a_telling_name_is_known(key: str) -> None:
    assert Redaction(DEFAULT).names(key)


@pytest.mark.parametrize(
    "key", ["a", "author", "page", "tokenize", "User-Agent", "Referer", "key", "design", ""]
)
def test_an_innocent_name_is_not(key: str) -> None:
    assert not Redaction(DEFAULT).names(key)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        ("a=1&b=2", "a=1&b=2"),
        ("password=x", f"password={HIDDEN}"),
        ("a=1&token=x&b=2", f"a=1&token={HIDDEN}&b=2"),
        ("a=1;token=x&b=2", f"a=1;token={HIDDEN}&b=2"),
        ("token=x;y?z=1;b=2&c=3", f"token={HIDDEN}&c=3"),
        ("pass%77ord=x", f"pass%77ord={HIDDEN}"),
        ("user%5Bpassword%5D=x", f"user%5Bpassword%5D={HIDDEN}"),
        ("token=a=b", f"token={HIDDEN}"),
        ("token=", f"token={HIDDEN}"),
        ("token", "token"),
        ("&&=&token=1&", f"&&=&token={HIDDEN}&"),
        ("token=1&token=2", f"token={HIDDEN}&token={HIDDEN}"),
        ("next=/a?token=x&b=1", f"next=/a?token={HIDDEN}&b=1"),
        ("a=%ff%fe&token=x", f"a=%ff%fe&token={HIDDEN}"),
    ],
)
def test_values_in_a_query_are_hidden_and_nothing_else_is_touched(query: str, shown: str) -> None:
    redaction = Redaction(DEFAULT)
    assert redaction.query(query) == shown
    assert redaction.target(f"/path?{query}") == f"/path?{shown}"


def test_a_target_without_a_query_stays() -> None:
    assert Redaction(DEFAULT).target("/token=1") == "/token=1"


def test_a_fragment_is_as_good_as_a_query() -> None:
    redaction = Redaction(DEFAULT)
    assert redaction.target("/cb#a=1&access_token=x") == f"/cb#a=1&access_token={HIDDEN}"
    assert redaction.target("/cb#access_token=x?y") == f"/cb#access_token={HIDDEN}"
    assert redaction.target("/cb?token=x#y") == f"/cb?token={HIDDEN}"
    assert redaction.target("/cb?a=1#access_token=x") == f"/cb?a=1#access_token={HIDDEN}"


def test_no_names_hide_nothing() -> None:
    redaction = Redaction(())
    assert redaction.query("password=x") == "password=x"
    assert not redaction.names("Cookie")


def test_own_names_replace_the_default_or_add_to_it() -> None:
    assert Redaction(["email"]).query("email=a&token=b") == f"email={HIDDEN}&token=b"
    assert Redaction([*DEFAULT, "e-mail"]).query("e_mail=a&token=b") == f"e_mail={HIDDEN}&token={HIDDEN}"


@given(st.text(alphabet="ab=&;%[]", max_size=30), st.text(alphabet="xyz%;?=/", min_size=1, max_size=9))
def test_a_secret_never_stays(before: str, secret: str) -> None:
    shown = Redaction(DEFAULT).query(f"{before}&password={secret}")
    assert shown == f"{before}&password={HIDDEN}"


@pytest.mark.parametrize("names", ["password", b"x", 7, None, [7], [""], ["!"]])
def test_wrong_names_are_named(names: Any) -> None:
    with pytest.raises(TypeError, match="Redaction: names="):
        Redaction(names)
