"""Paste's Cascade, on `wsgikit.Cascade`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_type
from wsgikit.core.middleware import Application
from wsgikit.core.reply import reason
from wsgikit.mounting.cascade import Cascade as _Cascade

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Cascade(Application):
    """Paste's: asks each of ``applications`` until the status is none of ``catch``; the last one's answer stands.

    - ``catch`` ((404,)): status codes, texts that begin with one (``"404 Not Found"``), or HTTP exceptions with a
      ``code``. HTTP exceptions of Paste, WebOb and Werkzeug that an app raises are caught by their code, too.

    Different from the original: apps that are generators can answer 404 first, chunked request bodies come again for
    the next app, ``exc_info`` is handed on, and what an app gave is closed even when it raises. `wsgikit.Cascade` also
    has a bound for the request body; here there is none.
    """

    def __init__(self, applications: Iterable[WSGIApplication], catch: Iterable[Any] = (404,)) -> None:
        self.apps = list(applications)
        self.catch_codes = tuple(map(_code, catch))
        asked = [_understood(app, self.catch_codes) for app in self.apps[:-1]] + self.apps[-1:]
        self._cascade = _Cascade(*asked, statuses=self.catch_codes, max_body=sys.maxsize)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._cascade(environ, start_response)

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The apps by number, in the order in which they are asked."""
        return [(str(number), app) for number, app in enumerate(self.apps, 1)]


def _code(error: Any) -> int:
    """The status code that an element of ``catch`` means."""
    if isinstance(error, str) and error[:3].isdigit():
        return int(error[:3])
    code = getattr(error, "code", error)
    if isinstance(code, int):
        return code
    raise wrong_type("Cascade", "catch", error, "a status code, or an HTTP exception with one")


def _understood(app: WSGIApplication, codes: tuple[int, ...]) -> WSGIApplication:
    """``app``, its HTTP exceptions with one of ``codes`` as answers."""

    def asked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except Exception as error:
            code = getattr(error, "code", None)
            # Werkzeug's and WebOb's are apps themselves, Paste's have one; other errors have a code of another kind.
            if code not in codes or not (callable(error) or hasattr(error, "wsgi_application")):
                raise
            start_response(f"{code} {reason(code)}", [], sys.exc_info())
            return []

    return asked
