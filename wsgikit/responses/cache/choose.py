"""Which of the responses stored for a URL answers a request (RFC 9111 section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.responses.cache.vary import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgikit.responses.cache.asked import Asked
    from wsgikit.responses.cache.entry import Entry


def choose(entries: Iterable[Entry], asked: Asked) -> list[Entry]:
    """The entries that were made for a request like this one, in their order."""
    return [entry for entry in entries if matches(entry.vary, asked.value)]
