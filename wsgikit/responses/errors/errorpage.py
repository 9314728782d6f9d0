"""One page for errors: asked for, read whole, and sent under the status and the headers of the answer it stands for."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from wsgikit.core.body import close
from wsgikit.core.environ import child, quoted_path
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import add_vary, get_all, valid_value
from wsgikit.core.reply import reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.headers import Headers

_WANTED = "a path such as '/errors/404', which the app inside is asked for, or a WSGI app"

# What describes the body that is not sent, and no other (RFC 9110 section 8, RFC 6266, RFC 9530). Content-Range stays:
# with 416 it says how long the thing is.
_OF_THE_BODY = frozenset(
    {
        "accept-ranges",
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-md5",
        "content-type",
        "digest",
        "etag",
        "last-modified",
        "repr-digest",
    }
)

# What describes the page. Not how long it may be cached, nor its tag: these are the page's own, at its own address.
_OF_THE_PAGE = frozenset(
    {
        "content-encoding",
        "content-language",
        "content-security-policy",
        "content-security-policy-report-only",
        "content-type",
    }
)

# What was about the request's body, or would have the page answered with 304, 206 or 412.
_OF_THE_REQUEST = (
    "CONTENT_TYPE",
    "HTTP_CONTENT_ENCODING",
    "HTTP_EXPECT",
    "HTTP_IF_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_RANGE",
    "HTTP_TRANSFER_ENCODING",
    "wsgi.file_wrapper",  # servers send theirs themselves, and this body is read
)

_log = logging.getLogger("wsgikit.errors")


class Answer(NamedTuple):
    """The whole answer of an app."""

    status: str
    headers: list[tuple[str, str]]
    content: bytes


class ErrorPage:
    """A page: a path of the app inside, or an app of its own."""

    def __init__(self, inside: WSGIApplication, page: Any) -> None:
        self._target: dict[str, str] = {}  # what asks for it in environ, where it is a path
        if isinstance(page, str):
            self._app = inside
            self._target = _target(page)
        elif callable(page):
            self._app = page
        else:
            raise wrong_type("ErrorPages", "pages", page, _WANTED)

    def answer(
        self, environ: WSGIEnvironment, start_response: StartResponse, status: str, headers: Headers
    ) -> list[bytes]:
        """Answer with the page under ``status``, with those of ``headers`` that are not about the original body."""
        kept = [pair for pair in headers if pair[0].lower() not in _OF_THE_BODY]
        page = self._fetch(environ, status)
        if page is None:
            return reply(environ, start_response, int(status[:3]), headers=kept)
        start_response(status, _merged(kept, page))
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [page.content]

    def _fetch(self, environ: WSGIEnvironment, status: str) -> Answer | None:
        """The page's answer; None for one that will not do, which is in the log then."""
        where = self._target.get("PATH_INFO", self._app)
        try:
            page = _read(self._app, self._request(environ, status))
        except Exception:
            _log.exception("ErrorPages: the page for %a failed: %a", status, where)
            return None
        # A path is an address like any other, and may be gone; an app of its own may say what it likes.
        if self._target and page.status[:1] != "2" and page.status[:3] != status[:3]:
            _log.error("ErrorPages: the page for %a answered %a: %a", status, page.status, where)
            return None
        return page

    def _request(self, environ: WSGIEnvironment, status: str) -> WSGIEnvironment:
        """The request for the page."""
        request = child(
            environ,
            **{
                "REQUEST_METHOD": "GET",
                "CONTENT_LENGTH": "0",
                "wsgi.input": BytesIO(),
                "wsgikit.error_status": int(status[:3]),
                "wsgikit.error_method": environ.get("REQUEST_METHOD", ""),
                "wsgikit.error_path": environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
                "wsgikit.error_query": environ.get("QUERY_STRING", ""),
                # Its own, or the log would tell of the page's upstream and not of the one that failed.
                "wsgikit.notes": dict(environ.get("wsgikit.notes", ())),
                **self._target,
            },
        )
        for key in _OF_THE_REQUEST:
            request.pop(key, None)
        for key in ("RAW_URI", "REQUEST_URI"):  # where the server gives them, proxies read them
            if key in request and self._target:
                query = request["QUERY_STRING"]
                request[key] = quoted_path(request) + (f"?{query}" if query else "")
        return request


def _target(page: str) -> dict[str, str]:
    """What asks for a path, and perhaps a query, in environ."""
    path, _, query = page.partition("?")
    if not path.startswith("/") or "#" in page or not valid_value(query):
        raise wrong_value("ErrorPages", "pages", page, _WANTED)
    return {"PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "QUERY_STRING": query}


def _read(app: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """What ``app`` answers, whole."""
    head: list[Any] = []
    chunks: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        head[:] = status, headers  # nothing is out yet, so the last one counts
        return chunks.append

    body = app(environ, start_response)
    try:
        for chunk in body:  # one by one, as write() may put others between them
            chunks.append(chunk)
    finally:
        close(body)
    if not head:
        raise AssertionError("the page did not call start_response() (PEP 3333)")
    status, headers = head
    return Answer(status, headers, b"".join(chunks))


def _merged(kept: Headers, page: Answer) -> Headers:
    """The original headers with those that describe the page."""
    described = [pair for pair in page.headers if pair[0].lower() in _OF_THE_PAGE]
    names = {name.lower() for name, _ in described}
    merged = [pair for pair in kept if pair[0].lower() not in names]
    merged += [*described, ("Content-Length", str(len(page.content)))]
    for line in get_all(page.headers, "vary"):
        for member in line.split(","):
            add_vary(merged, member.strip())
    return merged
