"""Secrets kept out of the log: values of query keys and headers that go by a telling name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from wsgikit.core.errors import wrong_type
from wsgikit.core.remembered import Remembered

DEFAULT = (
    *("password", "passwd", "pwd", "passphrase", "secret", "token", "jwt", "otp", "csrf", "xsrf"),
    *("api_key", "access_key", "private_key", "secret_key", "signature", "sig"),
    *("auth", "authorization", "credential", "credentials", "cookie", "session"),
    # Words that are often run together: no spelling tells where one of them ends.
    *("apikey", "accesskey", "privatekey", "secretkey", "sessionkey", "sessionid", "jsessionid", "phpsessid"),
    *("authtoken", "accesstoken", "csrftoken", "csrfmiddlewaretoken", "clientsecret"),
)
"""What is redacted unless told otherwise; ``[*DEFAULT, "email"]`` adds a name."""

HIDDEN = "[redacted]"

# A pair within what stands between two &: some clients put ; there, and a URL as a value has a query of its own.
_PAIR = re.compile(r"(?:^|[;?#])([^=;?#]*)=")
_PART = re.compile(r"[a-z]+|[0-9]+|[A-Z]+(?![a-z])|[A-Z][a-z]*")


class Redaction:
    """Hides the values of ``names``: in queries, and of headers and cookies.

    A name matches a key that holds it as whole words, whatever the case and what stands between: ``api_key`` matches
    ``X-API-Key``, ``apiKey``, ``api_key2`` and ``user[api_key]``, but ``auth`` not ``author``. ``layer`` and ``option``
    name who asks, for error messages. Raises ``TypeError`` for what is no list of names.
    """

    def __init__(self, names: Iterable[str], *, layer: str = "Redaction", option: str = "names") -> None:
        wanted = 'names of query keys and headers, such as ["password", "cookie"], or () for none'
        if isinstance(names, str | bytes) or not isinstance(names, Iterable):
            raise wrong_type(layer, option, names, wanted)
        listed = list(names)
        for name in listed:
            if not isinstance(name, str) or not _words(name):
                raise wrong_type(layer, option, name, wanted)
        any_of = "|".join(re.escape(_words(name)) for name in listed)
        self._names = re.compile(f"(?:^|_)(?:{any_of})(?:_|$)") if listed else None
        # Keys repeat where values do not, so it is the keys that are worth remembering.
        self._instead = Remembered(lambda key: HIDDEN if self.names(unquote_plus(key)) else "")

    def names(self, key: str) -> bool:
        """Whether the value of ``key`` is to be hidden."""
        if self._names is None:
            return False
        if self._names.search(_words(key)):
            return True
        lowered = key.lower()  # PassWord is a word and two words
        return lowered != key and self._names.search(_words(lowered)) is not None

    def query(self, text: str) -> str:
        """A query string with the values hidden; nothing else in it is changed."""
        if self._names is None or "=" not in text:
            return text
        return "&".join(map(self._hide_part, text.split("&")))

    def target(self, text: str) -> str:
        """A request target or URL with the values in its query and fragment hidden."""
        path, mark, query = text.partition("?")
        if "#" in path:  # OAuth hands out tokens in fragments (RFC 6749 section 4.2.2)
            path, mark, query = text.partition("#")
        return path + mark + self.query(query) if mark else text

    def _hide_part(self, part: str) -> str:
        key, equals, _ = part.partition("=")
        if equals and self._instead[key]:
            return f"{key}={HIDDEN}"
        if ";" in part or "?" in part or "#" in part:
            for pair in _PAIR.finditer(part):
                if self._instead[pair[1]]:
                    return part[: pair.end()] + HIDDEN  # to the next &: a ; may as well belong to the secret
        return part


def _split(key: str) -> str:
    return "_".join(_PART.findall(key)).lower()


_words = Remembered(_split).__getitem__
"""``X-API-Key``, ``apiKey`` and ``api_key[]`` alike: lower-case words joined by underscores."""
