"""Byte ranges: what a Range asks for, and what of it a representation can give (RFC 9110 section 14).

WebOb gives the first of several ranges and all for ``bytes=-0``; Werkzeug answers 416 to both, and to a unit
it does not know. Here what is not understood is ignored, as the RFC has it, and the whole is sent.
"""

from __future__ import annotations

import re
import sys

Wanted = tuple[tuple[int | None, int | None], ...]
"""The first and the last byte of each range; no first one for a suffix, no last one for an open range."""

Span = tuple[int, int]
"""Where a part begins and where it ends, the end not included."""

MOST = 10
"""As many ranges at once as anyone needs; more are an attack, or a broken client (section 17.15)."""

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")


def parse(text: str) -> Wanted | None:
    """The ranges in the value of Range; None for another unit than bytes, a mistake in the set, or too many."""
    unit, _, listed = text.strip(" \t").partition("=")
    if unit.lower() != "bytes":
        return None
    wanted = []
    for member in listed.split(","):
        spec = member.strip(" \t")
        if not spec:
            continue  # an empty element of a list is no mistake (section 5.6.1.2)
        match = _SPEC.fullmatch(spec)
        first, last = (_number(match[1]), _number(match[2])) if match else (None, None)
        if first is None and last is None:
            return None
        if first is not None and last is not None and last < first:
            return None
        wanted.append((first, last))
        if len(wanted) > MOST:
            return None
    return tuple(wanted) or None


def select(wanted: Wanted, length: int) -> list[Span] | None:
    """The parts to send out of ``length`` bytes, in the order asked for, overlapping ones made one.

    Empty where nothing of it is there, which is a 416. None where the whole is to be sent: more than two ranges
    overlap (section 14.2), or the end is asked of a representation that is empty, which no Content-Range can say.
    """
    spans = []
    for first, last in wanted:
        if first is None:
            if last and not length:
                return None
            if last:
                spans.append((max(length - last, 0), length))
        elif first < length:
            spans.append((first, length if last is None else min(last + 1, length)))
    return spans if len(spans) < 2 else _merged(spans)


def content_range(span: Span, length: int) -> str:
    """The value of Content-Range for one part."""
    start, stop = span
    return f"bytes {start}-{stop - 1}/{length}"


def unsatisfied(length: int) -> str:
    """The value of Content-Range in a 416."""
    return f"bytes */{length}"


def _number(digits: str) -> int | None:
    """Bounded, as no file is larger, and as ``int()`` refuses thousands of digits."""
    digits = digits.lstrip("0") or digits[:1]
    if len(digits) > 18:
        return sys.maxsize
    return int(digits) if digits else None


def _merged(spans: list[Span]) -> list[Span] | None:
    """``spans`` with overlapping ones made one, each where its first one stood; None for more than two that overlap."""
    places: dict[int, Span] = {}  # by place in the order asked for
    place, end = 0, 0
    for index, (start, stop) in sorted(enumerate(spans), key=lambda pair: pair[1]):
        if places and start < end:
            begin, end = places.pop(place)[0], max(end, stop)
            place = min(place, index)
            places[place] = begin, end
        else:
            place, end = index, stop
            places[place] = start, stop
    if len(spans) - len(places) > 1:
        return None
    return [places[place] for place in sorted(places)]
