"""The log's record of an app that has failed, whoever answers for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

log = logging.getLogger("wsgikit.errors")


def record(error: BaseException, environ: WSGIEnvironment) -> None:
    """Log the error with its traceback, and which request it was: method, path, request id."""
    get = environ.get
    path = f"{get('SCRIPT_NAME') or ''}{get('PATH_INFO') or ''}"
    request_id = get("wsgikit.notes", {}).get("request.id") or get("wsgikit.request_id") or "-"
    log.error("%a %a failed, request id %a", get("REQUEST_METHOD", ""), path, request_id, exc_info=error)
