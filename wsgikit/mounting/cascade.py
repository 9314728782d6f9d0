"""Several apps for one address: each is asked until one knows the answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import close, discard, watched
from wsgikit.core.environ import content_length
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.middleware import Application
from wsgikit.core.reply import reply
from wsgikit.core.units import size
from wsgikit.mounting.attempt import Attempt
from wsgikit.mounting.replay import Recording, body_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Cascade(Application):
    """Asks one app after the other until the status of an answer is none of ``statuses``; the last one's stands.

    So a new app can take over a legacy one page by page: ``Cascade(new, ReverseProxy("http://legacy:8080"))``.

    - ``apps``: at least one, in the order in which they are asked. Each gets its own copy of environ.
    - ``statuses`` ((404, 405)): the answers that mean "not mine": unknown address, unknown method.
    - ``max_body`` (``"1MiB"``, bytes): the first app alone is asked, and its answer stands, when the request body is
      larger, because it has to be kept for the next app (in memory up to 1 MiB, then in a temporary file).

    An answer passes through untouched and unbuffered as soon as its status is known; one that is given up is closed
    without being read. What an app raises is raised: an error is an answer. A malformed Content-Length is answered 400.
    """

    def __init__(
        self, *apps: WSGIApplication, statuses: Collection[int] = (404, 405), max_body: int | str = "1MiB"
    ) -> None:
        if not apps:
            raise ValueError("Cascade: apps=() will not do: at least one app")
        for app in apps:
            if not callable(app):
                raise wrong_type("Cascade", "apps", app, "a WSGI app, called with environ and start_response")
        self.apps = apps
        self.statuses = statuses
        self.max_body = max_body
        self._statuses = _status_codes(statuses)
        self._max_body = size("Cascade", "max_body", max_body)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            source = body_of(environ)
        except ValueError as error:
            return reply(environ, start_response, 400, f"{error}.")
        if source is None:
            return self._ask(environ, start_response, None)
        if (content_length(environ) or 0) > self._max_body:
            return self.apps[0](environ.copy(), start_response)
        recording = Recording(source, self._max_body)
        try:
            body = self._ask(environ, start_response, recording)
        except BaseException:
            recording.close()
            raise
        return watched(body, environ, lambda _: recording.close())[1]

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The apps by number, in the order in which they are asked."""
        return [(str(number), app) for number, app in enumerate(self.apps, 1)]

    def _ask(
        self, environ: WSGIEnvironment, start_response: StartResponse, recording: Recording | None
    ) -> Iterable[bytes]:
        for app in self.apps[:-1]:
            attempt = Attempt(start_response, self._statuses)
            body = attempt.settle(app(_own(environ, recording), attempt.start_response))
            if attempt.accepted or not _replayable(recording, body):
                return attempt.carry(body)
            discard(body)
        return self.apps[-1](_own(environ, recording), start_response)


def _replayable(recording: Recording | None, body: Iterable[bytes]) -> bool:
    """Whether the next app can have the request's body; ``body`` is the answer that waits for this."""
    try:
        return recording is None or recording.whole()
    except BaseException:
        close(body)
        raise


def _own(environ: WSGIEnvironment, recording: Recording | None) -> WSGIEnvironment:
    """A copy of environ for one app, with the body from its first byte."""
    inner = environ.copy()
    if recording is not None:
        inner["wsgi.input"] = recording.replay()
        inner["wsgi.input_terminated"] = True
    return inner


def _status_codes(statuses: Any) -> frozenset[str]:
    wanted = "a list of status codes, such as (404, 405)"
    if isinstance(statuses, str | bytes) or not isinstance(statuses, Collection):
        raise wrong_type("Cascade", "statuses", statuses, wanted)
    for status in statuses:
        if isinstance(status, bool) or not isinstance(status, int):
            raise wrong_type("Cascade", "statuses", status, wanted)
        if not 100 <= status <= 599:
            raise wrong_value("Cascade", "statuses", status, wanted)
    return frozenset(map(str, statuses))
