"""What the client would rather have: Accept and Accept-Encoding (RFC 9110 sections 12.5.1 and 12.5.3).

Both libraries at hand were found wrong on the second: WebOb takes everything when the header is
malformed, and gives identity the weight 1 beside lower ones; Werkzeug answers "none". Here a
malformed member is dropped, and what is left counts. Browsers send few distinct texts, so each is read once.
"""

from __future__ import annotations

import re
from functools import lru_cache

_MEMBER = re.compile(
    r"(?P<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?)"
    r"(?P<params>(?:[ \t]*;[ \t]*[^;,\"]*(?:\"[^\"]*\"[^;,\"]*)?)*)"
)
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")  # RFC 9110 section 12.4.2
_LONGEST = 4096  # a header beyond this is nobody's preference


def qualities(text: str) -> dict[str, float]:
    """Lower-case name to weight, for each well-formed member; a name given twice keeps its first weight."""
    found: dict[str, float] = {}
    for member in text[:_LONGEST].split(","):
        match = _MEMBER.fullmatch(member.strip(" \t"))
        weight = _weight(match["params"]) if match else None
        if match and weight is not None:
            found.setdefault(match["name"].lower(), weight)
    return found


def _weight(params: str) -> float | None:
    """The q parameter, 1 without one, None when it is malformed."""
    for param in params.split(";"):
        name, equals, value = param.strip(" \t").partition("=")
        if name.lower() == "q":
            return float(value) if equals and _QUALITY.fullmatch(value) else None
    return 1.0


@lru_cache(maxsize=512)
def best_encoding(text: str, offers: tuple[str, ...]) -> str | None:
    """The content coding to use out of ``offers`` (in the server's order of preference), None for identity.

    Without the header, or with nothing in it that is offered, identity is what everybody reads. ``x-gzip`` is gzip
    (RFC 9110 section 8.4.1.3); a weight of 0 forbids; ``*`` speaks for those not named.
    """
    wanted = qualities(text)
    if "x-gzip" in wanted:
        wanted.setdefault("gzip", wanted["x-gzip"])
    others = wanted.get("*", 0.0)
    best, weight = None, 0.0
    for offer in offers:
        offered = wanted.get(offer, others)
        if offered > weight:
            best, weight = offer, offered
    return best if weight >= wanted.get("identity", 0.0) else None


@lru_cache(maxsize=512)
def best_type(text: str, offers: tuple[str, ...]) -> str:
    """The media type to answer with out of ``offers``; the first one when none was asked for."""
    wanted = qualities(text)
    best, weight = offers[0], 0.0
    for offer in offers:
        kind = offer.split("/", 1)[0]
        offered = wanted.get(offer, wanted.get(f"{kind}/*", wanted.get("*/*", 0.0)))
        if offered > weight:
            best, weight = offer, offered
    return best
