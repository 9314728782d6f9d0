"""What the layers that change bodies share: which answers concern them, and what carries those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from wsgikit.core.flight import Flight
from wsgikit.core.headers import get
from wsgikit.core.middleware import Middleware
from wsgikit.http.media import MediaTypes
from wsgikit.responses.bodies.changing import changed, may_change, with_listed_tag
from wsgikit.responses.bodies.measured import Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.flight import Filter
    from wsgikit.core.headers import Headers

_PARTLY_OR_NOT = ("204", "205", "206", "304")  # statuses without content, or with a part of it


class Vehicle(Protocol):
    """What carries an answer while it is changed: a ``Flight``, or a ``Gathering``."""

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``."""

    def carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body for the server."""

    def close_filter(self) -> None:
        """Give back what is held: the app raised."""


class BodyLayer(Middleware):
    """A layer that changes the bodies of certain media types.

    It learns from the head whether an answer concerns it. Most do not, and so nothing is made for them: their head and
    their body are handed on. Only for those of its types, and for apps that call ``start_response`` late, in a
    generator, does it call for what carries the answer, which looks at the rest of the head (``wants``).
    """

    def __init__(self, app: WSGIApplication, types: str | Iterable[str]) -> None:
        super().__init__(app)
        media = MediaTypes(types, layer=type(self).__name__)
        self.types = media.patterns
        self._concerned = media.match

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") == "HEAD":  # asked now: the app may edit its environ
            return self.flight(environ, start_response).through(self.app)
        carried: Vehicle | Literal[False] | None = None  # False for an answer that is not ours

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            nonlocal carried
            if carried is None:
                carried = False
                for name, value in headers:
                    if name == "Content-Type" or name.lower() == "content-type":
                        if self._concerned(value):
                            carried = self.vehicle(environ, start_response)
                        break
                else:
                    if status[:3] == "304":
                        headers = with_listed_tag(headers, environ)
            if carried:
                return carried.start_response(status, headers, exc_info)
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        try:
            body = self.app(environ, start)
        except BaseException:
            if carried:
                carried.close_filter()
            raise
        if carried is False:
            return body
        if carried is None:
            carried = self.vehicle(environ, start_response)
        return carried.carry(body)

    def vehicle(self, environ: WSGIEnvironment, start_response: StartResponse) -> Vehicle:
        """What carries an answer that may be changed: a flight, unless the layer says otherwise."""
        return self.flight(environ, start_response)

    def flight(self, environ: WSGIEnvironment, start_response: StartResponse) -> Flight:
        """A flight on which the layer's filter is applied."""
        return Flight(environ, start_response, self._decide)

    def filter(self, flight: Flight) -> Filter | None:
        """What changes the body of an answer that is wanted; None to leave it after all. May change the head."""
        raise NotImplementedError(f"{type(self).__name__} has no filter")

    def wants(self, status: str, headers: Headers) -> bool:
        """Whether an answer is to be changed: of one of the types, with content, whole, and not forbidding it."""
        content_type = get(headers, "content-type")
        if content_type is None or not self._concerned(content_type):
            return False
        return status[:3] not in _PARTLY_OR_NOT and may_change(headers)

    def _decide(self, flight: Flight) -> Filter | None:
        if not self.wants(flight.status, flight.headers):
            if flight.status[:3] == "304":
                flight.headers = with_listed_tag(flight.headers, flight.environ)
            return None
        if not flight.reachable:
            return None
        announced = None if flight.whole else flight.length()
        chosen = self.filter(flight)
        if chosen is None:
            return None
        flight.headers = changed(flight.headers)
        return chosen if announced is None else Measured(chosen, announced)
