"""What a 304 keeps of the head that its 200 would have had (RFC 9110 section 15.4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.headers import get

if TYPE_CHECKING:
    from wsgikit.core.headers import Headers

_OF_THE_CONTENT = frozenset({"digest", "repr-digest"})
_BESIDE_A_TAG = _OF_THE_CONTENT | {"last-modified"}


def of_a_304(headers: Headers) -> Headers:
    """What a cache or a client updates its copy with; nothing about a content that is not there."""
    dropped = _OF_THE_CONTENT if get(headers, "etag") is None else _BESIDE_A_TAG
    kept = []
    for pair in headers:
        field = pair[0].lower()
        if field == "content-location" or not (field.startswith("content-") or field in dropped):
            kept.append(pair)
    return kept
