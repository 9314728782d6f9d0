"""The links of a page: the URLs in the attributes of its tags (HTML Standard, index of attributes)."""

from __future__ import annotations

import re
from html import unescape
from html.entities import html5
from typing import TYPE_CHECKING

from wsgikit.core.errors import wrong_type
from wsgikit.responses.bodies.charset import encoded
from wsgikit.responses.bodies.scanner import ATTRIBUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[[str], str]

_SPACES = "\t\n\f\r "


def one_url(function: Function, text: str) -> str:
    """A URL, perhaps with white space around it."""
    url = text.strip(_SPACES)
    new = function(url) if url else url
    return text if new == url else new


def several_urls(function: Function, text: str) -> str:
    """URLs with white space between them."""
    return re.sub(rf"[^{_SPACES}]+", lambda match: _within(function(match[0])), text)


_CANDIDATE = re.compile(rf"([{_SPACES},]*+)([^{_SPACES},][^{_SPACES}]*+)")
_DESCRIPTORS = re.compile(r"(?>(?:[^,(]|\([^)]*+\)?)*)")


def srcset(function: Function, text: str) -> str:
    """Image candidates, each a URL and perhaps descriptors, with commas between them, which a URL may have within."""
    pieces: list[str] = []
    done = 0
    while match := _CANDIDATE.match(text, done):
        url = match[2].rstrip(",")
        after = match.start(2) + len(url)
        done = match.end()
        if url == match[2]:
            done = _DESCRIPTORS.match(text, done).end()  # type: ignore[union-attr]  # it matches nothing, too
        pieces += (match[1], _within(function(url)), text[after:done])
    return "".join(pieces) + text[done:]


_REFRESH = re.compile(
    rf"([{_SPACES}0-9.]*[;,{_SPACES}][{_SPACES}]*url[{_SPACES}]*=[{_SPACES}]*)([\"']?)", re.I
)


def refresh(function: Function, text: str) -> str:
    """The URL that a page sends its reader on to: ``5; url=/there``."""
    match = _REFRESH.match(text)
    if match is None:
        return text
    rest = text[match.end() :]
    url, quote, after = rest.partition(match[2]) if match[2] else (rest, "", "")
    return match[0] + one_url(function, url) + quote + after


def _within(url: str) -> str:
    """A URL that stays one among others, in a list."""
    url = re.sub(rf"[{_SPACES}]", "%20", url)
    return re.sub(r"^,|,$", "%2C", url)


_URLS: dict[bytes, Callable[[Function, str], str]] = {
    b"action": one_url,
    b"background": one_url,
    b"cite": one_url,
    b"content": refresh,
    b"data": one_url,
    b"formaction": one_url,
    b"href": one_url,
    b"imagesrcset": srcset,
    b"longdesc": one_url,
    b"manifest": one_url,
    b"ping": several_urls,
    b"poster": one_url,
    b"src": one_url,
    b"srcset": srcset,
    b"xlink:href": one_url,
}

# A tag with one of these is looked at. Nearly every page has content= in many tags, but http-equiv= in few.
WITH_LINKS = b"|".join(name for name in (*_URLS, b"http-equiv") if name != b"content")

_ONLY_IN = {b"content": b"meta", b"data": b"object"}
_IS_REFRESH = re.compile(rb"http-equiv\s*=\s*[\"']?\s*refresh\b", re.IGNORECASE)


class Links:
    """Gives the links of tags to ``function``, in pages of one encoding, and puts what it gives in their place."""

    __slots__ = ("_codec", "_function")

    def __init__(self, function: Function, codec: str) -> None:
        self._function = function
        self._codec = codec

    def rewrite(self, tag: bytes, attributes: bytes) -> bytes | None:
        """The attributes of a tag with their links rewritten, the rest as it was; None if nothing is new."""
        pieces: list[bytes] = []
        done = 0
        for match in ATTRIBUTE.finditer(attributes):
            name = match[1].lower()
            if name not in _URLS or not match[2] or _ONLY_IN.get(name, tag) != tag:
                continue
            if name == b"content" and not _IS_REFRESH.search(attributes):
                continue
            new = self._value(match[2], _URLS[name])
            if new is not None:
                pieces += (attributes[done : match.start(2)], new)
                done = match.end(2)
        return b"".join((*pieces, attributes[done:])) if pieces else None

    def _value(self, value: bytes, rewritten: Callable[[Function, str], str]) -> bytes | None:
        """What takes the place of a value, quoted; None if it stays, and so if it is not of the page's encoding."""
        quoted = value[:1] in (b'"', b"'")
        try:
            text = _unescaped((value[1:-1] if quoted else value).decode(self._codec))
        except UnicodeDecodeError:
            return None
        new = rewritten(self._checked, text)
        if new == text:
            return None
        return encoded('"' + new.replace("&", "&amp;").replace('"', "&quot;") + '"', self._codec, markup=True)

    def _checked(self, url: str) -> str:
        new = self._function(url)
        if not isinstance(new, str):
            raise wrong_type(
                "HTMLRewrite", "links", self._function, f"a function that gives str, not {new!r}"
            )
        return new


# Without its semicolon a name counts only where no "=" follows: it more likely belongs to a query (section 13.2.5.73).
_REFERENCE = re.compile(r"&(?:#[0-9]++;?|#[xX][0-9a-fA-F]++;?|([a-zA-Z][a-zA-Z0-9]*+(?:;|(?!=))))")


def _unescaped(text: str) -> str:
    """An attribute's value with its character references read."""
    if "&" not in text:
        return text
    return _REFERENCE.sub(
        lambda match: html5.get(match[1], match[0]) if match[1] else unescape(match[0]), text
    )
