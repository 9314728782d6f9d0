"""What HTTP promises of its methods (RFC 9110 section 9.2)."""

from __future__ import annotations

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Nothing is asked to be changed (section 9.2.1)."""

IDEMPOTENT = SAFE | {"PUT", "DELETE"}
"""Asking several times is asking once (section 9.2.2)."""
