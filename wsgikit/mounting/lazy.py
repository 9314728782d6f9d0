"""An app named by its target, imported when it is wanted."""

from __future__ import annotations

import logging
from threading import RLock
from typing import TYPE_CHECKING

from wsgikit.core.errors import wrong_choice
from wsgikit.core.middleware import Application
from wsgikit.core.process import PerProcess
from wsgikit.core.reply import reply
from wsgikit.core.target import TargetError, load_app, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_LOAD = ("first", "import")
_ON_ERROR = ("raise", "503")

_log = logging.getLogger("wsgikit.mounting")


class Lazy(Application):
    """Imports the app that ``target`` names when the first request comes, and hands every request to it.

    - ``target``: ``"package.module:attribute"``; dots in the attribute lead further in. A factory is not called.
    - ``load`` (``"first"``): ``"import"`` imports it at once, while this one's own module is imported, so that what is
      wrong with it is found at the start and, on a preforking server, its memory is shared.
    - ``on_error`` (``"raise"``): what becomes of a target that cannot be had. ``"raise"`` raises `TargetError`: with
      ``load="import"`` the server does not start, which is uWSGI's ``need-app`` for every server. ``"503"`` answers
      its requests with that status while the apps beside it live on; what is wrong is for the log alone.

    It is imported once, whatever comes of it: later requests wait for it, then get the same app or the same error. The
    logger ``wsgikit.mounting`` gets the error, once, with its traceback.
    """

    def __init__(self, target: str, *, load: str = "first", on_error: str = "raise") -> None:
        parse_target("Lazy", "target", target)
        if load not in _LOAD:
            raise wrong_choice("Lazy", "load", load, _LOAD)
        if on_error not in _ON_ERROR:
            raise wrong_choice("Lazy", "on_error", on_error, _ON_ERROR)
        self.target = target
        self.load = load
        self.on_error = on_error
        self._loading = PerProcess(RLock)  # entered again when the target's own module makes a request
        self._app: WSGIApplication | None = None
        self._error: TargetError | None = None
        if load == "import":
            if on_error == "raise":
                self._app = load_app(target)
            else:
                self._load()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = self._app
        if app is None:
            app = self._load()
        if app is not None:
            return app(environ, start_response)
        error = self._error
        if self.on_error == "raise" and error is not None:
            # A new one each time: one exception raised in many threads would collect all their tracebacks.
            raise TargetError(str(error)) from error.__cause__
        return reply(environ, start_response, 503, "This application could not be started.")

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The app, once it is there."""
        return () if self._app is None else (("app", self._app),)

    def _load(self) -> WSGIApplication | None:
        """The app, imported by whoever comes first."""
        with self._loading.get():
            if self._app is None and self._error is None:
                try:
                    self._app = load_app(self.target)
                except TargetError as error:
                    self._error = error
                    _log.error("%s", error, exc_info=error)
        return self._app
