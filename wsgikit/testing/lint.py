"""`lint(app)`: PEP 3333, checked on both sides of one border.

A lint stands between a server (or a layer) and an application (or a layer) and looks at what passes:
the environ going in, start_response, write() and the body coming out, close() at the end.
It hands on what it was given, so lints nest: ``lint(layer(lint(app)))`` checks a layer on both of its sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_choice, wrong_type
from wsgikit.testing.lint_body import Exchange, LintedBody, SizedLintedBody, is_sized
from wsgikit.testing.lint_environ import check_environ
from wsgikit.testing.lint_streams import watch_streams
from wsgikit.testing.rules import RULES, Blame, Referee

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

BLAMES = ("both", "app", "server")

# The outermost lint of a request: only there can be seen whether the head has really gone out.
OUTERMOST = "wsgikit.testing.lint"


def lint(app: WSGIApplication, *, blame: Blame = "both", allow: Iterable[str] = ()) -> LintedApp:
    """Checks each request and its answer against PEP 3333, and raises `LintError` at the first breach.

    - ``blame``: whose breaches raise: ``"both"``, ``"app"`` or ``"server"``. The other side's are warnings
      (`LintWarning`), because many servers break the specification and an app's tests must run behind them.
    - ``allow``: codes from `RULES` that are let pass in silence, for an app that breaks them on purpose.

    A body that is never closed is reported when it is collected, to `sys.unraisablehook`.
    environ is edited in place (wsgi.input and wsgi.errors are watched), as `wsgiref.validate` does it.
    """
    if not callable(app):
        raise wrong_type("lint", "app", app, "a WSGI app, called with environ and start_response")
    if blame not in BLAMES:
        raise wrong_choice("lint", "blame", blame, BLAMES)
    allowed = frozenset(allow)
    for code in allowed - RULES.keys():
        raise wrong_choice("lint", "allow", code, RULES)
    return LintedApp(app, Referee(blame, allowed))


class LintedApp:
    """The application with a lint around it."""

    def __init__(self, app: WSGIApplication, referee: Referee) -> None:
        self.app = app
        self.referee = referee

    def __repr__(self) -> str:
        return f"lint({self.app!r}, blame={self.referee.blame!r})"

    def options(self) -> dict[str, Any]:
        return {"blame": self.referee.blame, "allow": tuple(sorted(self.referee.allow))}

    def children(self) -> tuple[tuple[str, WSGIApplication], ...]:
        return (("app", self.app),)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse, /) -> Iterable[bytes]:
        given: object = start_response  # what it is declared to be is what is to be checked
        check_environ(environ, self.referee)
        if not callable(given):
            self.referee.broken("start-response-callable", repr(start_response))
        watch_streams(environ, self.referee)
        exchange = Exchange(self.referee, str(environ.get("REQUEST_METHOD", "")), start_response)
        exchange.outermost = environ.setdefault(OUTERMOST, exchange)
        try:
            body = self.app(environ, exchange.start_response)
        except StopIteration as stop:
            self.referee.broken("stop-iteration", "raised by the call of the application")
            raise RuntimeError("the application raised StopIteration") from stop
        return self._watch(body, exchange)

    def _watch(self, body: Any, exchange: Exchange) -> Iterable[bytes]:
        if isinstance(body, (str, bytes, bytearray, memoryview)) or not hasattr(body, "__iter__"):
            self.referee.broken("body-iterable", f"{type(body).__name__} {body!r:.60}")
            return body  # type: ignore[no-any-return]  # whatever it is, it is the server's now
        return (SizedLintedBody if is_sized(body) else LintedBody)(body, exchange)
