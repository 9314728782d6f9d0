"""Actions that answer in the app's place, or choose another app to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.core.reply import reason, reply
from wsgikit.core.units import flag
from wsgikit.routing.actions import Action, header_template, response_name
from wsgikit.routing.location import Location
from wsgikit.routing.templates import Template, for_type, parse
from wsgikit.routing.text import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.headers import Headers
    from wsgikit.routing.actions import Values
    from wsgikit.routing.passage import Passage

REDIRECTS = (301, 302, 303, 307, 308)
_BODILESS = (204, 205, 304)


class Refusal:
    """An answer of one sentence, in the form that the client asks for: text, HTML or problem+json."""

    def __init__(self, status: int, detail: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.status = status
        self.detail = detail
        self.headers = list(headers)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        return reply(environ, start_response, self.status, self.detail, headers=self.headers)

    def __repr__(self) -> str:
        return f"<Answer {self.status}: {self.detail}>"


class Content:
    """An answer that is known whole."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response(f"{self.status} {reason(self.status)}", list(self.headers))
        return [] if environ.get("REQUEST_METHOD") == "HEAD" or not self.body else [self.body]

    def __repr__(self) -> str:
        return f"<Answer {self.status}: {len(self.body)} bytes>"


class Redirect(Action):
    """Answers with the place where the client finds what it asked for.

    - ``to``: a template for a path, taken from the mount point (SCRIPT_NAME), or for a URL with its scheme and host.
      A capture never names the scheme, and the host only where the template has it there; dot segments are
      answered 400.
    - ``status``: 301, 302, 303, 307 or 308. 308 by default: for good, and a POST stays one
      (RFC 9110 section 15.4.9).
    - ``keep_query``: append the request's query to that of ``to``. True by default, as links carry more than the
      rule's author thinks of.
    """

    def __init__(self, to: str, *, status: int = 308, keep_query: bool = True) -> None:
        if status not in REDIRECTS:
            raise wrong_choice("Redirect", "status", status, map(str, REDIRECTS))
        self.to = to
        self.status = status
        self.keep_query = flag("Redirect", "keep_query", keep_query)
        self._location = Location(to, layer="Redirect", option="to")

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        location = self._location.render(passage.environ, values, keep_query=self.keep_query)
        return Refusal(self.status, f"What you look for is at {location}", [("Location", location)])


class Respond(Action):
    """Answers with a status and a body of one's own.

    - ``status``: the code, 200 to 599.
    - ``body``: text is a template, sent as UTF-8, its captures escaped for the Content-Type (HTML, XML, JSON); bytes
      are sent as they are. Empty by default, and always with 204, 205 and 304, which have none.
    - ``headers``: names and templates. Content-Type is ``text/plain; charset=utf-8`` for text and
      ``application/octet-stream`` for bytes unless given here; Content-Length is set by itself.
    """

    def __init__(
        self, status: int, body: str | bytes = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        if isinstance(status, bool) or not isinstance(status, int):
            raise wrong_type("Respond", "status", status, "a status code such as 404")
        if not 200 <= status <= 599:
            raise wrong_value("Respond", "status", status, "a status code from 200 to 599")
        if not isinstance(body, str | bytes):
            raise wrong_type("Respond", "body", body, "text or bytes")
        if body and status in _BODILESS:
            raise wrong_value("Respond", "body", body, f"nothing, as {status} has no body")
        if headers is not None and not isinstance(headers, Mapping):
            raise wrong_type("Respond", "headers", headers, "a dict of names and values")
        self.status = status
        self.body = body
        self.headers = {} if headers is None else headers
        self._headers = _templates(self.headers)
        kind = next((value for name, value in self.headers.items() if name.lower() == "content-type"), "")
        self._kind = [] if kind or status in _BODILESS else [("Content-Type", _default_type(body))]
        self._body = body if isinstance(body, bytes) else _body_template(body, kind)

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        body = self._body if isinstance(self._body, bytes) else encoded(self._body.render(values))
        headers = self._kind + [(name, template.render(values)) for name, template in self._headers]
        if self.status not in _BODILESS:
            headers.append(("Content-Length", str(len(body))))
        return Content(self.status, headers, body)


class Send(Action):
    """Hands the request to another app, which gets a copy of environ.

    ``app``: any WSGI app, a ``ReverseProxy`` for instance.
    """

    def __init__(self, app: WSGIApplication) -> None:
        if not callable(app):
            raise wrong_type("Send", "app", app, "a WSGI app, called with environ and start_response")
        self.app = app

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The app."""
        return (("send", self.app),)

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        passage.edit()
        return self.app


class Deny(Action):
    """Answers 403: the request is understood and refused (RFC 9110 section 15.5.4)."""

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        return Refusal(403, "Access to this is denied.")


def _templates(headers: Mapping[str, str]) -> list[tuple[str, Template]]:
    return [
        (response_name("Respond", name), header_template("Respond", "headers", value))
        for name, value in headers.items()
    ]


def _default_type(body: str | bytes) -> str:
    return "text/plain; charset=utf-8" if isinstance(body, str) else "application/octet-stream"


def _body_template(body: str, kind: str) -> Template:
    return Template(parse(body, layer="Respond", option="body"), for_type(kind))
