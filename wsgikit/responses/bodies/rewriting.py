"""Rewriting pages as they stream: snippets at the borders of head and body, and the links in tags.

The page is read as browsers read it, as far as that decides what is markup and where the head and the body begin and
end (HTML Standard, sections 13.2.5 and 13.2.6). Everything else passes verbatim. What is not yet clear at the end of a
chunk is held back: a tag of which the end is missing, or a few bytes that may begin something.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wsgikit.responses.bodies import scanner
from wsgikit.responses.bodies.links import WITH_LINKS
from wsgikit.responses.bodies.outline import CLOSED, FOREIGN, Outline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wsgikit.responses.bodies.links import Links

    State = Callable[["Rewriting", bytes, int], tuple[int, bool]]

LONGEST_TAG = 65536
"""Bytes of a tag that are held back; a longer one, mostly an image within it, stays as it is."""

_WITHOUT_MARKUP = {
    name: scanner.end_of(name) for name in b"iframe noembed noframes style textarea title xmp".split()
}

_TEXTS = frozenset((*_WITHOUT_MARKUP, b"script"))

# The tags that mean something to us within the body.
_STOPS = frozenset((*_TEXTS, *CLOSED, *FOREIGN, b"plaintext", b"body", b"html"))
_TO_STOPS = scanner.skipping(b"|".join(sorted(_STOPS)))
_TO_STOPS_AND_LINKS = scanner.skipping(b"|".join(sorted(_STOPS)), WITH_LINKS)
_SPACES = re.compile(rb"[%b]*+" % scanner.SPACE)

_UTF_8 = b"\xef\xbb\xbf"
_UTF_16 = (b"\xfe\xff", b"\xff\xfe")


class Rewriting:
    """The filter that puts ``snippets`` in their places, and has ``links`` rewrite the tags."""

    def __init__(self, snippets: Mapping[str, bytes], links: Links | None) -> None:
        self._snippets = dict(snippets)  # those not put in yet
        self._links = links
        self._state: State = Rewriting._at_start
        self._outline = Outline()
        self._leap = _TO_STOPS_AND_LINKS if links is not None else _TO_STOPS
        self._end = scanner.SCRIPT  # what the text without markup ends with
        self._end_length = 0
        self._walked = ("", 0)  # how far a tag was walked that did not end in its chunk
        self._unfinished = (b"", b"")  # slash and name of a tag longer than LONGEST_TAG
        self._data = self._held = b""
        self._out: list[bytes] = []
        self._copied = 0

    def feed(self, chunk: bytes, /) -> bytes:
        """What is clear by now, changed."""
        data = self._held + chunk if self._held else chunk
        self._held = b""
        self._data, self._out, self._copied = data, [], 0
        position, clear = 0, True
        while clear and position < len(data):
            if not self._snippets and self._links is None:
                position = len(data)  # nothing is left to do
                break
            position, clear = self._state(self, data, position)
        self._data = b""
        self._held = data[position:]
        if not self._out:
            return data[:position]
        self._out.append(data[self._copied : position])
        return b"".join(self._out)

    def finish(self) -> bytes:
        """What was held back, and before it the snippets that the page gave no other place."""
        if self._state not in (Rewriting._markup, Rewriting._tag_goes_on):
            return self._held
        last = scanner.TAG_START.match(self._held)
        if last is not None and last[1] and last[2].lower() in _TEXTS:
            return self._held  # it breaks off in the end tag of a script or the like, which is none, then
        return b"".join((*(self._snippets.pop(place, b"") for place in self._outline.end()), self._held))

    def close(self) -> None:
        """What is held goes with the filter."""

    # States: each reads from a position on, and gives the next one, and whether it is clear what stands there.

    def _at_start(self, data: bytes, position: int) -> tuple[int, bool]:
        if any(mark.startswith(data) and len(data) < len(mark) for mark in (_UTF_8, *_UTF_16)):
            return 0, False
        if data.startswith(_UTF_16):  # whatever the charset said: browsers believe the mark
            self._snippets, self._links = {}, None
            return len(data), True
        self._state = Rewriting._markup
        return (3 if data.startswith(_UTF_8) else 0), True

    def _markup(self, data: bytes, position: int) -> tuple[int, bool]:
        if self._outline.early:
            position = _SPACES.match(data, position).end()  # type: ignore[union-attr]  # it matches nothing, too
            if not data.startswith(b"<", position) and position < len(data):
                self._place(self._outline.text(), position)
                return position, True
        else:
            position = self._leap.match(data, position).end()  # type: ignore[union-attr]  # the same
        tag = scanner.TAG.match(data, position)
        if tag is None:
            return self._no_whole_tag(data, position)
        self._pass_tag(tag)
        return tag.end(), True

    def _no_whole_tag(self, data: bytes, position: int) -> tuple[int, bool]:
        """At a ``<``, or the end."""
        opening = scanner.OPENING.match(data, position)
        if opening is None:
            if data[position : position + 3] in (b"", b"<", b"</"):
                return position, False
            self._place(self._outline.text(), position)  # a "<" that is text
            return position, True
        if opening[0][-1:].isalpha():
            state, _ = scanner.walk("name", data, opening.end() - 1)
            self._walked = state, len(data) - position
            self._state = Rewriting._tag_goes_on
            return position, False
        return self._no_tag(data, position)

    def _no_tag(self, data: bytes, position: int) -> tuple[int, bool]:
        """A comment or the like."""
        begun = data[position : position + 9]
        if begun.startswith(b"<!--"):
            comment = scanner.COMMENT.match(data, position)
            if comment is None:
                return position, False
            if comment[0].endswith(b">"):
                return comment.end(), True
            return self._skip_to(scanner.COMMENT_END, 3, position + 4)
        if self._outline.foreign and begun == b"<![CDATA[":
            return self._skip_to(scanner.CDATA_END, 2, position + 9)
        if b"<!--".startswith(begun) or (self._outline.foreign and b"<![CDATA[".startswith(begun)):
            return position, False
        return self._skip_to(scanner.BOGUS_END, 0, position + 2)

    def _skip_to(self, end: re.Pattern[bytes], length: int, position: int) -> tuple[int, bool]:
        """From ``position`` on nothing is markup up to an ``end``, of which up to ``length`` bytes are no end yet."""
        self._end, self._end_length = end, length
        self._state = Rewriting._without_markup
        return position, True

    def _without_markup(self, data: bytes, position: int) -> tuple[int, bool]:
        end = self._end.search(data, position)
        if end is None:
            return max(position, len(data) - self._end_length), False
        self._state = Rewriting._markup
        return end.end(), True

    def _script(self, data: bytes, position: int) -> tuple[int, bool]:
        found = self._end.search(data, position)
        if found is None:
            return max(position, len(data) - len("</script")), False
        mark = found[0].lower()
        if mark == b"<!--":
            self._end = scanner.SCRIPT_ESCAPED
            return found.end() - 2, True  # "<!-->" ends at once
        if mark == b"-->":
            self._end = scanner.SCRIPT
        elif mark == b"<script":
            self._end = scanner.SCRIPT_TWICE_ESCAPED
        elif self._end is scanner.SCRIPT_TWICE_ESCAPED:
            self._end = scanner.SCRIPT_ESCAPED
        else:
            self._state = Rewriting._markup
            return found.start(), True
        return found.end(), True

    def _plain_text(self, data: bytes, position: int) -> tuple[int, bool]:
        return len(data), True

    def _tag_goes_on(self, data: bytes, position: int) -> tuple[int, bool]:
        """In a tag that began in an earlier chunk, of which everything is held back."""
        state, walked = scanner.walk(self._walked[0], data, self._walked[1])
        if not state:
            self._state = Rewriting._markup
            return self._markup(data, position)
        self._walked = state, walked
        if walked <= LONGEST_TAG:
            return position, False
        begun = scanner.TAG_START.match(data)
        assert begun is not None
        self._unfinished = begun[1], begun[2].lower()
        self._place(self._outline.before(*self._unfinished), position)
        self._state = Rewriting._tag_goes_past
        return walked, True

    def _tag_goes_past(self, data: bytes, position: int) -> tuple[int, bool]:
        """In a tag that is too long to be held back."""
        state, position = scanner.walk(self._walked[0], data, position)
        self._walked = state, 0
        if not state:
            self._state = Rewriting._markup
            self._after_tag(*self._unfinished, position, ended=False)
        return position, True

    def _pass_tag(self, tag: re.Match[bytes]) -> None:
        """A whole tag."""
        slash, name, attributes, ended = tag.groups()
        name = name.lower()
        short = len(tag[0]) <= LONGEST_TAG
        matters = name in _STOPS or not self._outline.plain
        if matters:
            self._place(self._outline.before(slash, name), tag.start())
        if self._links is not None and short and not slash and not self._outline.template:
            rewritten = self._links.rewrite(name, attributes)
            if rewritten is not None:
                self._put(rewritten, *tag.span(3))
        if matters:
            self._after_tag(slash, name, tag.end(), ended=short and bool(ended))

    def _after_tag(self, slash: bytes, name: bytes, position: int, *, ended: bool) -> None:
        """Go on as the tag says."""
        outline = self._outline
        html = outline.after(slash, name, ended=ended)
        if outline.within_foreign:
            self._leap = scanner.TEXT
        elif self._links is None or outline.template:
            self._leap = _TO_STOPS
        else:
            self._leap = _TO_STOPS_AND_LINKS
        if not html:
            return
        if name in (b"head", b"body") and not outline.closed:
            self._place((f"{name.decode()}-start",), position)
        elif name in _WITHOUT_MARKUP:
            self._skip_to(_WITHOUT_MARKUP[name], len(name) + 2, position)
        elif name == b"script":
            self._end, self._state = scanner.SCRIPT, Rewriting._script
        elif name == b"plaintext":
            self._state = Rewriting._plain_text

    def _place(self, places: Iterable[str], position: int) -> None:
        """Put the snippets of some places at ``position``, those that were not put in yet."""
        for place in places:
            snippet = self._snippets.pop(place, None)
            if snippet is not None:
                self._put(snippet, position, position)

    def _put(self, new: bytes, start: int, end: int) -> None:
        self._out += (self._data[self._copied : start], new)
        self._copied = end
