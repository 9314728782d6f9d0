"""The embedded server: waitress, which needs nothing else and runs everywhere."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class CannotListen(OSError):
    """The address is taken, is not this machine's, or needs other rights; the text says which."""


def serve(app: Any, *, host: str, port: int, threads: int, say: Callable[[str], object]) -> None:
    """Serve ``app`` until Ctrl-C or SIGTERM, then stop cleanly; ``say`` is told the address once it listens.

    Raises ``CannotListen`` for an address that cannot be had.

    ``host``: the address to listen on. ``port``: 0 picks a free one. ``threads``: requests served at once.
    """
    from waitress import create_server

    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=threads,
            # waitress would remove X-Forwarded-* from every request: whom to believe is for TrustedProxies to say.
            clear_untrusted_proxy_headers=False,
            # It holds up to this much of an answer for a slow client; by itself 16 MiB.
            outbuf_high_watermark=1024 * 1024,
        )
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {_bracketed(host)}:{port}: {error.strerror or error}"
        ) from error
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
