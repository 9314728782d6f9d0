"""A response on its way into the store while it passes: nothing of it is held back, and only the whole is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wsgikit.responses.cache.safestore import report

if TYPE_CHECKING:
    from wsgikit.responses.cache.entry import Entry, Writer
    from wsgikit.responses.cache.nonce import NonceSearch


class Response(Protocol):
    """What is being stored."""

    def entry(self, size: int) -> Entry | None:
        """Its entry, given how long its body is; None where it must not be stored any more."""

    def unfit(self) -> None:
        """The body is not one that can be kept, and the next one will be no other."""

    def over(self) -> None:
        """It is stored, or never will be: told once."""


class Filling:
    """Takes each chunk of a body, and stores the ``response`` when all of it has come.

    ``expected`` is how long the body has to be: one that ends before is not kept (RFC 9111 section 3.3), and one that
    gets there is whole, whether or not the server asks for its end. With a ``search`` that finds what it looks for the
    body is for one client alone.
    """

    __slots__ = ("_expected", "_response", "_search", "_size", "_writer")

    def __init__(
        self, writer: Writer, response: Response, expected: int | None, search: NonceSearch | None = None
    ) -> None:
        self._search = search
        self._writer: Writer | None = writer
        self._response = response
        self._expected = expected
        self._size = 0

    @property
    def done(self) -> bool:
        """Whether it is decided by now."""
        return self._writer is None

    def feed(self, chunk: bytes) -> None:
        """One chunk that is sent."""
        if self._writer is None or not chunk:
            return
        self._size += len(chunk)
        if self._search is not None and self._search.found(chunk):
            self._refuse()
            return
        try:
            going_on = self._writer.write(chunk)
        except Exception as error:
            report("store a response", error)
            self.drop()
            return
        if not going_on:
            self._refuse()
        elif self._size == self._expected:
            self.end()

    def end(self) -> None:
        """The body has ended well."""
        writer = self._writer
        if writer is None:
            return
        entry = self._response.entry(self._size) if self._expected in (None, self._size) else None
        if entry is None:
            self.drop()
            return
        self._writer = None
        try:
            writer.commit(entry)
        except Exception as error:
            report("store a response", error)
        finally:
            self._response.over()

    def _refuse(self) -> None:
        self._response.unfit()
        self.drop()

    def drop(self) -> None:
        """The body broke off, or its client has gone: keep nothing. After ``end`` this does nothing."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.discard()
        except Exception as error:
            report("drop a response", error)
        finally:
            self._response.over()
