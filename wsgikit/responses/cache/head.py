"""The head of a response, read once for all the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.http import cachecontrol, dates, etags, targeted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgikit.http.cachecontrol import CacheControl


class Head:
    """Status and header list of a response.

    ``fields`` has the values of each header by its name in lower case. ``control`` are the directives that hold for
    this cache: those of CDN-Cache-Control where it is there and valid (``targeted``), else those of Cache-Control.
    ``date`` and ``last_modified`` are seconds since the epoch, ``etag`` a valid tag; None where there is none.
    """

    __slots__ = ("control", "date", "etag", "fields", "headers", "last_modified", "status", "targeted")

    def __init__(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        self.status = status
        self.headers = list(headers)
        fields: dict[str, list[str]] = {}
        for name, value in self.headers:
            field = name.lower()
            if field in fields:
                fields[field].append(value)
            else:
                fields[field] = [value]
        self.fields = fields
        own = self._targeted()
        self.targeted = own is not None
        self.control = self._general() if own is None else own
        self.date = self._time("date")
        self.last_modified = self._time("last-modified")
        self.etag = self._tag()

    @classmethod
    def of(cls, line: str, headers: Iterable[tuple[str, str]]) -> Head:
        """The head that an app gives: a status line, and headers."""
        code = line[:3]
        return cls(int(code) if code.isascii() and code.isdigit() else 0, headers)

    def __repr__(self) -> str:
        return f"Head({self.status}, {self.headers!r})"

    def first(self, name: str) -> str | None:
        """The first value of a header."""
        values = self.fields.get(name)
        return values[0] if values else None

    def length(self) -> int | None:
        """The Content-Length; -1 where it is no number, or two."""
        lines = self.fields.get("content-length")
        if lines is None:
            return None
        values = {part.strip(" \t") for line in lines for part in line.split(",")}
        digits = values.pop()
        return (
            int(digits) if not values and digits.isascii() and digits.isdigit() and len(digits) < 20 else -1
        )

    def _tag(self) -> str | None:
        tag = self.first("etag")
        if tag is None:
            return None
        tag = tag.strip(" \t")
        return tag if etags.valid(tag) else None

    def _time(self, name: str) -> int | None:
        text = self.first(name)
        return None if text is None else dates.parse(text)

    def _targeted(self) -> CacheControl | None:
        lines = self.fields.get("cdn-cache-control")
        return None if lines is None else targeted.parse(", ".join(lines))

    def _general(self) -> CacheControl:
        lines = self.fields.get("cache-control")
        if lines is None:
            return cachecontrol.NONE
        return cachecontrol.parse(lines[0] if len(lines) == 1 else ", ".join(lines))
