"""Changing bodies: what an answer must allow before, and what becomes of its head after (RFC 9110 section 7.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.headers import get, replaced

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgikit.core.headers import Headers

MAY_FORBID = frozenset({"cache-control", "content-encoding", "content-range"})
"""The headers by which an answer can say that its body has to stay as it is."""

# What describes the bytes as they were (RFC 9110 sections 8.4, 8.6 and 14.3, RFC 9530, RFC 1864, RFC 3230).
STALE = frozenset(
    {
        "accept-ranges",
        "content-digest",
        "content-encoding",
        "content-length",
        "content-md5",
        "digest",
        "repr-digest",
    }
)


def forbids(field: str, value: str) -> bool:
    """Whether one of `MAY_FORBID` forbids that the body be changed; ``field`` in lower case."""
    if field == "cache-control":
        return "no-transform" in value.lower()  # RFC 9111 section 5.2.2.6
    if field == "content-encoding":
        return value.strip(" \t").lower() not in ("identity", "")
    return True  # Content-Range: a part, counted in bytes of the whole (RFC 9110 section 14.4)


def may_change(headers: Headers) -> bool:
    """Whether no header forbids that the body be changed."""
    for name, value in headers:
        field = name.lower()
        if field in MAY_FORBID and forbids(field, value):
            return False
    return True


def changed(headers: Headers) -> Headers:
    """The head of a changed answer, a new list: its tag is weak, and nothing describes the bytes as they were."""
    kept: Headers = []
    for pair in headers:
        field = pair[0].lower()
        if field == "etag":
            kept.append((pair[0], weak(pair[1])))
        elif field not in STALE:
            kept.append(pair)
    return kept


def weak(tag: str) -> str:
    """An entity-tag that makes no promise about bytes (RFC 9110 section 8.8.1)."""
    return tag if tag.startswith("W/") else f"W/{tag}"


def with_listed_tag(headers: Headers, environ: WSGIEnvironment) -> Headers:
    """The head of a 304 with the tag that its 200 had, if the client got that one changed (RFC 9110 section 15.4.5)."""
    tag = get(headers, "etag")
    if tag is None or weak(tag) not in environ.get("HTTP_IF_NONE_MATCH", ""):
        return headers
    return replaced(headers, "ETag", weak(tag))
