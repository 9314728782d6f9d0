"""ServerTiming: shows in the browser's developer tools where the time went (W3C Server Timing)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.middleware import Middleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

NOTES = ("upstream_time", "cache")

_NOT_TOKEN = re.compile(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")  # RFC 9110 section 5.6.2
_NOT_QUOTABLE = re.compile(r"[^\x20-\x7e]")
_LONGEST = 128  # characters of a description: a note may hold what a client sent


class ServerTiming(Middleware):
    """Adds a Server-Timing header: how long the app took to begin its answer, and what the notes of the request say.

    - ``when``: a condition; other requests are passed by. None tells everybody, and what a site does behind its answers
      is not everybody's business: ``when=ClientIP("private")`` or ``when=Cookie("timing")`` keeps it among developers.
    - ``notes`` (``("upstream_time", "cache")``): which of ``environ["wsgikit.notes"]`` to show, in this order, as far
      as they are there when the head goes out. A number under a name that ends in ``_time`` is a duration in seconds,
      shown in milliseconds and without the ending (``upstream;dur=12.30``); anything else is a text
      (``cache;desc="hit"``).

    So an app shows a duration of its own: it writes ``environ.setdefault("wsgikit.notes", {})["db_time"] = 0.0042``,
    and ``notes=("upstream_time", "cache", "db_time")`` lists it. What the app puts into Server-Timing itself stays
    beside it. Pages of other origins read it only with Timing-Allow-Origin. Raises ``ValueError`` or ``TypeError`` for
    a wrong option.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        when: Callable[[WSGIEnvironment], bool] | None = None,
        notes: str | Iterable[str] = NOTES,
    ) -> None:
        super().__init__(app)
        if when is not None and not callable(when):
            raise wrong_type("ServerTiming", "when", when, "a condition, such as ClientIP('private')")
        self.when = when
        self.notes = _names(notes)
        self._metrics = [(name, _metric(name)) for name in self.notes]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.when is not None and not self.when(environ):
            return self.app(environ, start_response)
        notes = environ.setdefault("wsgikit.notes", {})
        begun = perf_counter()

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            told = [*headers, ("Server-Timing", self._timing(perf_counter() - begun, notes))]
            if exc_info is None:
                return start_response(status, told)
            return start_response(status, told, exc_info)

        return self.app(environ, start)

    def _timing(self, spent: float, notes: dict[str, Any]) -> str:
        shown = [f"app;dur={spent * 1000:.2f}"]
        for name, metric in self._metrics:
            value = notes.get(name)
            if value is not None:
                shown.append(metric + _value(name, value))
        return ", ".join(shown)


def _metric(name: str) -> str:
    """The name of the metric for a note, which has to be a token."""
    return _NOT_TOKEN.sub("_", name.removesuffix("_time")) or "time"


def _value(name: str, value: Any) -> str:
    if name.endswith("_time") and isinstance(value, int | float):
        return f";dur={value * 1000:.2f}"
    text = _NOT_QUOTABLE.sub("?", str(value)[:_LONGEST])
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f';desc="{escaped}"'


def _names(notes: object) -> tuple[str, ...]:
    wanted = 'the names of notes, such as ("upstream_time", "cache")'
    if isinstance(notes, str):
        notes = [notes]
    if isinstance(notes, bytes) or not isinstance(notes, Iterable):
        raise wrong_type("ServerTiming", "notes", notes, wanted)
    names = tuple(notes)
    for name in names:
        if not isinstance(name, str):
            raise wrong_type("ServerTiming", "notes", name, wanted)
        if not name:
            raise wrong_value("ServerTiming", "notes", name, wanted)
    return names
