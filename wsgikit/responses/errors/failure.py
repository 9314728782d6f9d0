"""What is answered for an exception: what it says itself, or 500, in the form that Accept asks for."""

from __future__ import annotations

import json
import sys
from html import escape
from traceback import format_exception
from typing import TYPE_CHECKING, Any, cast

from wsgikit.core.reply import reply
from wsgikit.http.accept import best_type

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_DETAIL = "The application failed to answer this request."
_LINE = "500 Internal Server Error"
_OFFERS = ("text/plain", "text/html", "application/problem+json", "application/json")


def answer_of(error: Exception) -> WSGIApplication | None:
    """The answer that an exception of Werkzeug or WebOb is itself, None where it is none.

    Neither is imported for it: a module that is not there has raised nothing.
    """
    if _is_a(error, "webob.exc"):
        return cast("WSGIApplication", error)
    if _is_a(error, "werkzeug.exceptions"):
        known: Any = error
        if known.code is not None or known.response is not None:  # Werkzeug would send a bare one as 200
            return cast("WSGIApplication", error)
    return None


def _is_a(error: Exception, module: str) -> bool:
    kind = getattr(sys.modules.get(module), "HTTPException", None)
    return kind is not None and isinstance(error, kind)


def failure(
    error: Exception, environ: WSGIEnvironment, start_response: StartResponse, *, debug: bool
) -> Iterable[bytes]:
    """Answer 500; with ``debug`` along with the traceback."""
    if not debug:
        return reply(environ, start_response, 500, _DETAIL)
    kind = best_type(environ.get("HTTP_ACCEPT", ""), _OFFERS)
    content_type, text = _shown(kind, "".join(format_exception(error)))
    body = text.encode("utf-8", "backslashreplace")  # lone surrogates, as in file names
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response(_LINE, headers)
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]


def _shown(kind: str, trace: str) -> tuple[str, str]:
    """The Content-Type and the text of an answer with a traceback."""
    if kind == "text/plain":
        return "text/plain; charset=utf-8", f"{_LINE}\n\n{trace}"
    if kind == "text/html":
        page = f"<!doctype html><title>{_LINE}</title><h1>{_LINE}</h1><pre>{escape(trace)}</pre>\n"
        return "text/html; charset=utf-8", page
    problem = {"title": "Internal Server Error", "status": 500, "detail": _DETAIL, "traceback": trace}
    return "application/problem+json", json.dumps(problem)
