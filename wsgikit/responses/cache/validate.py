"""Asking the app whether a stored response is still right (RFC 9111 section 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.http import etags

if TYPE_CHECKING:
    from wsgikit.responses.cache.head import Head


def has_validator(head: Head) -> bool:
    """Whether the app can be asked about it."""
    return head.etag is not None or head.last_modified is not None


def conditions(stored: Head) -> dict[str, str]:
    """The conditions under which a response is worth sending, as keys of environ: the stored one is no longer right.

    Both validators go out: an app that knows tags must ignore the date (RFC 9110 section 13.1.3).
    """
    found = {}
    if stored.etag is not None:
        found["HTTP_IF_NONE_MATCH"] = stored.etag
    if stored.last_modified is not None:
        found["HTTP_IF_MODIFIED_SINCE"] = stored.fields["last-modified"][0]
    return found


def confirms(answer: Head, stored: Head) -> bool:
    """Whether a 304 speaks of this stored response, and not of one that the app has meanwhile (section 4.3.4)."""
    if "etag" in answer.fields:
        if answer.etag is None or stored.etag is None:
            return False
        compare = etags.weak if answer.etag.startswith("W/") else etags.strong
        return compare(answer.etag, stored.etag)
    if answer.last_modified is not None and stored.last_modified is not None:
        return answer.last_modified == stored.last_modified
    return True
