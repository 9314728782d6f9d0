"""Header fields in environ, set against those that came off the wire, where these can be had.

``X_Forwarded_For`` and ``X-Forwarded-For`` are one variable in CGI. A proxy that cleans the dashed field lets the
other pass, and the server then joins what it says to the true one, or has it win. Where the server keeps the fields as
they came, those with an underscore in their names are left out again, as nginx, Apache and gunicorn do.

``start_response`` is looked at here, and only here: on servers that are known, whose own method it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.servers.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


def forged_a2wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> None:
    """Leaves out fields with an underscore in their names, by the ASGI scope that a2wsgi hands on."""
    headers = environ.get("asgi.scope", {}).get("headers", ())
    if b"_" in b"".join([name for name, _ in headers]):
        _leave_out(environ, [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])


def forged_cheroot(environ: WSGIEnvironment, start_response: StartResponse) -> None:
    """Leaves out fields with an underscore in their names, by the fields that cheroot has read."""
    headers = getattr(_owner(start_response, "req"), "inheaders", {})
    if b"_" in b"".join(headers):
        _leave_out(
            environ, [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.items()]
        )


def forged_twisted(environ: WSGIEnvironment, start_response: StartResponse) -> None:
    """Leaves out fields with an underscore in their names, by the fields that twisted has read."""
    headers = getattr(_owner(start_response, "request"), "requestHeaders", None)
    if headers is None:
        return
    read = list(headers.getAllRawHeaders())
    if b"_" in b"".join([name for name, _ in read]):
        flat = [(name, value) for name, values in read for value in values]
        _leave_out(environ, [(name.decode("latin-1"), value.decode("latin-1")) for name, value in flat])


def forged_wsgiref(environ: WSGIEnvironment, start_response: StartResponse) -> None:
    """Leaves out fields with an underscore in their names, and the Content-Type that wsgiref makes up (text/plain).

    Refuses lengths that differ: wsgiref takes the first.
    """
    message = getattr(_owner(start_response, "request_handler"), "headers", None)
    if message is None:
        return
    names = "\n".join([name for name, _ in message.raw_items()])
    if "_" in names:
        _leave_out(environ, message.items())
    if environ.get("CONTENT_TYPE") == "text/plain" and "content-type" not in names.lower():
        del environ["CONTENT_TYPE"]
    if environ.get("CONTENT_LENGTH") and len({*message.get_all("content-length", ())}) > 1:
        raise Refused("Content-Length was given twice.")


def made_up_type(environ: WSGIEnvironment) -> None:
    """Drops the Content-Type that eventlet makes up, and names its list of fields as PEP 3333 has servers do."""
    headers = environ.pop("headers_raw", None)
    if headers is None:
        return
    environ["eventlet.headers_raw"] = headers
    if environ.get("CONTENT_TYPE") == "text/plain" and not any(
        n.lower() == "content-type" for n, _ in headers
    ):
        del environ["CONTENT_TYPE"]


def _owner(start_response: StartResponse, name: str) -> Any:
    """An attribute of the server's object whose method ``start_response`` is; None where a layer has put its own."""
    return getattr(getattr(start_response, "__self__", None), name, None)


_OWN_NAMES = {"HTTP_CONTENT_LENGTH": "CONTENT_LENGTH", "HTTP_CONTENT_TYPE": "CONTENT_TYPE"}


def _leave_out(environ: WSGIEnvironment, headers: Iterable[tuple[str, str]]) -> None:
    forged = set()
    true: dict[str, list[str]] = {}
    for name, value in headers:
        field = "HTTP_" + name.upper().replace("-", "_")
        if "_" in name:
            forged.add(field)
        else:
            true.setdefault(field, []).append(value.strip())
    for field in forged:
        key = _OWN_NAMES.get(field, field)  # cheroot takes Content_Length for the true one
        if field in true:
            environ[key] = ",".join(true[field])
        else:
            environ.pop(key, None)
        if key != field:
            environ.pop(field, None)
