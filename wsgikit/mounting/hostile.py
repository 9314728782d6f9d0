"""Paths that no app below a mount may see.

Servers hand on dot segments, decoded or not (every server written in Python keeps ``/a/../b``, and ``%2e%2e`` as
``..``), and what an app or its file system makes of them differs. The policy, the same for all:

- A path that climbs above its mount is refused: ``/blog/../admin`` under ``/blog``. Dot segments that stay below the
  mount are the app's own business.
- A backslash separates too, as it does on Windows and in what browsers send: ``/blog/..\\admin`` climbs.
- Escapes that are still there after decoding are looked at decoded: fastwsgi decodes nothing, cheroot leaves ``%2F``
  alone, and ``%252e%252e`` is meant for an app that decodes twice.
- Empty segments are no depth: ``/blog//..`` climbs, as it does in a file system.
- A NUL is refused: it ends the path for code written in C, and for nobody else.
- Everything else (doubled slashes, invalid UTF-8, newlines, very long paths) goes on as it came.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"%(?:2[ef]|5c|00)", re.IGNORECASE)
_DECODED = {"%2e": ".", "%2f": "/", "%5c": "\\", "%00": "\0"}


def hostile(rest: str) -> str:
    """Why ``rest``, what follows the mount in a path, is refused; ``""`` when it is not.

    A path without ``..``, NUL and ``%`` never is, and need not be asked about.
    """
    if "%" in rest:
        rest = _ESCAPED.sub(lambda match: _DECODED[match[0].lower()], rest)
    if "\0" in rest:
        return "The path holds a NUL."
    if ".." in rest and _climbs(rest):
        return "The path climbs above the place where this application is mounted."
    return ""


def _climbs(rest: str) -> bool:
    depth = 0
    for segment in rest.replace("\\", "/").split("/"):
        if segment == "..":
            depth -= 1
            if depth < 0:
                return True
        elif segment and segment != ".":
            depth += 1
    return False
