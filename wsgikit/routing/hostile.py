"""Paths that no app behind a router may see.

Servers hand on dot segments, decoded or not: every server written in Python keeps ``/a/../b``, and ``%2e%2e``
arrives as ``..``. Browsers resolve both before they send anything, so what arrives is an attempt. A router hands
pieces of the path to apps as values, and ``/files/x/../../secret`` climbs out of the value of
``/files/<path:name>`` although not out of the mount, so any segment that goes up is refused.

- ``..`` is a segment between slashes or backslashes (browsers and Windows take both), and where they, or its dots,
  are still percent-encoded after the server's decoding: for apps that decode once more.
- A NUL ends the path for code written in C, and for nobody else.
- Everything else goes to the rules as it came: doubled slashes, newlines, bytes that are no UTF-8, long paths.
"""

from __future__ import annotations

import re

_BORDER = r"[/\\]|%2f|%5c"
_UP = re.compile(rf"(?:\A|{_BORDER})(?:\.|%2e){{2}}(?:\Z|{_BORDER})", re.IGNORECASE)
_NUL = re.compile("\0|%00")


def hostile(path: str) -> str:
    """Why ``path`` is refused; ``""``, nearly always, when it is not."""
    if ".." not in path and "\0" not in path and "%" not in path:
        return ""
    if _NUL.search(path):
        return "The path holds a NUL."
    if _UP.search(path):
        return "The path goes up a level."
    return ""
