"""Secrets kept out of the log: values of query keys and headers that go by a telling name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from wsgikit.access.remembered import Remembered
from wsgikit.core.errors import wrong_type

DEFAULT = (
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "jwt",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "auth",
    "authorization",
    "credential",
    "credentials",
    "cookie",
    "session",
    "sessionid",
    "session_id",
    "otp",
    "signature",
    "sig",
)
"""What is redacted unless told otherwise; ``[*DEFAULT, "email"]`` adds a name."""

HIDDEN = "[redacted]"

_SEPARATOR = re.compile(r"([&;])")
_PART = re.compile(r"[a-z0-9]+|[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")


class Redaction:
    """Hides the values of ``names``: in queries, and of headers and cookies.

    A name matches a key that holds it as whole words, whatever the case and what stands between: ``api_key`` matches
    ``X-API-Key``, ``apiKey`` and ``user[api_key]``, but ``auth`` not ``author``.
    """

    def __init__(self, names: Iterable[str], *, layer: str = "AccessLog", option: str = "redact") -> None:
        wanted = 'names of query keys and headers, such as ["password", "cookie"], or () for none'
        if isinstance(names, str | bytes) or not isinstance(names, Iterable):
            raise wrong_type(layer, option, names, wanted)
        listed = list(names)
        for name in listed:
            if not isinstance(name, str) or not _words(name):
                raise wrong_type(layer, option, name, wanted)
        any_of = "|".join(re.escape(_words(name)) for name in listed)
        self._names = re.compile(f"(?:^|_)(?:{any_of})(?:_|$)") if listed else None
        self._hidden = Remembered(self._hide)

    def names(self, key: str) -> bool:
        """Whether the value of ``key`` is to be hidden."""
        if self._names is None:
            return False
        return any(map(self._names.search, (_words(key), key.lower())))  # PassWord is a word and two words

    def query(self, text: str) -> str:
        """A query string with the values hidden; nothing else in it is changed."""
        if self._names is None or "=" not in text:
            return text
        return self._hidden[text]

    def target(self, text: str) -> str:
        """A request target or URL with the values in its query hidden."""
        path, mark, query = text.partition("?")
        return path + mark + self.query(query) if mark else text

    def value(self, name: str, text: str) -> str:
        """The value of a header or cookie."""
        return HIDDEN if self.names(name) else text

    def _hide(self, text: str) -> str:
        parts = _SEPARATOR.split(text)
        for number, part in enumerate(parts):
            key, equals, _ = part.partition("=")
            if equals and self.names(unquote_plus(key)):
                parts[number] = f"{key}={HIDDEN}"
        return "".join(parts)


def _split(key: str) -> str:
    return "_".join(_PART.findall(key)).lower()


_words = Remembered(_split).__getitem__
"""``X-API-Key``, ``apiKey`` and ``api_key[]`` alike: lower-case words joined by underscores."""
