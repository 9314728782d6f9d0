"""Pages that hold the nonce of one request: SecurityHeaders gives each request another, so the page is for nobody else.

Kept, such a page would come with a policy that names a new nonce, and the browser would run none of its scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY = "wsgikit.csp_nonce"


class NonceSearch:
    """Looks for ``nonce`` in a body that comes in chunks, whatever the chunks."""

    __slots__ = ("_end", "_nonce")

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce.encode("latin-1", "replace")
        self._end = b""

    def found(self, chunk: bytes) -> bool:
        """Whether it is in what has come by now."""
        reach = len(self._nonce) - 1
        across = self._end + chunk[:reach]
        self._end = (self._end + chunk)[-reach:] if len(chunk) < reach else chunk[-reach:]
        return self._nonce in chunk or self._nonce in across


def in_headers(nonce: str, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether it is in a header, as in a policy of the app's own."""
    return any(nonce in value for _, value in headers)
