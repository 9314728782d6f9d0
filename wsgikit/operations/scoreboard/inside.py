"""What layers further in have noted about a request: which upstream it went to, and what a cache has done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 10.0**9  # seconds: nobody has waited for that long, and inf and nan are no numbers to add


class Inside(NamedTuple):
    """What ReverseProxy and Cache have told. ``upstream`` is None for requests without a proxy, "" if none was free."""

    upstream: str | None
    error: str | None
    retries: int
    micros: int
    cache: str | None


def inside(notes: Mapping[str, Any]) -> Inside:
    """Read the notes of a request. Apps may write into them as well, so what is no number counts as zero."""
    upstream, error, cache = notes.get("upstream"), notes.get("upstream_error"), notes.get("cache")
    if upstream is None and error is not None:
        upstream = ""
    retries, spent = notes.get("retries"), notes.get("upstream_time")
    return Inside(
        None if upstream is None else str(upstream),
        None if error is None else str(error),
        retries if type(retries) is int and 0 <= retries < _LONGEST else 0,
        int(spent * 1e6) if type(spent) is float and 0 <= spent < _LONGEST else 0,
        None if cache is None else str(cache),
    )
