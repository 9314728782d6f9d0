"""How a request says that it has a body, and where that ends: once, and in one way; else it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.servers.refusal import Refused

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_LONGEST = 19  # digits; more are no length of anything, and above 4,300 int() raises


def is_length(text: str) -> bool:
    """Whether ``text`` is a Content-Length: digits and nothing else (RFC 9110 section 8.6)."""
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST


def request_length(environ: WSGIEnvironment) -> None:
    """Leaves one CONTENT_LENGTH of digits, or none; refuses what two readers could read in two ways.

    It is ``''`` without a body on nginx' gateways, twisted and wsgiref, and a number on pyruvate. What is none (``+5``,
    ``4, 4``) reaches the app on wsgiref, Werkzeug, uWSGI and rocket3, and ``int()`` reads some of it (RFC 9110 section
    8.6).
    """
    given = environ.get("CONTENT_LENGTH")
    if given is None or given == "":
        environ.pop("CONTENT_LENGTH", None)
        return
    text = environ["CONTENT_LENGTH"] = str(given)
    if not is_length(text):
        raise Refused("Content-Length is not one number.")


def content_fields_twice(environ: WSGIEnvironment) -> None:
    """Drops HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE, copies of what has names of its own.

    nginx' gateways, twisted, rocket3, and lighttpd for the length. Refuses two lengths that differ. One without the
    other is no copy, but a field that was called ``Content_Length``.
    """
    copy = environ.pop("HTTP_CONTENT_LENGTH", "")
    if copy and environ.get("CONTENT_LENGTH", "") not in ("", copy):
        raise Refused("Content-Length was given twice.")
    environ.pop("HTTP_CONTENT_TYPE", None)


def forged_content_fields(environ: WSGIEnvironment) -> None:
    """Drops HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE, which only a ``Content_Length`` makes: Granian, Hypercorn."""
    if "HTTP_CONTENT_LENGTH" in environ:
        del environ["HTTP_CONTENT_LENGTH"]
    if "HTTP_CONTENT_TYPE" in environ:
        del environ["HTTP_CONTENT_TYPE"]


def length_beside_chunks(environ: WSGIEnvironment) -> None:
    """Refuses a request with both Content-Length and Transfer-Encoding (RFC 9112 section 6.1).

    21 servers do so themselves. uvicorn, Hypercorn, cheroot and bjoern decode the chunks and leave the length in
    environ; uWSGI gives the framing as the body.
    """
    if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" in environ:
        raise Refused("The request has both Content-Length and Transfer-Encoding.")


def only_chunked(environ: WSGIEnvironment) -> None:
    """Refuses a Transfer-Encoding that is not ``chunked`` (RFC 9112 section 6.3): such a body has no end.

    wsgiref, uWSGI, pyruvate and flup's SCGI hand on any, Granian and bjoern some; ``xchunked`` is how one request is
    smuggled in another.
    """
    if "HTTP_TRANSFER_ENCODING" in environ:
        coding = environ["HTTP_TRANSFER_ENCODING"].strip(" \t").lower()
        if coding != "chunked":
            raise Refused("The request has a Transfer-Encoding other than chunked.")


def decoded_by_nginx(environ: WSGIEnvironment) -> None:
    """Drops the Transfer-Encoding of a body that nginx has decoded, and given a length: it refuses both in one request.

    uWSGI's own sockets give no DOCUMENT_ROOT.
    """
    if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" in environ and "DOCUMENT_ROOT" in environ:
        del environ["HTTP_TRANSFER_ENCODING"]


def decoded_by_gateway(environ: WSGIEnvironment) -> None:
    """As ``decoded_by_nginx``, on a server not known: what speaks CGI in front of it has decoded the body."""
    if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" in environ and "GATEWAY_INTERFACE" in environ:
        del environ["HTTP_TRANSFER_ENCODING"]


def length_of_framing(environ: WSGIEnvironment) -> None:
    """Drops the CONTENT_LENGTH of a chunked body: on pyruvate the length of all its framing."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        environ.pop("CONTENT_LENGTH", None)
