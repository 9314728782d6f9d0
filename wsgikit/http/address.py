"""The address inside a text that names one end of a connection: REMOTE_ADDR, or an element of X-Forwarded-For."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_LONGEST = 96  # an IPv6 address, its zone, brackets and port; more than that names nothing

# What most addresses are, in the one way to write it: ipaddress needs ten times as long for it.
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(r"\.".join([_OCTET] * 4))

# 198.51.100.1:4711 and [2001:db8::1]:4711; a port may be hidden behind an underscore (RFC 7239 section 6.2).
_WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?", re.ASCII)


def parse(text: str) -> IPv4Address | IPv6Address | None:
    """The address in ``text``, without brackets and port, or None where there is none.

    An IPv4 address mapped into IPv6 (``::ffff:192.0.2.1``, what a dual-stack socket shows) is that IPv4 address.
    """
    from ipaddress import IPv6Address, ip_address  # 1 ms, and an app without networks never needs it

    if len(text) > _LONGEST:
        return None
    match = _WITH_PORT.fullmatch(text)
    bare = text if match is None else match[1] or match[2] or ""
    try:
        found = ip_address(bare)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        return found.ipv4_mapped or found
    return None if match is not None and match[1] else found  # brackets are IPv6's


def address(text: str) -> str | None:
    """``parse``, as text in its one canonical spelling (RFC 5952), or None.

    The zone of a link-local address (``fe80::1%eth0``) is left out: it has a meaning on the host that wrote it, and
    may hold any character.
    """
    if _IPV4.fullmatch(text):
        return text
    return _spelled(text) if len(text) <= _LONGEST else None


def numbered(text: str) -> tuple[int, int] | None:
    """``parse``, as IP version and number."""
    if _IPV4.fullmatch(text):
        return 4, int.from_bytes(map(int, text.split(".")), "big")
    found = parse(text)
    return None if found is None else (found.version, int(found))


@lru_cache(maxsize=4096)
def _spelled(text: str) -> str | None:
    found = parse(text)
    return None if found is None else str(found).partition("%")[0]
