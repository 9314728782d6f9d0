"""How the values of a part are read: by ``re`` where that is fast on every text, by a scan where it is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from wsgikit.routing.scan import Choice, Element, Literal, Run, Scan, Suffix, Whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wsgikit.routing.pattern import Part, Variable

    Reader: TypeAlias = Callable[[str], tuple[str, ...] | None]

_UNBOUNDED = 1 << 62

# One kind of character and how often it may come. Expressions made of these alone are read as runs; those of all
# converters of Werkzeug are.
_ATOM = re.compile(
    r"""
    (?P<chars> \\[dwsDWS.\-] | \[\^?[^\[\]\\^]+\] | [A-Za-z0-9_/-] | \. )
    (?: (?P<often> [+*?] ) | \{ (?P<exactly> \d+ ) \} | \{ (?P<least> \d* ) , (?P<most> \d* ) \} )?
    (?P<lazy> \? )?
    (?! [+?*{] )
    """,
    re.VERBOSE,
)
_OFTEN = {"+": (1, _UNBOUNDED), "*": (0, _UNBOUNDED), "?": (0, 1), None: (1, 1)}

# A text that `re` goes through in this many steps at worst (some 0.2 ms) is given to `re`, which is faster by far.
_STEPS = 20_000


def reader(part: Part) -> Reader:
    """A function from text to the values of ``part`` (with its suffix, if it has one), or None.

    One variable has no text to share out, and is left to ``re``, as are texts so short that ``re`` cannot
    take long over them. So is a part in which an expression of the user's own, with groups or look-around,
    stands beside other text in a segment: its cost is that of the expression.
    """
    read = row(part)
    if read is None or len(part.variables) == 1:
        return _by_re(part)
    elements, spans = read
    scan = Scan(elements, spans)
    ways = sum(1 for element in elements if isinstance(element, Run) and element.least != element.most)
    if any(isinstance(element, Whole) for element in elements):
        return scan  # on every text, as `re` would let the expression go beyond its segment
    short = int(_STEPS ** (1 / (ways + part.suffixed or 1)))
    by_re = _by_re(part)

    def read_either_way(text: str) -> tuple[str, ...] | None:
        return by_re(text) if len(text) <= short else scan(text)

    return read_either_way


def _by_re(part: Part) -> Reader:
    fullmatch = re.compile(part.content).fullmatch
    groups: list[str | int] = [f"wsgikit_{n}" for n in range(len(part.variables))]
    if part.suffixed:
        groups.append(re.compile(part.content).groups)

    def read(text: str) -> tuple[str, ...] | None:
        match = fullmatch(text)
        return None if match is None else tuple(match[group] or "" for group in groups)

    return read


def row(part: Part) -> tuple[list[Element], list[tuple[int, int]]] | None:
    """The row of elements of a part and which of them make each value; None where it is no such row."""
    elements: list[Element] = []
    spans: list[tuple[int, int]] = []
    for piece in _joined(part.pieces):
        if isinstance(piece, str):
            elements.append(Literal(piece))
            continue
        first = len(elements)
        made = _of_variable(piece) or _of_segment(piece, part)
        if made is None:
            return None
        elements += made
        spans.append((first, len(elements)))
    if part.suffixed:
        elements.append(Suffix())
        spans.append((len(elements) - 1, len(elements)))
    return elements, spans


def _joined(pieces: Iterable[str | Variable]) -> list[str | Variable]:
    """The pieces with neighbouring texts made one."""
    joined: list[str | Variable] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def _of_variable(piece: Variable) -> list[Element] | None:
    if piece.choices is not None:
        return [Choice(piece.choices)]
    runs: list[Element] = []
    position = 0
    while position < len(piece.regex):
        atom = _ATOM.match(piece.regex, position)
        if atom is None:
            return None
        runs.append(_run(atom))
        position = atom.end()
    return runs or None


def _run(atom: re.Match[str]) -> Run:
    lazy = atom["lazy"] is not None
    if atom["exactly"] is not None:
        return Run(atom["chars"], int(atom["exactly"]), int(atom["exactly"]), lazy=lazy)
    if atom["least"] is not None:
        return Run(atom["chars"], int(atom["least"] or 0), int(atom["most"] or _UNBOUNDED), lazy=lazy)
    return Run(atom["chars"], *_OFTEN[atom["often"]], lazy=lazy)


def _of_segment(piece: Variable, part: Part) -> list[Element] | None:
    """A variable with an expression of its own that has a segment to itself, and by its own word takes no slash."""
    index = part.pieces.index(piece)
    before = part.pieces[index - 1] if index else "/"
    after = part.pieces[index + 1] if index + 1 < len(part.pieces) else "/"
    if piece.converter.part_isolating and before == "/" and after == "/":
        return [Whole(piece.regex)]
    return None
