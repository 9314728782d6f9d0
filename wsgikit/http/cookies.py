"""One cookie out of a Cookie header, found without taking the others apart."""

from __future__ import annotations


def value_of(header: str, name: str) -> str:
    """The value of the first cookie named ``name``, without quotes around it; ``""`` without one.

    The first is the one with the longest path (RFC 6265 section 5.4). A semicolon ends a value even between quotes, as
    it does for browsers: where it does not, two cookies with one quote each swallow all that come between them.
    """
    pair = name + "="
    at = header.find(pair)
    while at >= 0:
        if not at or header[at - 2 : at] == "; " or _begins(header, at):
            start = at + len(pair)
            end = header.find(";", start)
            value = (header[start:] if end < 0 else header[start:end]).strip(" \t")
            return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        at = header.find(pair, at + 1)
    return ""


def _begins(header: str, at: int) -> bool:
    """Whether a cookie begins at ``at``: ``sid=`` is also the end of ``PHPSESSID_sid=``, and may stand in a value."""
    while at and header[at - 1] in " \t":
        at -= 1
    return not at or header[at - 1] == ";"
