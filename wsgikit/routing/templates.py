"""Templates: ``{name}`` stands for a capture or a route value, ``{{`` and ``}}`` for a brace.

A capture is a stranger's text. So a template knows where its text will stand, and every value is encoded for that
place: what came in as one path, one value or one line goes out as one. The plain text around it is the
developer's, and goes out as written.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.routing.text import encoded, latin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[^\W\d]\w*)\}|\{")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUERY = "/?:@!$&'()*+,;=~%"  # what may stand in a query as it is (RFC 3986), escapes included
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


class UnfitCapture(Exception):
    """A capture that cannot stand where its template puts it, however it is encoded: 400."""


@dataclass(frozen=True, slots=True)
class Name:
    """Where a value goes."""

    name: str


Part = str | Name


def parse(text: str, *, layer: str, option: str) -> list[Part]:
    """Plain text and names in turn; raises ``ValueError`` for a brace that opens no name, or a control character."""
    if not isinstance(text, str):
        raise wrong_type(layer, option, text, 'text, in which "{name}" stands for a capture')
    parts: list[Part] = []
    plain = ""
    end = 0
    for token in _TOKEN.finditer(text):
        plain += text[end : token.start()]
        end = token.end()
        if token["name"]:
            parts += [plain, Name(token["name"])] if plain else [Name(token["name"])]
            plain = ""
        elif token[0] == "{":
            raise wrong_value(layer, option, text, "'{' opens a name such as {user}; a brace is written '{{'")
        else:
            plain += token[0][0]
    plain += text[end:]
    return [*parts, plain] if plain else parts


def refuse_controls(text: str, *, layer: str, option: str) -> None:
    """Raise ``ValueError`` for a line end, a NUL or another control where a header or a URL is to be written."""
    if _CONTROL.search(text):
        raise wrong_value(layer, option, text, "text without line ends, tabs and other control characters")


class Template:
    """Parts ready to be rendered: the plain ones through ``plain`` once, the values through ``encode`` each time."""

    __slots__ = ("_constant", "_parts", "_values")

    def __init__(
        self, parts: Sequence[Part], encode: Callable[[str], str], *, plain: Callable[[str], str] = str
    ) -> None:
        quoted = False
        self._parts: list[str] = []
        self._values: list[tuple[int, str, Callable[[str], str]]] = []
        for place, part in enumerate(parts):
            if isinstance(part, Name):
                self._parts.append("")
                self._values.append(
                    (place, part.name, in_quotes if encode is in_header and quoted else encode)
                )
            else:
                self._parts.append(plain(part))
                quoted ^= bool(part.count('"') % 2)
        self._constant = None if self._values else "".join(self._parts)

    def render(self, values: Mapping[str, str]) -> str:
        """The text with the values in it; a name without a value leaves nothing."""
        if self._constant is not None:
            return self._constant
        parts = self._parts.copy()
        for place, name, encode in self._values:
            parts[place] = encode(values.get(name, ""))
        return "".join(parts)


def quoted_query(plain: str) -> str:
    """A query that is one already, with what may not stand in it percent-encoded."""
    return quote(encoded(plain), safe=_QUERY)


# The places where a value may stand.


def in_path(value: str) -> str:
    """Percent-encoded for the path of a URL. Slashes stay: a capture that may span segments says so in its regex."""
    return quote(encoded(value), safe="/!$'()*,;=@~")


def in_query(value: str) -> str:
    """Percent-encoded for a query, so that it stays one value: ``&``, ``=``, ``+``, ``;`` and ``#`` too."""
    return quote(encoded(value), safe="")


def in_header(value: str) -> str:
    """Printable ASCII as it is; controls and what is not ASCII percent-encoded."""
    return quote(encoded(value), safe=_PRINTABLE)


def in_quotes(value: str) -> str:
    """As in a header, and unable to end the quoted string that it stands in (RFC 9110 section 5.6.4)."""
    return in_header(value).replace("\\", "%5C").replace('"', "%22")


def in_variable(value: str) -> str:
    """As environ has text (latin-1 view); controls percent-encoded, as many an app logs REMOTE_USER unseen."""
    return _CONTROL.sub(lambda control: f"%{ord(control[0]):02X}", latin(value))


def in_html(value: str) -> str:
    """Escaped for HTML and XML text, and for attributes in quotes."""
    return escape(value)


def in_json(value: str) -> str:
    """Escaped for the inside of a JSON string."""
    return json.dumps(value)[1:-1]


def for_type(kind: str) -> Callable[[str], str]:
    """How values are escaped in a body of this Content-Type."""
    kind = kind.partition(";")[0].strip().lower()
    if kind.endswith(("html", "xml")):
        return in_html
    return in_json if kind.endswith("json") else str
