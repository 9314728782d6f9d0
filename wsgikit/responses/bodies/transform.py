"""Transform: a function on WebOb objects between the app and the client, for whole bodies."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

from wsgikit.core.errors import wrong_type
from wsgikit.core.headers import exact, get, replaced, without
from wsgikit.responses.bodies.changing import STALE, weak
from wsgikit.responses.bodies.gathering import WholeBodyLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIApplication

    import webob

    from wsgikit.core.headers import Headers
    from wsgikit.responses.bodies.gathering import Gathering

    Function = Callable[[webob.Request, webob.Response], webob.Response | None]


class Transform(WholeBodyLayer):
    """Gives each answer, whole, to a function that may change it or put another in its place.

    - ``function``: called with the ``webob.Request`` and the ``webob.Response``, content included. It gives the
      response to send: that one, changed or not, or another; ``None`` stands for the one it was given, as it is by
      then. What it raises comes out of the app: nothing was sent by then, and `CatchErrors` or the server answers 500.
    - ``types``: media types of the answers to give it, ``"text/html"`` by default; ``"text/*"`` is understood.
    - ``max_size``: bytes (or ``"4MiB"``, the default) up to which a body is held in memory. The function does not see
      larger ones: they stream on as they are.

    A response left as it was keeps its head, strong ETag included. If the content changed, a strong ETag becomes weak
    and digests go, unless the function set them anew. HEAD has no content to give to a function: the app's head is
    sent without what might not hold. Answers with ``no-transform``, a Content-Encoding or a Content-Range, event
    streams and those with ``X-Accel-Buffering: no`` are left alone.
    """

    def __init__(
        self,
        app: WSGIApplication,
        function: Function,
        *,
        types: str | Iterable[str] = ("text/html",),
        max_size: int | str = "4MiB",
    ) -> None:
        super().__init__(app, types, max_size)
        if not callable(function):
            raise wrong_type("Transform", "function", function, "a function of a webob Request and Response")
        self.function = function

    def act(self, gathering: Gathering, content: bytes) -> Iterable[bytes]:
        """Answer with what the function makes of the response."""
        webob = _webob()
        given = webob.Response(
            status=gathering.status, headerlist=list(gathering.headers), app_iter=[content]
        )
        response = self.function(webob.Request(gathering.environ), given)
        if response is None:
            response = given
        elif not isinstance(response, webob.Response):
            wanted = f"a function that gives a webob Response or None, not {response!r:.100}"
            raise wrong_type("Transform", "function", self.function, wanted)
        if isinstance(response, webob.exc.WSGIHTTPException):  # whose content is made when it is called
            response = webob.Request(gathering.environ.copy()).get_response(response)
        return _send(response, gathering, content)


def _send(response: webob.Response, gathering: Gathering, content: bytes) -> Iterable[bytes]:
    status = str.__str__(response.status)
    headers = exact(response.headerlist)
    body: Any = response.app_iter
    if status[:3] in ("204", "205", "304"):
        gathering.start(status, without(headers, "content-length"))
        return []
    if not isinstance(body, list | tuple):
        gathering.start(status, _changed(gathering.headers, headers))
        return body  # type: ignore[no-any-return]  # WebOb's types say nothing of it
    sent = b"".join(body)
    if sent == content:
        if get(headers, "content-length") not in (None, str(len(sent))):  # the function's, and wrong
            headers = replaced(headers, "Content-Length", str(len(sent)))
        gathering.start(status, headers)
        return [content] if gathering.given is None else gathering.given
    gathering.start(status, replaced(_changed(gathering.headers, headers), "Content-Length", str(len(sent))))
    return [sent]


def _changed(before: Headers, after: Headers) -> Headers:
    """The head of a changed content: what described the old one goes, unless the function set it."""
    inherited = set(before)
    kept: Headers = []
    for pair in after:
        field = pair[0].lower()
        if field in STALE and pair in inherited:
            continue
        kept.append((pair[0], weak(pair[1])) if field == "etag" and pair in inherited else pair)
    return kept


@cache
def _webob() -> Any:
    """WebOb, imported at the first answer that needs it."""
    with catch_warnings():
        # Before Python 3.13 it imports the module cgi, which warns.
        filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
        import webob
        import webob.exc
    return webob
