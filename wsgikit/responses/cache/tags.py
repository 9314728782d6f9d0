"""Tags: names by which responses are purged together, in a header of the app's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgikit.responses.cache.head import Head

_SEPARATORS = {
    "surrogate-key": re.compile(r"[ \t]+"),
    "cache-tag": re.compile(r"[ \t]*,[ \t]*"),
}
_OTHERS = re.compile(r"[ \t,]+")


def tags_of(head: Head, names: Iterable[str]) -> tuple[str, ...]:
    """The tags in the headers ``names`` (lower case): Surrogate-Key parts them by spaces, Cache-Tag by commas.

    Any other header may use either.
    """
    found: dict[str, None] = {}
    for name in names:
        for line in head.fields.get(name, ()):
            parts = _SEPARATORS.get(name, _OTHERS).split(line.strip(" \t"))
            found.update(dict.fromkeys(part for part in parts if part))
    return tuple(found)
