"""What a request made conditional asks, and whether an answer at hand meets it (RFC 9110 section 13).

Pure functions of the request's environ and the headers that a 200 would have. The order of section 13.2.2: If-Match, or
without it If-Unmodified-Since; then If-None-Match, or without it If-Modified-Since; then If-Range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.headers import get
from wsgikit.http import dates, etags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIEnvironment

    Headers = Iterable[tuple[str, str]]


def asked(environ: WSGIEnvironment) -> bool:
    """Whether the request has a precondition that can decide its status."""
    return (
        "HTTP_IF_NONE_MATCH" in environ
        or "HTTP_IF_MODIFIED_SINCE" in environ
        or "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
    )


def failing(environ: WSGIEnvironment, headers: Headers) -> int | None:
    """The status that takes the place of this 200 to a GET or HEAD, 304 or 412; None where the 200 stands."""
    if not _still_current(environ, headers):
        return 412
    return None if _news(environ, headers) else 304


def range_holds(environ: WSGIEnvironment, headers: Headers, now: float) -> bool:
    """Whether If-Range, if there is one, lets a part of this representation be sent (section 13.1.5).

    ``now``, in seconds since the epoch, stands in for a Date that the answer lacks.
    """
    condition: str | None = environ.get("HTTP_IF_RANGE")
    if condition is None:
        return True
    condition = condition.strip(" \t")
    if etags.valid(condition):
        return etags.strong(condition, get(headers, "etag") or "")
    modified = _date(get(headers, "last-modified"))
    if modified is None or dates.parse(condition) != modified:
        return False
    # Two versions can fall into one second; a date that was over when the answer was made is strong (section 8.8.2.2).
    made = _date(get(headers, "date"))
    return modified + 1 <= (now if made is None else made)


def _still_current(environ: WSGIEnvironment, headers: Headers) -> bool:
    """If-Match (section 13.1.1), or else If-Unmodified-Since (section 13.1.4)."""
    wanted = environ.get("HTTP_IF_MATCH")
    if wanted is not None:
        return _matches(wanted, headers, etags.strong)
    since, modified = _since(environ, "HTTP_IF_UNMODIFIED_SINCE", headers)
    return since is None or modified is None or modified <= since


def _news(environ: WSGIEnvironment, headers: Headers) -> bool:
    """If-None-Match (section 13.1.2), or else If-Modified-Since (section 13.1.3)."""
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None:
        return not _matches(known, headers, etags.weak)
    since, modified = _since(environ, "HTTP_IF_MODIFIED_SINCE", headers)
    return since is None or modified is None or modified > since


def _matches(field: str, headers: Headers, same: Callable[[str, str], bool]) -> bool:
    """Whether the current representation is among the tags of ``field``; ``*`` is any that there is."""
    tags = etags.parse(field)
    if tags == "*":
        return True
    current = get(headers, "etag")
    return current is not None and any(same(tag, current) for tag in tags)


def _since(environ: WSGIEnvironment, key: str, headers: Headers) -> tuple[int | None, int | None]:
    """The date asked about, and that of the last change."""
    since = _date(environ.get(key))
    return since, None if since is None else _date(get(headers, "last-modified"))


def _date(text: str | None) -> int | None:
    return None if text is None else dates.parse(text)
