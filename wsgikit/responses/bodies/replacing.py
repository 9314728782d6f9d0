"""Replacing texts in a stream: the same result however it is cut into chunks.

At each place the longest text that stands there is taken, places from left to right; what was put in is not looked
at again. A place near the end of a chunk is undecided while what follows could make a text, or a longer one,
of it: from the first such place on, the chunk is held back, which is fewer bytes than the longest text has.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any, AnyStr, Generic

from wsgikit.responses.bodies.charset import errors_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Replacements(Generic[AnyStr]):
    """A table of texts, bytes or str, and what takes their place; made once, used by many streams."""

    def __init__(self, table: Mapping[AnyStr, AnyStr]) -> None:
        self.table: dict[AnyStr, AnyStr] = dict(table)
        longest_first: list[AnyStr] = sorted(self.table, key=len, reverse=True)
        self._longest = len(longest_first[0])
        self._empty: AnyStr = longest_first[0][:0]
        self._text: re.Pattern[AnyStr] = re.compile(self._any_of(longest_first))
        self._start: re.Pattern[AnyStr] = re.compile(self._any_of({old[:1] for old in longest_first}))
        self._by_start: dict[AnyStr, list[AnyStr]] = {}
        for old in longest_first:
            self._by_start.setdefault(old[:1], []).append(old)

    def _any_of(self, texts: Iterable[AnyStr]) -> AnyStr:
        bar: Any = b"|" if isinstance(self._empty, bytes) else "|"
        expression: AnyStr = bar.join(map(re.escape, texts))
        return expression

    def undecided(self, data: AnyStr, begin: int) -> int:
        """The first place from ``begin`` on where ``data`` ends within a text; its end if there is none."""
        place: int = max(begin, len(data) - self._longest + 1)
        while match := self._start.search(data, place):
            place = match.start()
            rest = data[place:]
            for old in self._by_start[match[0]]:
                if len(old) <= len(rest):
                    break  # they come longest first
                if old.startswith(rest):
                    return place
            place += 1
        return len(data)

    def replace(self, data: AnyStr, *, ended: bool) -> tuple[AnyStr, AnyStr]:
        """What goes out of ``data``, and what is held back of it: nothing if that was the end."""
        border = len(data) if ended else self.undecided(data, 0)
        if not any(old in data for old in self.table):  # ten times as fast as the expression
            return data[:border], data[border:]
        pieces: list[AnyStr] = []
        done = 0
        for match in self._text.finditer(data):
            start, end = match.span()
            if start >= border:
                break
            pieces += (data[done:start], self.table[match[0]])
            done = end
            if done > border:
                border = self.undecided(data, done)
        if not done:
            return data[:border], data[border:]
        pieces.append(data[done:border])
        return self._empty.join(pieces), data[border:]


class Replacing:
    """The filter that replaces bytes."""

    __slots__ = ("_held", "_replace")

    def __init__(self, replacements: Replacements[bytes]) -> None:
        self._replace = replacements.replace
        self._held = b""

    def feed(self, chunk: bytes, /) -> bytes:
        """What is decided by now."""
        out, self._held = self._replace(self._held + chunk if self._held else chunk, ended=False)
        return out

    def finish(self) -> bytes:
        """What was held back."""
        return self._replace(self._held, ended=True)[0]

    def close(self) -> None:
        """What is held goes with the filter."""


class ReplacingText:
    """The filter that replaces text, for encodings in whose bytes a text can be seen where there is none.

    Bytes that are no text pass as they are. What is text is decoded and encoded, which is the same to every reader,
    but in cp932 and big5, where some characters have two codes, not always to the byte.
    """

    __slots__ = ("_decoder", "_encoder", "_held", "_replace")

    def __init__(self, replacements: Replacements[str], codec: str) -> None:
        self._replace = replacements.replace
        self._held = ""
        errors = errors_for(codec)
        self._decoder = codecs.getincrementaldecoder(codec)(errors)
        self._encoder = codecs.getincrementalencoder(codec)(errors)

    def feed(self, chunk: bytes, /) -> bytes:
        """What is decided by now."""
        out, self._held = self._replace(self._held + self._decoder.decode(chunk), ended=False)
        return self._encoder.encode(out)

    def finish(self) -> bytes:
        """What was held back: of the text, and of a character that never came whole."""
        out, _ = self._replace(self._held, ended=True)
        return self._encoder.encode(out, final=True) + self._decoder.getstate()[0]

    def close(self) -> None:
        """What is held goes with the filter."""
