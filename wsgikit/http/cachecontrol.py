"""Cache-Control, read so that no mistake in it makes anything fresher (RFC 9111 section 5.2).

Caches meet broken texts daily, and the RFC leaves most of them to the reader. Here one sentence decides: what is
malformed means the most careful thing that it could mean. ``max-age=1h`` is 0, ``no-store=yes`` forbids, ``public=1``
permits nothing, of two lifetimes the smaller counts, and a quote that is never closed hides no prohibition.
Neither WebOb nor Werkzeug reads it so: both let a quote hide what follows, and take the last of two.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

LONGEST_TIME = 2**31
"""Seconds that stand for every longer time, and for "without end" (RFC 9111 section 1.2.2)."""

_LONGEST_TEXT = 1024  # what is longer is read anew each time, so that what is remembered stays small

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_NAME = re.compile(_TOKEN)
_MEMBER = re.compile(rf'[ \t]*({_TOKEN})(?:=(?:({_TOKEN})|"((?>(?:[^"\\]|\\.)*))"))?[ \t]*(?:,|$)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

# Of several, and of what is malformed, the least; min-fresh alone grows more careful as it grows.
_TIMES = frozenset(
    {"max-age", "s-maxage", "max-stale", "stale-while-revalidate", "stale-if-error", "min-fresh"}
)
_PROHIBITIONS = frozenset(
    {"must-revalidate", "no-store", "no-transform", "only-if-cached", "proxy-revalidate"}
)
_PERMISSIONS = frozenset({"immutable", "must-understand", "public"})
_WITH_FIELDS = frozenset({"no-cache", "private"})


class CacheControl(NamedTuple):
    """The directives of a request or a response; times in seconds, None where there is none.

    ``no_cache`` and ``private`` are the directives without field names; with names, only ``no_cache_fields`` and
    ``private_fields`` hold them, in lower case.
    """

    max_age: int | None = None
    s_maxage: int | None = None
    max_stale: int | None = None
    min_fresh: int | None = None
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None
    no_store: bool = False
    no_cache: bool = False
    private: bool = False
    public: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    no_transform: bool = False
    only_if_cached: bool = False
    immutable: bool = False
    no_cache_fields: frozenset[str] = frozenset()
    private_fields: frozenset[str] = frozenset()


NONE = CacheControl()
"""What a message without Cache-Control says."""


def parse(text: str) -> CacheControl:
    """The directives in the value of Cache-Control, several lines joined by commas; each distinct text is read once."""
    return _remembered(text) if len(text) <= _LONGEST_TEXT else _parse(text)


def seconds(digits: str) -> int | None:
    """A number of seconds, at most `LONGEST_TIME`; None for anything but digits."""
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.lstrip("0")
    return min(int(digits or "0"), LONGEST_TIME) if len(digits) <= 10 else LONGEST_TIME


def _parse(text: str) -> CacheControl:
    found = _Found()
    position, doubtful = 0, False
    while position < len(text):
        member = None if doubtful else _MEMBER.match(text, position)
        if member is not None:
            name, token, quoted = member.groups()
            found.add(name.lower(), token if quoted is None else _ESCAPED.sub(r"\1", quoted))
            position = member.end()
            continue
        # No member as the grammar has it: up to the next comma, even one between quotes, as what follows may forbid.
        comma = text.find(",", position)
        piece = text[position : comma if comma >= 0 else len(text)]
        doubtful = doubtful or piece.count('"') % 2 == 1
        named = _NAME.match(piece.lstrip(" \t"))
        if named is not None:
            found.add_malformed(named[0].lower())
        position += len(piece) + 1
    return CacheControl(**found.directives)


_remembered = lru_cache(maxsize=1024)(_parse)


class _Found:
    """The directives so far, by attribute of `CacheControl`."""

    __slots__ = ("directives",)

    def __init__(self) -> None:
        self.directives: dict[str, Any] = {}

    def add(self, name: str, value: str | None) -> None:
        if name in _TIMES:
            self._time(name, LONGEST_TIME if value is None and name == "max-stale" else seconds(value or ""))
        elif name in _WITH_FIELDS:
            self._fields(name, value)
        elif name in _PROHIBITIONS or (name in _PERMISSIONS and value is None):
            self.directives[_attribute(name)] = True

    def add_malformed(self, name: str) -> None:
        if name in _TIMES:
            self._time(name, None)
        elif name in _PROHIBITIONS or name in _WITH_FIELDS:
            self.directives[_attribute(name)] = True

    def _time(self, name: str, given: int | None) -> None:
        attribute = _attribute(name)
        if name == "min-fresh":
            pick, worst = max, LONGEST_TIME
        else:
            pick, worst = min, 0
        time = worst if given is None else given
        before = self.directives.get(attribute)
        self.directives[attribute] = time if before is None else pick(time, before)

    def _fields(self, name: str, value: str | None) -> None:
        """A directive with names speaks of those fields only; with none, or with what is no name, of everything."""
        attribute = _attribute(name)
        names = [] if value is None else [part.strip(" \t").lower() for part in value.split(",")]
        names = [part for part in names if part]
        if not names or not all(map(_NAME.fullmatch, names)):
            self.directives[attribute] = True
            return
        listed = attribute + "_fields"
        self.directives[listed] = frozenset(names) | self.directives.get(listed, frozenset())


def _attribute(name: str) -> str:
    return name.replace("-", "_")
