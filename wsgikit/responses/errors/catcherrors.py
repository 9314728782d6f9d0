"""CatchErrors: an exception of the app becomes a finished answer, and one record in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.body import WatchedBody, Wrapper, close, watched, wrapped_file
from wsgikit.core.failure import record
from wsgikit.core.flight import Flight
from wsgikit.core.middleware import Middleware
from wsgikit.core.units import flag
from wsgikit.responses.errors.failure import answer_of, failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class CatchErrors(Middleware):
    """Answers 500 when the app raises before the first byte of its answer, and logs what it raised, with its traceback.

    - ``debug`` (False): whether the answer shows the traceback: to anybody who makes the app fail, so never in
      production. Without it the answer tells nothing of the error.

    The answer is text, HTML or problem+json, whichever Accept asks for. The record goes to the logger
    ``wsgikit.errors``, once, with method, path and request id (RequestId's). An exception that is an answer itself
    (``HTTPException`` of Werkzeug or WebOb: ``abort(404)``) is sent as that, and not logged.

    What the app raises after the first byte, or in ``close()``, is logged and raised on, so that the server breaks the
    connection and half a page never looks whole. What is no ``Exception`` passes: ``SystemExit``,
    ``KeyboardInterrupt``, gevent's ``GreenletExit`` and ``Timeout``.
    """

    def __init__(self, app: WSGIApplication, *, debug: bool = False) -> None:
        super().__init__(app)
        self.debug = flag("CatchErrors", "debug", debug)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.setdefault("wsgikit.notes", {})  # shared, for the request id of a RequestId inside
        request = environ.copy()  # now: an app may edit its environ
        # The flight keeps the head until the call has returned, or a generator has given something: a server that has
        # not heard of the first head cannot confuse it with ours (gunicorn would send both, uWSGI raises SystemError).
        flight = Flight(environ, start_response, _as_it_is)
        try:
            body = self.app(environ, flight.start_response)
            return flight.carry(self._guarded(body, request, flight))
        except Exception as error:  # the app's, or the server's about the app's head
            return flight.carry(self.answer(error, request, flight))

    def answer(self, error: Exception, request: WSGIEnvironment, flight: Flight) -> Iterable[bytes]:
        """Answer for the app; raises the error again where that is too late."""
        exc_info: Any = (type(error), error, error.__traceback__)

        def restart(
            status: str, headers: list[tuple[str, str]], _: Any = None, /
        ) -> Callable[[bytes], object]:
            try:
                return flight.start_response(status, headers, exc_info)
            except SystemError as refusal:
                if refusal.__cause__ is not exc_info[1]:
                    raise
                return flight.write  # uWSGI's way of taking a second head: it has, and fails all the same

        meant = answer_of(error)
        if meant is not None:
            try:
                return meant(request, restart)
            except Exception as second:  # it comes too late, or fails itself
                error = second
        self.report(error, request)
        return failure(error, request, restart, debug=self.debug)

    def report(self, error: BaseException, request: WSGIEnvironment) -> None:
        """Log the error, and note its type for the layers outside, which do not see it otherwise."""
        request["wsgikit.notes"].setdefault("error.type", type(error).__name__)
        record(error, request)

    def _guarded(self, body: Iterable[bytes], request: WSGIEnvironment, flight: Flight) -> Iterable[bytes]:
        """The app's body with an eye on it, of the kind that it was."""
        kind = type(body)
        if (kind is list or kind is tuple) and flight.status:
            return body  # there is nothing left that could raise
        if wrapped_file(body, request.get("wsgi.file_wrapper")) is not None:
            return watched(body, request, lambda seen: self._seen(seen, request))[1]
        guarded = SizedBody if hasattr(kind, "__len__") else GuardedBody
        return guarded(self, body, request, flight)

    def _seen(self, body: WatchedBody, request: WSGIEnvironment) -> None:
        """A file that the server has sent itself: its error was raised on."""
        if isinstance(body.error, Exception):
            self.report(body.error, request)


class GuardedBody(Wrapper):
    """The app's body; an exception at its first chunk turns it into the answer for that."""

    __slots__ = ("_begun", "_body", "_flight", "_layer", "_next", "_request")

    def __init__(
        self, layer: CatchErrors, body: Iterable[bytes], request: WSGIEnvironment, flight: Flight
    ) -> None:
        self._layer = layer
        self._body: Iterable[bytes] | None = body
        self._request = request
        self._flight = flight
        self._next: Callable[[], bytes] | None = None
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._next is None:
                self._next = iter(self._body or ()).__next__
            chunk = self._next()
            if not self._begun:
                self._begin(chunk)
        except StopIteration:
            raise
        except Exception as error:
            if self._begun:
                self._layer.report(error, self._request)
                raise
            page = self._layer.answer(error, self._request, self._flight)
            return self._switch(page)
        return chunk

    def _begin(self, chunk: bytes) -> None:
        if not self._flight.status:
            raise AssertionError("the app gave a body before it called start_response() (PEP 3333)")
        self._begun = chunk != b""

    def _switch(self, page: Iterable[bytes]) -> bytes:
        """The first chunk of ``page``, which stands in from here on; the app's body is closed."""
        failed, self._body = self._body, page
        self._next = iter(page).__next__
        self._begun = True
        try:
            close(failed)
        except Exception as error:  # the client is told already that something went wrong
            self._layer.report(error, self._request)
        return self._next()

    def close(self) -> None:
        """Close the app's body, once."""
        body, self._body = self._body, None
        try:
            close(body)
        except Exception as error:
            self._layer.report(error, self._request)
            raise


class SizedBody(GuardedBody):
    """A body with a length, which stays exact, and which can be iterated again."""

    __slots__ = ("_sized",)

    def __init__(self, layer: CatchErrors, body: Any, request: WSGIEnvironment, flight: Flight) -> None:
        super().__init__(layer, body, request, flight)
        self._sized = body

    def __len__(self) -> int:
        return len(self._sized)

    def __iter__(self) -> Iterator[bytes]:
        self._next = None
        return self


def _as_it_is(flight: Flight) -> None:
    """The decision about an answer that is not changed."""
