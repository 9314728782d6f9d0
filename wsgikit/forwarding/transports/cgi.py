"""The variables of a request (RFC 3875), as uwsgi, SCGI and FastCGI carry them.

Variables are power: uWSGI loads code that ``UWSGI_FILE`` names, and a script takes ``HTTP_PROXY`` for its own setting.
So no name is the client's choice: its fields become ``HTTP_`` and ``[A-Z0-9_]``, and what does not fit is left out.

The backend is given no mount point of its own: SCRIPT_NAME is empty, and the base path of the upstream stands before
PATH_INFO, where a server that mounts apps itself (uWSGI's ``mount`` with ``manage-script-name``) looks for it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from wsgikit.core.environ import DEFAULT_PORTS
from wsgikit.forwarding.errors import NotForwardable
from wsgikit.forwarding.target import below

if TYPE_CHECKING:
    from wsgikit.forwarding.outbound import Request
    from wsgikit.forwarding.upstream import Address

_NAME = re.compile(rb"[A-Z0-9_]+")

# Fields that have a variable of their own, that mean nothing on this way, or that must never be one ("httpoxy").
_LEFT_OUT = frozenset({b"HOST", b"CONTENT_LENGTH", b"CONNECTION", b"EXPECT", b"TRANSFER_ENCODING", b"PROXY"})


def variables(request: Request, address: Address, host: str) -> dict[bytes, bytes]:
    """The variables of ``request`` for the backend at ``address``, which is asked for ``host``.

    The length of the body must be known: see ``spool.measure``. Who asked, and how, is what environ says: the verified
    client where TrustedProxies ran. Raises ``NotForwardable`` for what no variable can hold.
    """
    target = below(address.base, request.target)
    path, _, query = target.partition("?")
    environ = request.environ
    scheme = str(environ.get("wsgi.url_scheme") or "http")
    values = {
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": target,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "" if request.length is None else str(request.length),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": environ.get("SERVER_NAME") or "localhost",
        "SERVER_PORT": environ.get("SERVER_PORT") or DEFAULT_PORTS.get(scheme, "80"),
        "REMOTE_ADDR": environ.get("REMOTE_ADDR") or "",
        "REQUEST_SCHEME": scheme,
        "HTTP_HOST": host,
    }
    if environ.get("REMOTE_PORT"):
        values["REMOTE_PORT"] = environ["REMOTE_PORT"]
    if scheme == "https":
        values["HTTPS"] = "on"
    found = {name.encode(): _bytes(value) for name, value in values.items()}
    _add_fields(found, request.fields)
    return found


def _bytes(value: object) -> bytes:
    try:
        encoded = str(value).encode("latin-1")
    except UnicodeEncodeError:
        raise NotForwardable("a variable of the request is not a string of bytes") from None
    if b"\0" in encoded:
        # Escaped in a path it is legal in HTTP, but here it would end the variable, and in SCGI begin another.
        raise NotForwardable("a variable of the request holds a NUL")
    return encoded


def _add_fields(found: dict[bytes, bytes], fields: bytes) -> None:
    """The fields of the head, each under its variable; those of one name are joined (RFC 3875 section 4.1.18)."""
    for line in fields.split(b"\r\n"):
        field, _, value = line.partition(b": ")
        name = _variable(field)
        if name:
            earlier = found.get(name)
            found[name] = earlier + b", " + value if earlier else value


@lru_cache(maxsize=2048)  # strangers may invent as many names as they like
def _variable(field: bytes) -> bytes:
    """The variable for a field; empty for one that is left out."""
    name = field.upper().replace(b"-", b"_")
    if name == b"CONTENT_TYPE":
        return name
    return b"" if name in _LEFT_OUT or not _NAME.fullmatch(name) else b"HTTP_" + name
