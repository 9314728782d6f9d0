"""Asking the app behind the client's back: stale-while-revalidate (RFC 5861 section 3)."""

from __future__ import annotations

import logging
import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any

from wsgikit.core.background import Background
from wsgikit.core.body import close
from wsgikit.responses.cache.asked import Asked
from wsgikit.responses.cache.fetch import CONDITIONS, Fetch
from wsgikit.responses.cache.passage import Passage

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from wsgikit.responses.cache.collapse import Fill
    from wsgikit.responses.cache.kept import Kept
    from wsgikit.responses.cache.storage import Storage

_log = logging.getLogger("wsgikit.cache")

# What one client wants of its own answer.
_OF_THE_CLIENT = frozenset(
    {*CONDITIONS, "HTTP_CACHE_CONTROL", "HTTP_PRAGMA", "CONTENT_LENGTH", "CONTENT_TYPE"}
)


class Behind:
    """Refreshes stored responses, each in a thread of its own that no exit waits for."""

    def __init__(self) -> None:
        self._background = Background("Cache")

    def refresh(
        self,
        app: WSGIApplication,
        storage: Storage,
        environ: WSGIEnvironment,
        key: str,
        fill: Fill,
        kept: Kept,
    ) -> None:
        """Validate ``kept``, or replace it. ``fill`` is what keeps others from doing the same; it ends here."""
        copy = detached(environ)

        def refreshed() -> None:
            try:
                _fetch(app, Fetch(storage, Asked(copy), key, fill, kept, "stale", behind=True))
            except Exception:
                _log.exception("refreshing %a failed", key)
            finally:
                storage.fills.end(fill)

        self._background.every(refreshed)


def _fetch(app: WSGIApplication, fetch: Fetch) -> None:
    body = Passage(app, fetch.environ(), _start_response, fetch).go()
    try:
        for _chunk in body:
            pass
    finally:
        close(body)


def detached(environ: WSGIEnvironment) -> WSGIEnvironment:
    """The request for another thread, after it is over: its text, and nothing that lives in it."""
    copy: WSGIEnvironment = {
        name: value
        for name, value in environ.items()
        if type(value) in (str, bool) and name not in _OF_THE_CLIENT
    }
    for name in ("wsgikit.original", "wsgiorg.routing_args"):
        if name in environ:
            copy[name] = environ[name]
    copy.update(
        {
            "REQUEST_METHOD": "GET",
            "wsgi.version": (1, 0),
            "wsgi.input": BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
        }
    )
    return copy


def _start_response(
    status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
) -> Callable[[bytes], object]:
    return len  # write(), whose bytes nobody sees
