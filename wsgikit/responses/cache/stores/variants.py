"""The variants under one key: which of them a new entry replaces, and in which order they stand."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgikit.responses.cache.entry import Entry

MOST = 64
"""Variants kept under a key. ``Vary: User-Agent`` would make thousands, each read through at every hit."""

_received = attrgetter("received")


def placed(entry: Entry, among: Iterable[Entry]) -> list[Entry]:
    """``among`` with ``entry``, newest first, without those of the same ``vary`` or id, and with ``MOST`` at most."""
    others = [other for other in among if other.vary != entry.vary and other.id != entry.id]
    ordered = sorted([entry, *others], key=_received, reverse=True)  # equal times keep the order: new first
    return ordered[:MOST]
