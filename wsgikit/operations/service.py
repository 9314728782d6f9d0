"""Which service this is, so that its workers find each other and nobody else, and where they meet."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from typing import Any

from wsgikit.core.errors import wrong_type, wrong_value

_WANTED = "the name of the service, such as 'shop': letters, digits, dots, hyphens and underscores"


def service_name(layer: str, service: Any) -> str:
    """The service's name: as given, or WSGIKIT_SERVICE, or the name of the folder the process was started in."""
    if service is None:
        found = os.environ.get("WSGIKIT_SERVICE")
        return plain(found or os.path.basename(os.getcwd()) or "root")
    if not isinstance(service, str):
        raise wrong_type(layer, "service", service, _WANTED)
    if plain(service) != service or not 0 < len(service) <= 64:
        raise wrong_value(layer, "service", service, _WANTED)
    return service


def plain(name: str) -> str:
    """The name as it can stand in a file's: what else is in it is replaced, at most 64 characters of it kept."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)[:64]


def meeting_place(service: str, what: str) -> str:
    """The path of a file for ``what`` of the service: in memory where the system can (/dev/shm), of this user's own."""
    return os.path.join(_folder(), f"wsgikit-{os.geteuid()}-{service}-{what}")


@cache
def _folder() -> str:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else tempfile.gettempdir()
