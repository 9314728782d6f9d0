"""Path globs as regular expressions.

``*`` is any text within one segment, ``?`` one character of it, ``**`` any text with its slashes. Between two
slashes ``**`` is any number of segments, none too: ``/a/**/b`` matches ``/a/b``, and ``/a/**`` matches ``/a``.
Every other character stands for itself.

Where another wildcard follows, the earliest end of a match is as good as any later one, since the wildcard takes
up the difference. So those parts are atomic groups (Python 3.11): they are found once and never tried
again, and no path makes a glob of many stars explode.
"""

from __future__ import annotations

import re

_ACROSS = re.compile(r"((?:\A|(?<=/))\*\*/|\*\*)")
_GAPS = {"**/": "(?:.*?/)??", "**": ".*?"}


def translate(glob: str) -> str:
    """The regular expression that ``glob`` is short for; it goes to the end of the path."""
    end = r"\Z"
    if glob.endswith("/**"):
        glob, end = glob[:-3], r"(?:/.*)?\Z"
    first, *rest = _ACROSS.split(glob)
    if not rest:
        return f"(?s:{_segment(first, end)})"
    parts = [_segment(first)]
    pairs = list(zip(rest[::2], rest[1::2], strict=True))
    for across, text in pairs[:-1]:
        parts.append(f"(?>{_GAPS[across]}{_segment(text)})")
    across, text = pairs[-1]
    parts.append(_GAPS[across] + _segment(text, end))
    return f"(?s:{''.join(parts)})"


def _segment(text: str, end: str = "") -> str:
    """``text`` without ``**``; what follows its last star is tried again only where ``end`` has to come after it."""
    first, *rest = [re.escape(part).replace(r"\?", "[^/]") for part in text.split("*")]
    starred = [f"[^/]*?{part}" for part in rest]
    if not starred:
        return first + end
    kept = starred.pop() + end if end else ""
    return first + "".join(f"(?>{part})" for part in starred) + kept
