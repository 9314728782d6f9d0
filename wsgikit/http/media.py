"""Which media types are meant: ``text/html``, ``text/*``, ``application/*+json`` (RFC 9110 section 8.3.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from wsgikit.core.errors import wrong_type, wrong_value

_WANTED = 'media types such as "text/html", "text/*" or "application/*+json"'
_NAME = r"[!#$%&'+\-.^_`|~0-9A-Za-z]+"
_PATTERN = re.compile(rf"(?:\*|{_NAME})/(?:\*(?:\+{_NAME})?|{_NAME})")

_REMEMBERED = 256  # distinct Content-Types; multipart ones carry a new boundary each time


class MediaTypes:
    """A set of media types to ask about a Content-Type: ``MediaTypes(["text/*"]).match("Text/HTML; charset=x")``.

    ``patterns``: one or several, each ``type/subtype`` with ``*`` for either, or ``*+suffix`` for every subtype with
    that structured suffix. Case and parameters do not count. ``layer`` and ``option`` name who asks, for messages.
    """

    def __init__(
        self, patterns: str | Iterable[str], *, layer: str = "MediaTypes", option: str = "types"
    ) -> None:
        self.patterns = tuple(_listed(patterns, layer, option))
        self._known = _Verdicts(
            re.compile("|".join(map(_expression, self.patterns)) or r"(?!)", re.IGNORECASE)
        )
        # A look-up in C: it is asked for every answer.
        self.match: Callable[[str], bool] = self._known.__getitem__
        """Whether a Content-Type is one of them; each distinct one is read once."""

    def __repr__(self) -> str:
        return f"MediaTypes({list(self.patterns)!r})"


class _Verdicts(dict[str, bool]):
    """What was said of the Content-Types seen so far."""

    def __init__(self, regex: re.Pattern[str]) -> None:
        self._regex = regex

    def __missing__(self, content_type: str) -> bool:
        essence = content_type.partition(";")[0].strip(" \t")
        found = self._regex.fullmatch(essence) is not None
        if len(self) >= _REMEMBERED:
            self.clear()
        self[content_type] = found
        return found


def _listed(patterns: object, layer: str, option: str) -> list[str]:
    if isinstance(patterns, str):
        patterns = [patterns]
    if isinstance(patterns, bytes) or not isinstance(patterns, Iterable):
        raise wrong_type(layer, option, patterns, _WANTED)
    listed = list(patterns)
    for pattern in listed:
        if not isinstance(pattern, str):
            raise wrong_type(layer, option, pattern, _WANTED)
        if not _PATTERN.fullmatch(pattern):
            raise wrong_value(layer, option, pattern, _WANTED)
    return listed


def _expression(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", r"[^/]+")
