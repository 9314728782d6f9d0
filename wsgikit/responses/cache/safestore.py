"""A store as the layer uses it: what fails there is a line in the log, and then as if nothing had been stored."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from wsgikit.responses.cache.entry import StoreError, StoreResting

if TYPE_CHECKING:
    from typing import BinaryIO

    from wsgikit.responses.cache.entry import Entry, Store, Writer

_log = logging.getLogger("wsgikit.cache")


class SafeStore:
    """``store`` without its errors."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def largest(self) -> int:
        """Bytes of the longest body it keeps."""
        return getattr(self._store, "largest", sys.maxsize)

    def find(self, key: str) -> list[Entry]:
        """The variants under ``key``, newest first."""
        try:
            return self._store.find(key)
        except Exception as error:
            report("look for a response", error)
            return []

    def body(self, entry: Entry) -> bytes | BinaryIO | None:
        """The body, or None."""
        try:
            return self._store.body(entry)
        except Exception as error:
            report("read a body", error)
            return None

    def write(self, key: str) -> Writer | None:
        """A writer, or None."""
        try:
            return self._store.write(key)
        except Exception as error:
            report("store a response", error)
            return None

    def freshen(self, key: str, entry: Entry) -> None:
        """Give the entry with the same id new headers and times."""
        try:
            self._store.freshen(key, entry)
        except Exception as error:
            report("freshen a response", error)

    def forget(self, key: str, id: str | None = None) -> None:  # noqa: A002 - the store's own word
        """Remove every variant under ``key``, or the one with that id."""
        try:
            self._store.forget(key, id)
        except Exception as error:
            report("remove a response", error)


def report(doing: str, error: Exception) -> None:
    """One line for a failure, none for the rest that the store takes after it; a traceback for a mistake in a store."""
    if not isinstance(error, StoreResting):
        unforeseen = None if isinstance(error, StoreError) else error
        _log.error("the store could not %s: %a", doing, str(error), exc_info=unforeseen)
