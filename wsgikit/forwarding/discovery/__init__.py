"""Where a proxy's upstreams come from while it serves: a function, the addresses of names, SRV records, a file."""

from __future__ import annotations

from wsgikit.core.lazy import open_names

TYPE_CHECKING = False  # typing itself would be most of the cost of the import
if TYPE_CHECKING:
    from wsgikit.forwarding.discovery.lookup import LookupFailed as LookupFailed
    from wsgikit.forwarding.discovery.lookup import Source as Source
    from wsgikit.forwarding.discovery.sources import source as source

_HOMES = {
    "LookupFailed": "wsgikit.forwarding.discovery.lookup",
    "Source": "wsgikit.forwarding.discovery.lookup",
    "source": "wsgikit.forwarding.discovery.sources",
}
__all__ = ["LookupFailed", "Source", "source"]

__getattr__, __dir__ = open_names(__name__, _HOMES)
