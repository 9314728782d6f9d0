"""The status page around its sections, and what a browser lets it do."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from wsgikit.operations.status.sections import main

if TYPE_CHECKING:
    from wsgikit.operations.status.view import View

STYLE = files("wsgikit.operations.status").joinpath("page.css").read_text("utf-8")
SCRIPT = files("wsgikit.operations.status").joinpath("page.js").read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_hash(STYLE)}",
        f"script-src {_hash(SCRIPT)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What a browser lets the page do: this style and this script, which asks where it came from."""


def document(view: View) -> str:
    """The whole page. Without JavaScript it is loaded again every five seconds; the icon keeps browsers from asking."""
    title = f"{escape(view.snapshot.service)} · status"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>'
        f'{title}</title><meta name="viewport" content="width=device-width">'
        '<link rel="icon" href="data:,"><noscript><meta http-equiv="refresh" content="5"></noscript>'
        f"<style>{STYLE}</style></head><body><main>{main(view)}</main><script>{SCRIPT}</script></body></html>\n"
    )


def live(view: View) -> dict[str, Any]:
    """What the page asks for again and again: its own inside, and the numbers for those who want no HTML."""
    snapshot, total = view.snapshot, view.snapshot.total
    return {
        "service": snapshot.service,
        "taken": snapshot.taken,
        "requests": total.requests,
        "classes": total.classes,
        "failed": snapshot.exceptions,
        "lost": snapshot.lost,
        "in_flight": snapshot.in_flight,
        "waiting": view.waiting,
        "workers": [
            {
                "number": worker.number,
                "pid": worker.pid,
                "busy": worker.busy,
                "requests": worker.requests,
                "rss": worker.rss,
                "lives": worker.lives,
                "in_flight": [core.request for core in worker.cores if core.request],
            }
            for worker in snapshot.workers
        ],
        "upstreams": snapshot.upstreams,
        "cache": snapshot.cache,
        "slowest": snapshot.slowest,
        "last_failed": snapshot.failed,
        "page": main(view),
    }
