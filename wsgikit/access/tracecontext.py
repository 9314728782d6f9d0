"""W3C Trace Context: which trace a request belongs to, read from ``traceparent`` and handed on in it.

https://www.w3.org/TR/trace-context/: a header that breaks any rule is as good as none, and takes its
``tracestate`` with it; so does one of a peer that is not trusted, as its sender would otherwise decide which trace our
lines are filed under, and whether each request is recorded.
"""

from __future__ import annotations

import re
from os import urandom
from typing import NamedTuple

# version-traceid-parentid-flags; what later versions append begins with a dash (section 3.2.4).
_TRACEPARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?P<more>-.*)?",
    re.ASCII,
)
_KNOWN_FLAGS = 0x03  # sampled, and random of level 2; the others are to be zero (section 3.2.2.5)

_KEY = r"[a-z0-9][a-z0-9_*/@-]{0,255}"  # as level 2 has it, which is the wider
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(rf"({_KEY})={_VALUE}", re.ASCII)
_MOST_MEMBERS = 32  # section 3.3.1.1


class Trace(NamedTuple):
    """One place in a trace: ``span_id`` names the work at hand, ``parent_id`` what asked for it."""

    trace_id: str
    parent_id: str
    span_id: str
    flags: int

    @property
    def traceparent(self) -> str:
        """The header that makes the work at hand the parent of what it asks for."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def continued(traceparent: str) -> Trace | None:
    """A new place in the sender's trace, or None where the header will not do."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or (match["more"] and match["version"] == "00"):
        return None
    _, trace_id, parent_id, flags, _ = match.groups()
    return Trace(trace_id, parent_id, urandom(8).hex(), int(flags, 16) & _KNOWN_FLAGS)


def sound_state(tracestate: str) -> bool:
    """Whether a tracestate may be handed on: a list of at most 32 pairs, each key once (section 3.3.1)."""
    members = [member for text in tracestate.split(",") if (member := text.strip(" \t"))]  # some may be empty
    if len(members) > _MOST_MEMBERS:
        return False
    keys = {match[1] for member in members if (match := _MEMBER.fullmatch(member))}
    return len(keys) == len(members)
