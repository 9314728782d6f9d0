"""The variables of a request (RFC 3875), as uwsgi, SCGI and FastCGI carry them.

Variables are power: uWSGI loads code that ``UWSGI_FILE`` names, and a script takes ``HTTP_PROXY`` for its own setting.
So no name is the client's choice: its fields become ``HTTP_`` and ``[A-Z0-9_]``, and what does not fit is left out.

The backend is given no mount point of its own: SCRIPT_NAME is empty, and the base path of the upstream stands before
PATH_INFO, where a server that mounts apps itself (uWSGI's ``mount`` with ``manage-script-name``) looks for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from wsgikit.core.environ import DEFAULT_PORTS
from wsgikit.forwarding.errors import HeadersTooLarge, NotForwardable
from wsgikit.forwarding.forwarded import scheme_of
from wsgikit.forwarding.target import below

if TYPE_CHECKING:
    from wsgikit.forwarding.request import Request
    from wsgikit.forwarding.upstream import Address

MAX_VARIABLES = 128
"""Variables that uWSGI has room for, by whichever protocol; it closes the connection where there are more."""

_NAME = re.compile(rb"[A-Z0-9_]+")

# Fields that have a variable of their own, that mean nothing on this way, or that must never be one ("httpoxy").
_LEFT_OUT = frozenset({b"HOST", b"CONTENT_LENGTH", b"CONNECTION", b"EXPECT", b"TRANSFER_ENCODING", b"PROXY"})

_REMEMBERED, _LONGEST = 2048, 128  # distinct names, and their length; strangers may invent what they like


def variables(request: Request, address: Address, host: str, **own: str) -> dict[bytes, bytes]:
    """The variables of ``request`` for the backend at ``address``, which is asked for ``host``.

    ``own`` are those of the protocol itself. The length of the body must be known: see ``spool.measure``. Who asked,
    and how, is what environ says: the verified client where TrustedProxies ran. Raises ``NotForwardable`` for what no
    variable can hold, and ``HeadersTooLarge`` for more variables than there is room for.
    """
    target = below(address.base, request.target)
    path, _, query = target.partition("?")
    environ = request.environ
    scheme = scheme_of(environ)
    values = {
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": target,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if "%" in path else path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "" if request.length is None else str(request.length),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": environ.get("SERVER_NAME") or "localhost",
        "SERVER_PORT": environ.get("SERVER_PORT") or DEFAULT_PORTS[scheme],
        "REMOTE_ADDR": environ.get("REMOTE_ADDR") or "",
        "REQUEST_SCHEME": scheme,
        "UWSGI_SCHEME": scheme,
        "HTTP_HOST": host,
        **own,
    }
    if environ.get("REMOTE_PORT"):
        values["REMOTE_PORT"] = environ["REMOTE_PORT"]
    if scheme == "https":
        values["HTTPS"] = "on"
    found = _encoded(values)
    _add_fields(found, request.fields)
    if len(found) > MAX_VARIABLES:
        raise HeadersTooLarge(
            f"{len(found)} variables, and the upstream may take no more than {MAX_VARIABLES}"
        )
    return found


def _encoded(values: dict[str, str]) -> dict[bytes, bytes]:
    """Names and values as bytes; they are put together for that, and taken apart again, as that is fastest."""
    try:
        names = "\0".join(values).encode("ascii").split(b"\0")
        texts = "\0".join(values.values()).encode("latin-1").split(b"\0")
    except (TypeError, UnicodeEncodeError):
        raise NotForwardable("a variable of the request is not a string of bytes") from None
    if len(texts) != len(names):
        # Escaped in a path it is legal in HTTP, but here it would end the variable, and in SCGI begin another.
        raise NotForwardable("a variable of the request holds a NUL")
    return dict(zip(names, texts, strict=True))


def _add_fields(found: dict[bytes, bytes], fields: bytes) -> None:
    """The fields of the head, each under its variable; those of one name are joined (RFC 3875 section 4.1.18)."""
    for line in fields.split(b"\r\n"):
        field, _, value = line.partition(b": ")
        name = _variables[field]
        if name:
            earlier = found.get(name)
            found[name] = earlier + b", " + value if earlier else value


class _Variables(dict[bytes, bytes]):
    """For each field, the variable it stands for; empty for one that is left out."""

    def __missing__(self, field: bytes) -> bytes:
        name = field.upper().replace(b"-", b"_")
        if name in _LEFT_OUT or not _NAME.fullmatch(name):
            name = b""
        elif name != b"CONTENT_TYPE":
            name = b"HTTP_" + name
        if len(self) < _REMEMBERED and len(field) <= _LONGEST:
            self[field] = name
        return name


_variables = _Variables()
