"""Cache-Status: what became of a request in this cache (RFC 9211)."""

from __future__ import annotations

NAME = "wsgikit"
HEADER = "Cache-Status"

BYPASS = (HEADER, f"{NAME}; fwd=bypass")


def hit(left: float) -> tuple[str, str]:
    """Answered from the store; ``left`` are the seconds of freshness that remain, below 0 when it is stale."""
    return HEADER, f"{NAME}; hit; ttl={int(left // 1)}"


def unanswered(detail: str) -> tuple[str, str]:
    """Neither is there anything stored that may be sent, nor was the app asked."""
    return HEADER, f"{NAME}; detail={detail}"


def forwarded(
    reason: str,
    *,
    status: int | None = None,
    left: float | None = None,
    stored: bool = False,
    collapsed: bool = False,
    detail: str | None = None,
) -> tuple[str, str]:
    """The app was asked.

    ``reason`` is the RFC's word for why, ``status`` what it said where the client got another one, ``detail`` a token.
    """
    text = f"{NAME}; fwd={reason}"
    if status is not None:
        text += f"; fwd-status={status}"
    if left is not None:
        text += f"; ttl={int(left // 1)}"
    if stored:
        text += "; stored"
    if collapsed:
        text += "; collapsed"
    if detail is not None:
        text += f"; detail={detail}"
    return HEADER, text
