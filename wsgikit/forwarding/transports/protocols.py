"""How a backend is spoken to, by the scheme of its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.forwarding.transports.fastcgi import FastCGI
from wsgikit.forwarding.transports.http1 import HTTP1
from wsgikit.forwarding.transports.scgi import SCGI
from wsgikit.forwarding.transports.uwsgi import UWSGI

if TYPE_CHECKING:
    from wsgikit.forwarding.transports.protocol import Protocol

PROTOCOLS: dict[str, Protocol] = {
    "http": HTTP1(),
    "https": HTTP1(),
    "uwsgi": UWSGI(),
    "scgi": SCGI(),
    "fcgi": FastCGI(),
}
