"""The plain answer, read without llhttp: it came in one piece, has a length, and holds nothing that needs a thought.

Most answers are like that, and reading them so takes half the time, as a line that was seen before need not be looked
at again. What is not plain to the letter is left to llhttp: there is one judge of what is an answer and what is not.
"""

from __future__ import annotations

import re
from functools import lru_cache

from wsgikit.forwarding.inbound import Head, field_name, sendable, status_line

# A status that comes with a body, and its reason (RFC 9112 section 4).
_STATUS = re.compile(rb"HTTP/1\.1 ((?!204|304)[2-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
# Token, colon, and a value without the blanks around it (RFC 9112 section 5).
_FIELD = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):"
    rb"[ \t]*([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*"
)
_LENGTH = re.compile(rb"[0-9]{1,15}")

_LONGEST = 256
"""Bytes of a line that is remembered, and so of one that is plain."""

_KEEP_ALIVE = (b"connection", b"keep-alive")


def plain(data: bytes) -> tuple[Head, bytes] | None:
    """The head and the body in ``data``, if that is all of a plain answer and nothing more; else None."""
    text, end, body = data.partition(b"\r\n\r\n")
    if not end or len(text) > 16 * _LONGEST:
        return None
    status, *lines = text.split(b"\r\n")
    line = _status(status)
    if line is None:
        return None
    head = Head(line, "1.1")
    headers, length = head.headers, None
    for one in lines:
        found = _field(one) if len(one) <= _LONGEST else None
        if found is None:
            return None
        pair, size = found
        if pair is not None:
            headers.append(pair)
        if size is not None:
            if length is not None:
                return None
            length = size
    return (head, body) if length == len(body) else None


@lru_cache(maxsize=256)
def _status(line: bytes) -> str | None:
    """The status and reason to hand on; None where llhttp is to judge."""
    match = _STATUS.fullmatch(line)
    return None if match is None else status_line(int(match[1]), match[2])


@lru_cache(maxsize=2048)
def _field(line: bytes) -> tuple[tuple[str, str] | None, int | None] | None:
    """The field to hand on, if any, and the length it tells; None where llhttp is to judge, or a thought is needed."""
    match = _FIELD.fullmatch(line)
    if match is None:
        return None
    raw, value = match.groups()
    lower = raw.lower()
    if (lower, value.lower()) == _KEEP_ALIVE:
        return None, None  # it says what is so anyway
    name = field_name(raw)
    if not name:
        return None
    length = None
    if lower == b"content-length":
        if not _LENGTH.fullmatch(value):
            return None
        length = int(value)
    return (name, sendable(value)), length
