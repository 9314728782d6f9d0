"""Small finished answers: a refusal the client can read, as plain text, HTML or problem+json (RFC 9457)."""

from __future__ import annotations

import json
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING

from wsgikit.http.accept import best_type

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

# Plain text first: it is what curl, health checks and clients that do not say get.
_OFFERS = ("text/plain", "text/html", "application/problem+json", "application/json")
_BODILESS = (204, 205, 304)


def reason(status: int) -> str:
    """The reason phrase of a status code; never empty, as several servers fail on a bare code."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


def reply(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    status: int,
    detail: str = "",
    *,
    headers: Iterable[tuple[str, str]] = (),
) -> list[bytes]:
    """Answer with ``status`` and ``detail`` (one sentence on why), in the form that Accept asks for."""
    line = f"{status} {reason(status)}"
    if status in _BODILESS:
        start_response(line, [*headers])
        return []
    kind, body = _render(environ, line, status, detail)
    start_response(line, [("Content-Type", kind), ("Content-Length", str(len(body))), *headers])
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]


def _render(environ: WSGIEnvironment, line: str, status: int, detail: str) -> tuple[str, bytes]:
    kind = best_type(environ.get("HTTP_ACCEPT", ""), _OFFERS)
    if kind == "text/plain":
        text = f"{line}\n" + (f"{detail}\n" if detail else "")
        return "text/plain; charset=utf-8", text.encode()
    if kind == "text/html":
        paragraph = f"<p>{escape(detail)}</p>" if detail else ""
        page = f"<!doctype html><title>{line}</title><h1>{line}</h1>{paragraph}\n"
        return "text/html; charset=utf-8", page.encode()
    problem = {"title": reason(status), "status": status, **({"detail": detail} if detail else {})}
    return "application/problem+json", json.dumps(problem).encode()
