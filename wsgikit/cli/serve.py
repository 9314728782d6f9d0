"""The embedded server: waitress, which needs nothing else and runs everywhere."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def serve(app: Any, *, host: str, port: int, threads: int, say: Callable[[str], object]) -> None:
    """Serve ``app`` until Ctrl-C or SIGTERM, then stop cleanly; ``say`` is told the address once it listens.

    ``host``: the address to listen on. ``port``: 0 picks a free one. ``threads``: requests served at once.
    """
    from waitress import create_server

    server = create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        # waitress would remove X-Forwarded-* from every request: who is to be believed is for TrustedProxies to say.
        clear_untrusted_proxy_headers=False,
        # It holds up to this much of an answer for a slow client; its own 16 MiB would be most of a worker's memory.
        outbuf_high_watermark=1024 * 1024,
    )
    say(f"Serving on http://{_bracketed(host)}:{server.effective_port}/  (Ctrl-C stops)")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        server.run()  # returns on KeyboardInterrupt
    finally:
        signal.signal(signal.SIGTERM, before)
        server.close()
        say("Stopped.")


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
