"""Layers in an order that cannot be right: `Stack` looks at what it is given, and warns.

The table knows layers by their names, as core knows none of the rooms. It holds only what is always wrong; what is a
matter of taste is told in the docs.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PAGE = "docs/responses.md#order"


class OrderWarning(UserWarning):
    """Two layers stand in an order in which one of them cannot do what it is for.

    ``code`` names the rule, ``reason`` says what goes wrong.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code}: {self.reason} (see {_PAGE})"


class Rule(NamedTuple):
    """None of ``outer`` may stand outside of any of ``inner``."""

    code: str
    outer: tuple[str, ...]
    inner: tuple[str, ...]
    reason: str


_REWRITES = ("Transform", "Replace", "HTMLRewrite", "XSLT")

ANY = "*"
"""Among the outer ones of a rule: whichever it is."""

RULES = (
    Rule(
        "outside-server-fix",
        (ANY,),
        ("ServerFix",),
        "it is given the request as the server bends it, and its own answer goes out as it is",
    ),
    Rule(
        "log-inside-trust",
        ("TrustedProxies",),
        ("AccessLog",),
        "what is answered further out is not logged; outside, the log has the verified client all the same",
    ),
    Rule(
        "id-before-trust",
        ("RequestId",),
        ("TrustedProxies",),
        "it hands on a copy of environ, so that the logs further out have the proxy for the client",
    ),
    Rule(
        "limit-before-trust",
        ("RateLimit", "Maintenance"),
        ("TrustedProxies",),
        "what it decides by the client's address, it decides by that of the proxy in front",
    ),
    Rule(
        "cache-before-trust",
        ("Cache",),
        ("TrustedProxies",),
        "it keeps answers under a scheme and a host that nobody has verified",
    ),
    Rule(
        "cache-keeps-what-is-one-clients",
        ("Cache",),
        ("RequestId", "ServerTiming"),
        "what is made for one client and one moment would be kept, and served to others",
    ),
    Rule(
        "ranges-outside-compress",
        ("Ranges",),
        ("Compress",),
        "it would cut parts out of an encoding that is made anew for each request",
    ),
    Rule(
        "tag-outside-compress",
        ("ETag",),
        ("Compress",),
        "it would tag encoded bytes, which differ from one version of a library to the next",
    ),
    Rule(
        "tag-outside-conditional",
        ("ETag",),
        ("ConditionalGet", "Ranges"),
        "the tag it adds comes too late for whoever asks about it",
    ),
    Rule(
        "catch-outside-pages",
        ("CatchErrors",),
        ("ErrorPages",),
        "an exception passes by the pages, and is answered without them",
    ),
    Rule(
        "rewrite-outside-compress",
        _REWRITES,
        ("Compress",),
        "it leaves encoded bodies alone, and so does nothing for most clients",
    ),
    Rule(
        "rewrite-outside-ranges",
        _REWRITES,
        ("Ranges",),
        "it leaves parts of a body alone, and so whoever asks for a range gets the body as it was",
    ),
)


def check_order(layers: Sequence[str], *, stacklevel: int) -> None:
    """Warn of each rule that ``layers``, names given outermost first, break."""
    for rule in RULES:
        for outer, inner in _broken(rule, layers):
            reason = f"{outer} stands outside {inner}: {rule.reason}"
            warnings.warn(OrderWarning(rule.code, reason), stacklevel=stacklevel + 1)
            break


def _broken(rule: Rule, layers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The pairs of names that break ``rule``."""
    for at, outer in enumerate(layers):
        if outer in rule.outer or (ANY in rule.outer and outer not in rule.inner):
            for inner in layers[at + 1 :]:
                if inner in rule.inner:
                    yield outer, inner
