"""Cookies of apps that live side by side: each kept to its own mount.

Two apps that both call their cookie ``session`` and give it ``Path=/`` overwrite each other's: two Flask apps log
each other out. Narrowed to their mounts, the browser keeps both, and sends an app its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import StartResponse


def scoped(start_response: StartResponse, script_name: str) -> StartResponse:
    """A ``start_response`` that narrows what an app at ``script_name`` sets."""
    path = _cookie_path(script_name)

    def start(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        narrowed = [
            (name, narrow(value, path)) if name.lower() == "set-cookie" else (name, value)
            for name, value in headers
        ]
        return start_response(status, narrowed, exc_info)

    return start


@lru_cache(maxsize=256)
def _cookie_path(script_name: str) -> str:
    """The mount as browsers compare it: percent-encoded, and without the semicolon that would end the attribute."""
    return quote(script_name.encode("latin-1"), safe="/:@!$&'()*+,=~-._")


def narrow(cookie: str, path: str) -> str:
    """A Set-Cookie value for ``path`` where it was for ``/`` or did not say; other paths are the app's own choice.

    A cookie named ``__Host-`` has to keep ``Path=/``, or browsers drop it (RFC 6265bis section 4.1.3.2).
    """
    pair, *attributes = cookie.split(";")
    if pair.lstrip().lower().startswith("__host-"):
        return cookie
    kept, chosen = [], "/"
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        if name.strip().lower() == "path":
            chosen = value.strip()  # the last one counts (RFC 6265 section 5.3)
        else:
            kept.append(attribute)
    if chosen.startswith("/") and chosen != "/":
        return cookie
    return ";".join([pair, *kept, f" Path={path}"])


def first_of_each(header: str) -> str:
    """A Cookie header with one cookie of each name: the first, which is the one with the longest path.

    Browsers send the longest path first (RFC 6265 section 5.4), and Django and ``http.cookies`` keep the last:
    an app at ``/blog`` would read the cookie of the app at ``/``.
    """
    pairs = header.split(";")
    first: dict[str, str] = {}
    for pair in pairs:
        first.setdefault(pair.partition("=")[0].strip(), pair)
    return header if len(first) == len(pairs) else ";".join(first.values()).strip()
