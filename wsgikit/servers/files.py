"""Files that the server sends itself (``wsgi.file_wrapper``): handed through as they are, so that sendfile survives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import WSGIEnvironment

    from wsgikit.servers.answer import Answer

_SENDFILE = "wsgikit.servers.sendfile"


def as_it_is(body: Iterable[bytes], answer: Answer) -> Iterable[bytes] | None:
    """``body`` if it is the server's own file wrapper."""
    wrapper = answer.environ.get("wsgi.file_wrapper")
    return body if isinstance(wrapper, type) and isinstance(body, wrapper) else None


class FileBody(FileWrapper):
    """A file to be sent, as PEP 3333 draws it; what uWSGI makes of its own is the bare file."""


def uwsgi_wrapper(environ: WSGIEnvironment) -> None:
    """Gives the app a file wrapper that can be told from other bodies, and yields blocks, not lines.

    uWSGI's own is a function that gives back the file.
    """
    own = environ.get("wsgi.file_wrapper")
    if own is not None and own is not FileBody:
        environ[_SENDFILE] = own
        environ["wsgi.file_wrapper"] = FileBody


def from_position(body: Iterable[bytes], answer: Answer) -> Iterable[bytes] | None:
    """A file for uWSGI to send, unless it stands elsewhere than at its start and has no Content-Length.

    uWSGI would send all of it then.
    """
    if type(body) is not FileBody:
        return None
    file: Any = body.filelike
    sendfile = answer.environ.get(_SENDFILE)
    if sendfile is None or not hasattr(file, "fileno"):
        return None
    if answer.left is None and position(file):
        return None
    sent: Iterable[bytes] = sendfile(file, body.blksize)
    return sent


def position(file: Any) -> int:
    """Where ``file`` stands; 0 where it cannot say."""
    try:
        return int(file.tell())
    except (AttributeError, OSError, ValueError):
        return 0


def no_wrapper(environ: WSGIEnvironment) -> None:
    """Takes ``wsgi.file_wrapper`` away: pyruvate's sends nothing without Content-Length, and hangs when iterated."""
    environ.pop("wsgi.file_wrapper", None)
