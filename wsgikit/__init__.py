"""Composable WSGI middleware: the gateway that lives inside the process, between any WSGI server and any app.

Every name here is opened on first use (PEP 562): importing ``wsgikit`` alone loads neither Werkzeug nor WebOb.
"""

from __future__ import annotations

from wsgikit.core.lazy import open_names

TYPE_CHECKING = False  # typing itself would be most of the cost of `import wsgikit`
if TYPE_CHECKING:
    from wsgikit.core.middleware import Layer as Layer
    from wsgikit.core.middleware import Stack as Stack

__version__ = "0.1.0"

_HOMES = {
    "Layer": "wsgikit.core.middleware",
    "Stack": "wsgikit.core.middleware",
}

__all__ = ["Layer", "Stack"]

__getattr__, __dir__ = open_names(__name__, _HOMES)
