"""A histogram of durations, drawn as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.operations.scoreboard.layout import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT = 40, 110  # of a column, and of the highest bar
_TOP = 16  # for the number above it


def histogram(buckets: Sequence[int]) -> str:
    """A bar for each bucket, its number above and its bound below; the eye sees the shape, and the text the numbers."""
    most = max(*buckets, 1)
    labels = [*map(duration, BOUNDS), "over"]
    bars = "".join(
        _bar(n, count, most, label) for n, (count, label) in enumerate(zip(buckets, labels, strict=True))
    )
    width, height = _WIDTH * len(buckets), _TOP + _HEIGHT + 20
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Requests by duration">'
        f'<line x1="0" y1="{_TOP + _HEIGHT}" x2="{width}" y2="{_TOP + _HEIGHT}"/>{bars}</svg>'
    )


def _bar(place: int, count: int, most: int, label: str) -> str:
    left, middle = place * _WIDTH + 4, place * _WIDTH + _WIDTH // 2
    height = max(1.0, _HEIGHT * count / most) if count else 0.0
    above = f'<text x="{middle}" y="{_TOP + _HEIGHT - height - 4:.1f}">{short(count)}</text>' if count else ""
    return (
        f'<rect x="{left}" y="{_TOP + _HEIGHT - height:.1f}" width="{_WIDTH - 8}" height="{height:.1f}">'
        f"<title>{count:,}: {label}</title></rect>{above}"
        f'<text class="bound" x="{middle}" y="{_TOP + _HEIGHT + 14}">{label}</text>'
    )


def duration(seconds: float) -> str:
    """As people say it: ``2.5 ms``, ``1.2 s``, ``5 min``, ``3 h``, ``4 d``."""
    for limit, unit, size in (
        (1, "ms", 0.001),
        (120, "s", 1),
        (7200, "min", 60),
        (172800, "h", 3600),
    ):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86400:.3g} d"


def short(number: float) -> str:
    """With at most four digits: ``950``, ``12.3k``, ``4.56M``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1000 if unit == 'k' else size):.3g}{unit}"
    return f"{number:g}"
