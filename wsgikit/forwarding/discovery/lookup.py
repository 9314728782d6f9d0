"""What every source of upstreams does: it looks up which there are now, or says why it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgikit.forwarding.upstream import Upstream

SOON = 5.0
"""Seconds until a look-up that has failed is worth another try: about what a resolver needs to come back."""


class LookupFailed(Exception):
    """It is not known which upstreams there are, so those known before are kept.

    The text is for the log, and not escaped yet. ``again``: seconds until it is worth another try.
    """

    def __init__(self, reason: str, *, again: float = SOON) -> None:
        super().__init__(reason)
        self.again = again


class Source(Protocol):
    """Finds upstreams. It may take its time, so it is asked in the background, and never twice at once.

    Its ``str`` is the option as it was written, for the log.
    """

    @property
    def replaces(self) -> bool:
        """Whether what it finds stands for the upstreams it was given, or comes beside them."""

    def look_up(self) -> tuple[list[Upstream], float]:
        """The upstreams there are now, each URL once, and the seconds until it is worth looking again.

        Raises ``LookupFailed``.
        """


def distinct(upstreams: Iterable[Upstream]) -> list[Upstream]:
    """The first upstream of each URL, in the order given."""
    first: dict[str, Upstream] = {}
    for one in upstreams:
        first.setdefault(one.url, one)
    return list(first.values())
