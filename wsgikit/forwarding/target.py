"""The request target: the client's own spelling where it can be had, kept below the base path.

Proxies hand a target on byte for byte (RFC 9110 section 7.7), but PATH_INFO is decoded: ``%2F`` has become a slash.
The client's spelling is in RAW_URI (gunicorn, werkzeug) or REQUEST_URI (uWSGI, waitress, nginx, Apache), which
know nothing of mounts and of layers that rewrote the path. So it is used only where it decodes to what
PATH_INFO says; otherwise PATH_INFO's bytes are quoted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from wsgikit.forwarding.errors import NotForwardable

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# Paths that are spelled in one way only, as long as the client escaped nothing: RFC 3986's pchar without escapes.
_PLAIN = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@]*)*")
_PATH_SAFE = "/-._~!$&'()*+,;=:@"

# What may stand in a request line; "#" would begin a fragment, which is not sent.
_VISIBLE = re.compile(r"[!-\"$-~]*")
_QUERY_SAFE = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_SPELLED_CHARACTER = re.compile(r"%[0-9A-Fa-f]{2}|.", re.DOTALL)


def target(environ: WSGIEnvironment, *, keep_prefix: bool = False) -> str:
    """The target to ask a backend for: the path (with the mount point before it on demand) and the query.

    It starts with a slash or is empty, so that it can be put after a base path; ``*`` asks about a server as a whole.

    Raises ``NotForwardable`` for a path that is none, that climbs above its root, or that HTTP forbids.
    """
    path: str = environ.get("PATH_INFO") or ""
    if path == "*" and environ.get("REQUEST_METHOD") == "OPTIONS":
        return path  # RFC 9112 section 3.2.4
    raw: str | None = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw is not None and "%" not in raw and not keep_prefix and _PLAIN.fullmatch(path) and ".." not in path:
        spelled = path
    else:
        spelled = _spelled(environ, path, raw, keep_prefix)
    query: str = environ.get("QUERY_STRING") or ""
    if query:
        return f"{spelled}?{query if _VISIBLE.fullmatch(query) else _quoted_query(query)}"
    return spelled + "?" if raw is not None and raw.endswith("?") else spelled


def below(base: str, target: str) -> str:
    """``target`` below the base path of a backend; never empty."""
    if base:
        # "*" with a base path asks about that path: there is no server that is only it.
        return base + ("" if target == "*" else target)
    return target if target[:1] in ("/", "*") else "/" + target


def _spelled(environ: WSGIEnvironment, path: str, raw: str | None, keep_prefix: bool) -> str:
    """The path as it will be sent."""
    if not path.startswith("/") and path:
        # wsgiref, uWSGI, gevent and others leave a target in absolute form as it came (RFC 9112 section 3.2.2).
        absolute = _ABSOLUTE.match(path)
        if absolute is None:
            raise NotForwardable("the path of the request does not begin with a slash")
        path = path[absolute.end() :] or "/"
    if ".." in path:
        refuse_climbing(path)
    script: str = (environ.get("SCRIPT_NAME") or "").rstrip("/")
    own = None if raw is None else client_spelling(raw, script, path)
    if own is not None:
        mount, own_path = own
        return mount + own_path if keep_prefix else own_path
    if _CONTROL.search(path):
        # Escaped by the client it is harmless, but here nobody can tell it from one that was smuggled in.
        raise NotForwardable("the path of the request holds control characters")
    return quoted(script) + quoted(path) if keep_prefix else quoted(path)


def client_spelling(raw: str, script: str, path: str) -> tuple[str, str] | None:
    """Mount point and path as the client spelled them, or None where ``raw`` does not say the same.

    ``raw`` may lack a part of SCRIPT_NAME that a proxy in front has stripped.
    """
    absolute = _ABSOLUTE.match(raw)
    spelled = (raw[absolute.end() :] if absolute else raw).partition("?")[0]
    if _CONTROL.search(raw):
        raise NotForwardable("the request target holds control characters")
    if not spelled.startswith("/") or not _VISIBLE.fullmatch(spelled):
        return None
    decoded = unquote_to_bytes(spelled).decode("latin-1")
    if not decoded.endswith(path):
        return None
    mount = decoded[: len(decoded) - len(path)]
    if not script.endswith(mount):
        return None
    border = _spelled_length(spelled, len(mount))
    own = spelled[border:]
    if path and not own.startswith("/"):  # an escaped slash, and what follows would run into the base path
        return None
    return quoted(script.removesuffix(mount)) + spelled[:border], own


def _spelled_length(spelled: str, characters: int) -> int:
    """How much of ``spelled`` stands for the first ``characters`` bytes."""
    if "%" not in spelled[:characters]:
        return characters
    matches = _SPELLED_CHARACTER.finditer(spelled)
    return sum(len(next(matches)[0]) for _ in range(characters))


def refuse_climbing(path: str) -> None:
    """Raise ``NotForwardable`` for a path whose ``..`` leave its root on some backend.

    Empty segments do not count as steps down (many servers merge slashes), a backslash counts as a slash (Windows), and
    ``..;x`` as ``..`` (Java servers cut path parameters).
    """
    depth = 0
    for segment in path.replace("\\", "/").split("/"):
        name = segment.partition(";")[0]
        if name == "..":
            depth -= 1
        elif name not in ("", "."):
            depth += 1
        if depth < 0:
            raise NotForwardable("the path of the request climbs above its root")


def quoted(path: str) -> str:
    """A path in WSGI's latin-1 view as it stands in a URL; ``NotForwardable`` for text that is no such view."""
    try:
        return quote(path.encode("latin-1"), safe=_PATH_SAFE)
    except UnicodeEncodeError:
        raise NotForwardable("the path of the request is not a string of bytes") from None


def _quoted_query(query: str) -> str:
    if _CONTROL.search(query):
        raise NotForwardable("the query of the request holds control characters")
    try:
        return quote(query.encode("latin-1"), safe=_QUERY_SAFE)
    except UnicodeEncodeError:
        raise NotForwardable("the query of the request is not a string of bytes") from None
