"""From the head of a backend's answer to WSGI's status and headers: pure.

llhttp has been over every byte: names are tokens, values hold no control characters. What is left to do is to drop
what belongs to one connection, and to read how the body ends and whether the connection can be used again.
"""

from __future__ import annotations

from functools import lru_cache

from wsgikit.core.headers import Headers, get, valid_value, without
from wsgikit.core.reply import reason as usual_reason
from wsgikit.forwarding.errors import BrokenAnswer
from wsgikit.http.hop import HOP_BY_HOP, nominated

_REMEMBERED, _LONGEST = 2048, 128  # distinct names of fields, and their length

_STATUS = "status"  # a CGI server around us would take the field for the status (PEP 3333: the app must not send it)

_NOT_IN_HINTS = frozenset({"", "content-length"})

REFERENCES = frozenset({"location", "content-location", "set-cookie"})
"""Fields that may name the backend's own place in the world."""


class Head:
    """The head of an answer.

    ``persistent``: the connection may be used again once the body is done. ``chunked``: the body comes in chunks.
    ``silenced``: a body is announced where there must be none. ``references``: whether there are fields to rewrite.
    """

    __slots__ = ("chunked", "headers", "persistent", "references", "silenced", "status")

    def __init__(self, status: str, version: str) -> None:
        self.status = status
        self.headers: Headers = []
        self.persistent = version == "1.1"
        self.chunked = False
        self.silenced = False
        self.references = False

    @property
    def delimited(self) -> bool:
        """Whether the body says itself where it ends; otherwise it ends with the connection."""
        return self.chunked or get(self.headers, "content-length") is not None


def head(code: int, phrase: bytes, version: str, fields: list[tuple[bytes, bytes]]) -> Head:
    """The head that these fields make. Raises ``BrokenAnswer`` for a framing nobody could hand on."""
    if version not in ("1.1", "1.0") or not 200 <= code <= 599:
        raise BrokenAnswer(f"the answer is HTTP/{version} with status {code}")
    found = Head(status_line(code, phrase), version)
    headers, names = found.headers, _field_names
    special: list[tuple[str, str]] = []
    for raw, value in fields:
        name = names[raw]
        text = sendable(value)
        if name:
            headers.append((name, text))
        else:
            special.append((raw.decode("ascii"), text))
    if special:
        _heed(found, special)
    if code == 204 or code == 304:
        found.silenced = found.delimited
        if code == 204:  # RFC 9110 section 8.6 forbids a length there
            found.headers = without(found.headers, "content-length")
    return found


def hint(fields: list[tuple[bytes, bytes]]) -> Headers:
    """The fields of an early hint (103) that may go on to the client."""
    connection = [value.decode("latin-1") for raw, value in fields if raw.lower() == b"connection"]
    unwanted = _NOT_IN_HINTS | nominated(connection)
    kept = ((_field_names[raw], value) for raw, value in fields)
    return [(name, sendable(value)) for name, value in kept if name.lower() not in unwanted]


def _heed(found: Head, special: list[tuple[str, str]]) -> None:
    """What the fields that need a thought mean; those that go on to the client follow the others."""
    connection: list[str] = []
    codings: list[str] = []
    for name, value in special:
        lower = name.lower()
        if lower == "connection":
            connection.append(value)
        elif lower == "transfer-encoding":
            codings.append(value)
        elif lower in REFERENCES:
            found.headers.append((name, value))
            found.references = True
    if codings:
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise BrokenAnswer(f"the answer has the transfer coding {', '.join(codings)!a}")
        found.chunked = True
    if connection:
        _heed_connection(found, connection)


def _heed_connection(found: Head, connection: list[str]) -> None:
    options = {option.strip(" \t").lower() for value in connection for option in value.split(",")}
    # HTTP/1.0 keeps a connection only when both sides say so, and llhttp knows the one that said so.
    found.persistent = "close" not in options and (found.persistent or "keep-alive" in options)
    unwanted = nominated(connection)
    if unwanted:
        found.headers = without(found.headers, *unwanted)


@lru_cache(maxsize=256)
def status_line(code: int, phrase: bytes) -> str:
    """Code and reason for WSGI; never a bare code, and no control characters, which llhttp lets through here."""
    text = sendable(phrase)
    return f"{code} {text if text and valid_value(text) else usual_reason(code)}"


def sendable(value: bytes) -> str:
    """A value or phrase for WSGI: a tab, which HTTP allows in both, is a control character there (PEP 3333)."""
    return value.strip().replace(b"\t", b" ").decode("latin-1")


def field_name(raw: bytes) -> str:
    """The name to hand on for a name as it came; empty for what is dropped or needs a thought."""
    return _field_names[raw]


class _FieldNames(dict[bytes, str]):
    """For each name as it came, the name to hand on; empty for those that are dropped or need a thought."""

    def __missing__(self, raw: bytes) -> str:
        name = raw.decode("ascii")
        lower = name.lower()
        if lower in HOP_BY_HOP or lower in REFERENCES or lower == _STATUS:
            name = ""
        if len(self) < _REMEMBERED and len(raw) <= _LONGEST:
            self[raw] = name
        return name


_field_names = _FieldNames()
