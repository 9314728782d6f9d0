"""What the client would rather have: Accept and Accept-Encoding (RFC 9110 sections 12.5.1 and 12.5.3).

Both libraries at hand were found wrong on the second: WebOb takes everything when the header is
malformed, and gives identity the weight 1 beside lower ones; Werkzeug answers "none". Here a
malformed member is dropped, and what is left counts. Browsers send few distinct texts, so each is read once.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_NAME = re.compile(rf"{_TOKEN}(?:/{_TOKEN})?")  # a content coding, or a media range
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # RFC 9110 section 12.4.2

# What stands between the commas that are not in quotes. The repeats are possessive: there is one way through any
# text, so that a hostile one costs its length and no more.
_MEMBERS = re.compile(r'(?>(?:[^,"]|"(?>(?:[^"\\]|\\.)*)"?+)+)', re.DOTALL)

_LONGEST = 4096  # characters: what is beyond is nobody's preference, and is neither read nor remembered


def qualities(text: str) -> dict[str, float]:
    """Lower-case name to weight, for each well-formed member; a name given twice keeps its first weight."""
    found: dict[str, float] = {}
    for member in _MEMBERS.findall(text) if '"' in text else text.split(","):
        name, _, params = member.partition(";")
        name = name.strip(" \t")
        weight = _weight(params)
        if weight is not None and _NAME.fullmatch(name):
            found.setdefault(name.lower(), weight)
    return found


def _weight(params: str) -> float | None:
    """The q parameter, 1 without one, None when it is malformed."""
    for param in params.split(";"):
        name, _, value = param.strip(" \t").partition("=")
        if name.rstrip(" \t") in (
            "q",
            "Q",
        ):  # with a space before "=" it is malformed, and not to be overlooked
            return float(value) if name in ("q", "Q") and _QUALITY.fullmatch(value) else None
    return 1.0


def best_encoding(text: str, offers: tuple[str, ...]) -> str | None:
    """The content coding to use out of ``offers`` (in the server's order of preference), None for identity.

    Without the header, or with nothing in it that is offered, identity is what everybody reads, even where it is
    forbidden. ``x-gzip`` is gzip (RFC 9110 section 8.4.1.3); a weight of 0 forbids; ``*`` speaks for those not named,
    identity among them. Identity goes unsaid in most headers, and wins only with a higher weight of its own.
    """
    return _best_encoding(text if len(text) <= _LONGEST else text[:_LONGEST], offers)


def best_type(text: str, offers: tuple[str, ...]) -> str:
    """The media type to answer with out of ``offers``; the first one when none was asked for."""
    return _best_type(text if len(text) <= _LONGEST else text[:_LONGEST], offers)


@lru_cache(maxsize=512)
def _best_encoding(text: str, offers: tuple[str, ...]) -> str | None:
    wanted = qualities(text)
    if "x-gzip" in wanted:
        wanted.setdefault("gzip", wanted["x-gzip"])
    others = wanted.get("*", 0.0)
    best, weight = None, 0.0
    for offer in offers:
        offered = wanted.get(offer, others)
        if offered > weight:
            best, weight = offer, offered
    return best if weight >= wanted.get("identity", others) else None


@lru_cache(maxsize=512)
def _best_type(text: str, offers: tuple[str, ...]) -> str:
    wanted = qualities(text)
    best, weight = offers[0], 0.0
    for offer in offers:
        kind = offer.split("/", 1)[0]
        offered = wanted.get(offer, wanted.get(f"{kind}/*", wanted.get("*/*", 0.0)))
        if offered > weight:
            best, weight = offer, offered
    return best
