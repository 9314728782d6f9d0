"""A request refused in the open: a finished answer with its reason, and a note of who refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.reply import reply

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


def refuse(
    layer: str,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    status: int,
    detail: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
) -> list[bytes]:
    """Answer with ``status`` and ``detail``, and note the layer as ``refused`` for the layers outside (AccessLog)."""
    notes = environ.get("wsgikit.notes")
    if notes is not None:
        notes["refused"] = layer
    return reply(environ, start_response, status, detail, headers=headers)
