"""Rules that begin alike share their beginning: the tree of states that a path is walked down."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wsgikit.routing.entry import Entry
    from wsgikit.routing.pattern import Part


class State:
    """A place in the tree: the routes that end here, and the ways on.

    The order in which a walk tries them is the order of evaluation: the routes that end here as written,
    then the one way whose text is the next segment, then the others by weight. The first route to accept
    the request takes it; a way that leads to none is left again, and the next one tried.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.static: dict[str, State] = {}
        self.dynamic: dict[Part, State] = {}

    def way(self, part: Part) -> State:
        """The state that ``part`` leads to, made if need be."""
        if part.static:
            return self.static.setdefault(part.content, State())
        return self.dynamic.setdefault(part, State())

    def sort(self) -> None:
        """Put the ways on in order of weight, those of equal weight as written."""
        self.dynamic = dict(sorted(self.dynamic.items(), key=lambda way: way[0].weight))
        for state in (*self.static.values(), *self.dynamic.values()):
            state.sort()

    def walk(self) -> Iterator[Entry]:
        """Every route below, in order of evaluation."""
        yield from self.entries
        for state in (*self.static.values(), *self.dynamic.values()):
            yield from state.walk()

    @property
    def without_slash(self) -> list[Entry]:
        """The routes that end here but for a slash."""
        slash = self.static.get("")
        return slash.entries if slash is not None else []


def tree(entries: Iterable[Entry]) -> State:
    """The tree of the rules of ``entries``, sorted, from the state behind the first slash on."""
    root = State()
    for entry in entries:
        state = root
        for part in entry.parts[1:]:  # the first is the empty text before the first slash
            state = state.way(part)
        state.entries.append(entry)
    root.sort()
    return root
