"""Basic authentication (RFC 7617) as an action of a rule."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.routing.actions import Action
from wsgikit.routing.responders import Refusal
from wsgikit.routing.text import encoded, latin

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from wsgikit.routing.actions import Values
    from wsgikit.routing.passage import Passage

    Check = Callable[[str, str], bool] | Mapping[str, str]


class BasicAuth(Action):
    """Lets a request pass that brings a user's password, and answers 401 otherwise.

    - ``realm``: what browsers show when they ask.
    - ``check``: ``check(user, password)`` says whether they fit; or a mapping of users to passwords, compared in
      constant time. For hashed passwords write a ``check`` with ``werkzeug.security.check_password_hash``.

    The app finds the user in REMOTE_USER and ``"Basic"`` in AUTH_TYPE; whatever stood there before is not believed.
    Credentials travel in the clear: serve this under https alone.
    """

    def __init__(self, realm: str, check: Check) -> None:
        if not isinstance(realm, str):
            raise wrong_type("BasicAuth", "realm", realm, "text that browsers show")
        if not (realm.isascii() and realm.isprintable()):
            raise wrong_value("BasicAuth", "realm", realm, "printable ASCII, as quoted strings are")
        if not callable(check) and not isinstance(check, Mapping):
            raise wrong_type(
                "BasicAuth", "check", check, "check(user, password) -> bool, or users and passwords"
            )
        self.realm = realm
        self.check = check
        self._check = Passwords(check) if isinstance(check, Mapping) else check
        quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
        self._challenge = Refusal(
            401,
            "A user name and a password are needed.",
            [("WWW-Authenticate", f'Basic realm="{quoted}", charset="UTF-8"')],
        )

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        found = credentials(passage.environ.get("HTTP_AUTHORIZATION", ""))
        if found is None or not self._check(*found):
            return self._challenge
        user = latin(found[0])
        passage.edit().update(REMOTE_USER=user, AUTH_TYPE="Basic")
        passage.notes()["user"] = user  # what is edited is a copy, which a log outside does not see
        return None

    def __repr__(self) -> str:
        shown = self._check if isinstance(self._check, Passwords) else self.check
        return f"BasicAuth({self.realm!r}, {shown!r})"


class Passwords:
    """Users and their passwords: an unknown user takes as long as a wrong password."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        for user, password in passwords.items():
            if not isinstance(user, str) or not isinstance(password, str):
                raise TypeError("BasicAuth: check has to map user names to passwords, both text")
            if not user or ":" in user:
                raise wrong_value(
                    "BasicAuth", "check", user, "user names without a colon (RFC 7617 section 2)"
                )
        self._passwords = {user: password.encode() for user, password in passwords.items()}

    def __call__(self, user: str, password: str) -> bool:
        expected = self._passwords.get(user)
        same = compare_digest(encoded(password), b"" if expected is None else expected)
        return same and expected is not None

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self._passwords, "***"))


def credentials(header: str) -> tuple[str, str] | None:
    """User and password from an Authorization header, None where there are none to be read."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(token.strip(), validate=True).decode("utf-8").partition(":")
    except ValueError:
        return None
    if not colon or not (user.isprintable() and password.isprintable()):
        return None  # RFC 7617 section 2: no control characters
    return user, password
