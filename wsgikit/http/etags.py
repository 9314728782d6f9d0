"""Entity-tags: lists of them, and the two ways to compare them (RFC 9110 section 8.8.3).

A tag is kept as it is written, ``"x"`` or ``W/"x"``.
"""

from __future__ import annotations

import re
from typing import Literal

# Spaces are not allowed inside, yet apps send them, and they do no harm. The second alternative steps over a member
# that is no tag. One scan to a quote and one to a comma: linear, whatever the text.
_MEMBER = re.compile(r'[ \t]*((?:W/)?"[^"\x00-\x1f\x7f]*")[ \t]*(?:,|$)|[^,]*(?:,|$)')
_TAG = re.compile(r'(?:W/)?"[^"\x00-\x1f\x7f]*"')


def parse(text: str) -> tuple[str, ...] | Literal["*"]:
    """The tags in the value of If-Match or If-None-Match, in order, or ``"*"``; what is no tag is left out."""
    if text.strip(" \t") == "*":
        return "*"
    return tuple(tag for tag in _MEMBER.findall(text) if tag)


def valid(tag: str) -> bool:
    """Whether ``tag`` is one entity-tag."""
    return _TAG.fullmatch(tag) is not None


def strong(one: str, other: str) -> bool:
    """Strong comparison: the same tag, and not a weak one."""
    return one == other and not one.startswith("W/")


def weak(one: str, other: str) -> bool:
    """Weak comparison: the same opaque tag, whether or not either is marked as weak."""
    return one.removeprefix("W/") == other.removeprefix("W/")
