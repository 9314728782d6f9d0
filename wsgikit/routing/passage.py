"""One request on its way through the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgikit.core.headers import Headers

    Edit = Callable[[Headers], None]
    Statuses = frozenset[str] | None


class Passage:
    """What the rules have made of a request so far.

    ``environ`` is the server's own until ``edit()`` is called, and a copy from then on. ``later`` holds what is to be
    done once the answer's status is known: the statuses that count (None: all), and the edit of its headers.
    """

    __slots__ = ("_given", "environ", "later", "trace")

    def __init__(
        self, environ: WSGIEnvironment, trace: list[tuple[Any, dict[str, str] | None]] | None = None
    ) -> None:
        self._given = environ
        self.environ = environ
        self.later: list[tuple[Statuses, Edit]] = []
        self.trace = trace

    def edit(self) -> WSGIEnvironment:
        """The copy of environ that is this request's own to change."""
        if self.environ is self._given:
            self.environ = self._given.copy()
        return self.environ

    def notes(self) -> dict[str, Any]:
        """The notes shared with the layers outside, made here if none of them has."""
        notes: dict[str, Any] | None = self.environ.get("wsgikit.notes")
        if notes is None:
            notes = self.environ["wsgikit.notes"] = self._given["wsgikit.notes"] = {}
        return notes

    def start(self, start_response: StartResponse) -> StartResponse:
        """The ``start_response`` for the app: it does what was put off until the status is known."""
        if not self.later:
            return start_response
        later = self.later

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            headers = list(headers)
            code = status[:3]
            for statuses, edit in later:
                if statuses is None or code in statuses:
                    edit(headers)
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        return start


def status_codes(layer: str, statuses: Iterable[int | str] | None) -> Statuses:
    """Codes (404) and classes of codes (``"4xx"``) as the first three characters of a status line; None for all."""
    if statuses is None:
        return None
    codes: set[str] = set()
    for status in [statuses] if isinstance(statuses, int | str) else statuses:
        text = str(status).lower()
        if (
            len(text) != 3
            or text[0] not in "12345"
            or not (text[1:] == "xx" or (text.isascii() and text.isdigit()))
        ):
            raise wrong_value(
                layer, "statuses", status, 'a status code such as 404, or a class such as "5xx"'
            )
        codes.update([f"{text[0]}{n:02}" for n in range(100)] if text[1:] == "xx" else [text])
    return frozenset(codes)
