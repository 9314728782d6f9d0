"""Several variables in one part, matched in linear time, with the values that ``re`` would give.

``re`` tries one way to share the text out among the variables after the other, and on
``<path:a>/<path:b>/<path:c>/<path:d>/end`` there are n^4 ways. Here the expression is read as a row of
elements (a literal, a run of one kind of character, a choice of words), and the text is gone over twice:

    forward     where each element may begin, given the ones before it
    backward    where each element ends, given the ones after it: of the ends from which the rest of the row
                reaches the end of the text, the one ``re`` would try first

The first way in which ``re`` succeeds is the one in which each element in turn has the end it likes best
among those that let the rest match, so both find the same values.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    Positions: TypeAlias = Sequence[int]  # ascending


class Literal:
    """A text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def starts(self, text: str, before: Positions) -> Positions:
        """Where the next element may begin when this one may begin at ``before``."""
        if isinstance(before, range):
            return _ends_of(self.text, text, before.start)
        size = len(self.text)
        return [start + size for start in before if text.startswith(self.text, start)]

    def ends(self, text: str, starts: Positions, good: Positions) -> dict[int, int]:
        """The best end in ``good`` for each start that has one."""
        size = len(self.text)
        return {end - size: end for end in good if end >= size and text.startswith(self.text, end - size)}


def _ends_of(literal: str, text: str, start: int) -> list[int]:
    ends: list[int] = []
    found = text.find(literal, start)
    while found >= 0:
        ends.append(found + len(literal))
        found = text.find(literal, found + 1)
    return ends


class Run:
    """``least`` to ``most`` characters of one kind, as many as possible, or as few when ``lazy``."""

    def __init__(self, chars: str, least: int = 1, most: int = 1, *, lazy: bool = False) -> None:
        self.least, self.most, self.lazy = least, most, lazy
        self._stretches = re.compile(f"{chars}+").finditer

    def starts(self, text: str, before: Positions) -> Positions:
        """Where the next element may begin when this one may begin at ``before``."""
        if self.least == self.most:
            return [start + self.least for start in before if start + self.least <= len(text)]
        return range(before[0] + self.least, len(text) + 1) if before else ()

    def ends(self, text: str, starts: Positions, good: Positions) -> dict[int, int]:
        """The best end in ``good`` for each start that has one."""
        spans = [stretch.span() for stretch in self._stretches(text)]
        begins = [begin for begin, _ in spans]
        chosen: dict[int, int] = {}
        for start in starts:
            stretch = bisect_right(begins, start) - 1
            reach = max(start, spans[stretch][1]) if stretch >= 0 else start
            least, most = start + self.least, min(reach, start + self.most)
            index = bisect_left(good, least) if self.lazy else bisect_right(good, most) - 1
            if 0 <= index < len(good) and least <= good[index] <= most:
                chosen[start] = good[index]
        return chosen


class Choice:
    """One of several words, tried in their order."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def starts(self, text: str, before: Positions) -> Positions:
        """Where the next element may begin when this one may begin at ``before``."""
        return sorted(
            {start + len(word) for start in before for word in self.words if text.startswith(word, start)}
        )

    def ends(self, text: str, starts: Positions, good: Positions) -> dict[int, int]:
        """The best end in ``good`` for each start that has one."""
        reachable = set(good)
        chosen: dict[int, int] = {}
        for start in starts:
            for word in self.words:
                if start + len(word) in reachable and text.startswith(word, start):
                    chosen[start] = start + len(word)
                    break
        return chosen


class Whole:
    """A whole segment, from slash to slash, that an expression of the user's own has to match."""

    def __init__(self, regex: str) -> None:
        self._fits = re.compile(regex).fullmatch

    def starts(self, text: str, before: Positions) -> Positions:
        """Where the next element may begin when this one may begin at ``before``."""
        return sorted({_next_slash(text, start) for start in before})

    def ends(self, text: str, starts: Positions, good: Positions) -> dict[int, int]:
        """The best end in ``good`` for each start that has one."""
        reachable = set(good)
        ends = ((start, _next_slash(text, start)) for start in starts)
        return {start: end for start, end in ends if end in reachable and self._fits(text, start, end)}


def _next_slash(text: str, start: int) -> int:
    found = text.find("/", start)
    return found if found >= 0 else len(text)


class Suffix:
    """The end of a suffixed part: one slash or none, after something that is not a slash."""

    def starts(self, text: str, before: Positions) -> Positions:
        """Where the next element may begin: nothing comes after this one."""
        return [len(text)]

    def ends(self, text: str, starts: Positions, good: Positions) -> dict[int, int]:
        """The best end for each start that has one: the end of the text."""
        end = len(text)
        start = end - 1 if text.endswith("/") else end
        return {} if text.endswith("/", 0, start) else {start: end}


Element: TypeAlias = Literal | Run | Choice | Whole | Suffix


class Scan:
    """Reads the values of a row of elements; ``spans`` says which elements make each value."""

    def __init__(self, elements: Sequence[Element], spans: Sequence[tuple[int, int]]) -> None:
        self.elements = tuple(elements)
        self.spans = tuple(spans)

    def __call__(self, text: str) -> tuple[str, ...] | None:
        chosen = self._choices(text, self._starts(text))
        if chosen is None:
            return None
        marks = [0]
        for ends in chosen:
            marks.append(ends[marks[-1]])
        return tuple(text[marks[first] : marks[last]] for first, last in self.spans)

    def _starts(self, text: str) -> list[Positions]:
        """Where each element may begin; where one has no place, the list ends."""
        starts: list[Positions] = [[0]]
        for element in self.elements[:-1]:
            starts.append(element.starts(text, starts[-1]))
            if not starts[-1]:
                break
        return starts

    def _choices(self, text: str, starts: list[Positions]) -> list[dict[int, int]] | None:
        """For each element, the end it takes from each start; None where the row does not match."""
        if not starts[-1]:
            return None
        chosen: list[dict[int, int]] = []
        good: Positions = [len(text)]
        for element, begins in zip(reversed(self.elements), reversed(starts), strict=True):
            ends = element.ends(text, begins, good)
            good = sorted(ends)
            if not good:
                return None
            chosen.append(ends)
        chosen.reverse()
        return chosen if 0 in chosen[0] else None
