"""The request body on its way to a backend: what is known of its length, never more of it in memory than one block.

A body has a length, or only its end tells it, never both, and ``wsgi.input`` is never asked for more than is there.
A small body of known length is read before the backend hears of the request: it goes out in one piece with the head,
can be sent again, and a client that breaks off costs the backend nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.environ import content_length
from wsgikit.core.input import InputStream, LengthInput, TooLarge
from wsgikit.core.process import server_name
from wsgikit.forwarding.errors import BodyTooLarge, ClientGone, LengthRequired, NotForwardable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIEnvironment

BLOCK = 65536
"""Bytes that are read from the client at once, and the largest body that is read before it is sent on."""

# Methods that say nothing without a body: for them an absent one is announced (RFC 9110 section 8.6).
_MEANT_TO_HAVE_ONE = frozenset({"POST", "PUT", "PATCH"})
_SELDOM_HAVE_ONE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

# Servers that hand a chunked body over undecoded or empty, and do not say that it ends.
_CANNOT_READ_CHUNKS = frozenset({"uwsgi", "wsgiref"})


class Upload:
    """A request body: its length, what is here of it, and what follows block by block.

    ``length`` is None for no body at all, and for one that only its end tells: then there is ``more``. ``more`` is
    None when the body is whole in ``first``.
    """

    __slots__ = ("first", "length", "more")

    def __init__(self, length: int | None, first: bytes = b"", more: Iterator[bytes] | None = None) -> None:
        self.length = length
        self.first = first
        self.more = more


NOTHING = Upload(None)
_EMPTY = Upload(0)


def upload(environ: WSGIEnvironment, method: str) -> Upload:
    """The body that ``environ`` announces. Raises ``NotForwardable`` for an announcement that cannot be trusted."""
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    terminated = environ.get("wsgi.input_terminated")
    if coding:
        if coding.strip(" \t").lower() != "chunked":
            raise NotForwardable("the request body has a transfer coding other than chunked")
        # Gateways (nginx before uwsgi, FastCGI) leave the field there and add the length they counted. Anybody else
        # sends both to be misread, and gets the framing that the server around us believes.
        if terminated or not _length(environ):
            return _chunked(environ, terminated)
    length = _length(environ)
    if length is None:
        if terminated and method not in _SELDOM_HAVE_ONE:  # HTTP/2 and 3 need no announcement
            return _unannounced(environ, method)
        return _EMPTY if method in _MEANT_TO_HAVE_ONE else NOTHING
    if length == 0:
        return NOTHING if method in _SELDOM_HAVE_ONE else _EMPTY
    return _counted(environ, length)


def _length(environ: WSGIEnvironment) -> int | None:
    try:
        return content_length(environ)
    except ValueError:
        raise NotForwardable("Content-Length is not one number") from None


def _counted(environ: WSGIEnvironment, length: int) -> Upload:
    source = LengthInput(_input(environ), length)
    if length <= BLOCK and "HTTP_EXPECT" not in environ:
        return Upload(length, _whole(source))
    return Upload(length, more=_blocks(source))


def _whole(source: LengthInput) -> bytes:
    parts = []
    while source.left:
        parts.append(_read(source))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _chunked(environ: WSGIEnvironment, terminated: object) -> Upload:
    if not terminated and server_name(environ) in _CANNOT_READ_CHUNKS:
        raise LengthRequired("this server cannot read a chunked request body; send a Content-Length")
    return Upload(None, more=_blocks(_input(environ)))


def _unannounced(environ: WSGIEnvironment, method: str) -> Upload:
    """A body that only its end can tell from none at all."""
    source = _input(environ)
    block = _read(source)
    if not block:
        return _EMPTY if method in _MEANT_TO_HAVE_ONE else NOTHING
    return Upload(None, more=_blocks(source, block))


def _blocks(source: InputStream, block: bytes = b"") -> Iterator[bytes]:
    """``block`` if it was read already, and what comes after it."""
    while block := block or _read(source):
        yield block
        block = b""


def _read(source: InputStream) -> bytes:
    """One block. Servers tell a client that went away by exceptions of a dozen kinds."""
    try:
        return source.read(BLOCK)
    except TooLarge as error:
        raise BodyTooLarge(str(error)) from error
    except Exception as error:
        raise ClientGone("the request body broke off") from error


def _input(environ: WSGIEnvironment) -> InputStream:
    source: Any = environ["wsgi.input"]
    return _Prompt(source) if hasattr(source, "read1") else source


class _Prompt:
    """Input that gives what has come: buffered readers (wsgiref, werkzeug) wait in ``read`` until a block is full."""

    __slots__ = ("read",)

    def __init__(self, source: Any) -> None:
        self.read = source.read1
