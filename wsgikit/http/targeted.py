"""CDN-Cache-Control: Cache-Control for one class of caches, as a structured field (RFC 9213, RFC 9651).

Unlike Cache-Control it is strict: a text that is not a dictionary of RFC 9651 to the last character is no field at all,
and the answer is read as if it were not there. The grammar is checked here rather than with a library, because
what a cache keeps must not depend on what is installed beside it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from wsgikit.http.cachecontrol import LONGEST_TIME, CacheControl

_LONGEST_TEXT = 4096  # no policy is that long, and what is remembered stays small

_KEY = r"[a-z*][a-z0-9_\-.*]*"
_INTEGER = r"-?[0-9]{1,15}"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_ITEM = (
    rf"(?:-?[0-9]{{1,12}}\.[0-9]{{1,3}}|@?{_INTEGER}|{_STRING}|[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*"
    r'|:[A-Za-z0-9+/]*={0,2}:|\?[01]|%"(?:[ !#$&-~]|%[0-9a-f]{2})*")'
)
_PARAMETERS = rf"(?:; *{_KEY}(?:={_ITEM})?)*"
_INNER_LIST = rf"\( *(?:{_ITEM}{_PARAMETERS}(?: +{_ITEM}{_PARAMETERS})* *)?\)"
_MEMBER = re.compile(rf"({_KEY})(?:=(?:({_ITEM})|({_INNER_LIST})))?{_PARAMETERS}")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_FULL_INTEGER = re.compile(_INTEGER)
_ESCAPED = re.compile(r"\\(.)")

_TIMES = ("max-age", "s-maxage", "stale-while-revalidate", "stale-if-error")
_PROHIBITIONS = ("must-revalidate", "no-store", "no-transform", "proxy-revalidate")
_PERMISSIONS = ("immutable", "must-understand", "public")
_WITH_FIELDS = ("no-cache", "private")


@lru_cache(maxsize=256)
def _remembered(text: str) -> CacheControl | None:
    members = _members(text)
    if not members:
        return None
    found: dict[str, Any] = {}
    for name, item in members.items():
        attribute = name.replace("-", "_")
        if name in _TIMES:
            if not _FULL_INTEGER.fullmatch(item):
                return None
            found[attribute] = min(max(0, int(item)), LONGEST_TIME)
        elif name in _WITH_FIELDS and item.startswith('"'):
            names = [part.strip().lower() for part in _ESCAPED.sub(r"\1", item[1:-1]).split(",")]
            found[attribute + "_fields" if all(names) else attribute] = (
                frozenset(names) if all(names) else True
            )
        elif name in _PROHIBITIONS or name in _WITH_FIELDS:
            found[attribute] = item != "?0"
        elif name in _PERMISSIONS:
            found[attribute] = item == "?1"
    return CacheControl(**found)


def parse(text: str) -> CacheControl | None:
    """The directives in CDN-Cache-Control, several lines joined by commas; None where the field is to be ignored.

    That is so when it is malformed or empty, and when a time in it is no integer. Times below 0 are 0.
    """
    return _remembered(text) if len(text) <= _LONGEST_TEXT else None


def _members(text: str) -> dict[str, str] | None:
    """Each key with its item as written, ``?1`` without one; of two with one key the last counts (RFC 9651)."""
    text = text.strip(" ")
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        member = _MEMBER.match(text, position)
        if member is None:
            return None
        found[member[1]] = member[2] or member[3] or "?1"
        position = member.end()
        if position == len(text):
            return found
        comma = _COMMA.match(text, position)
        if comma is None or comma.end() == len(text):
            return None
        position = comma.end()
    return found
