"""ETag: gives an answer a tag made from its content (RFC 9110 section 8.8.3)."""

from __future__ import annotations

from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import close
from wsgikit.core.flight import Flight
from wsgikit.core.middleware import Middleware
from wsgikit.core.units import flag, size
from wsgikit.responses.conditional.files import SoughtFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.flight import Filter
    from wsgikit.core.headers import Headers

_DIGITS = 32  # in hexadecimal, of the hash's 64: 128 bits


class ETag(Middleware):
    """Gives a 200 to GET that has no ETag one made from its content.

    - ``weak``: whether the tag is a weak one, True by default, as a layer outside may yet change the bytes. With
      False, clients can also resume a download (If-Range) that `Ranges` cuts.
    - ``max_size``: bytes (or ``"1MiB"``, the default, which takes half a millisecond) up to which a body is hashed;
      a larger one goes its way without a tag.

    A body has to be there as a whole: a list, a file that can be sought (it is read, and put back to where it was),
    or an iterator with a Content-Length, as frameworks give their pages, whose chunks are held until the last. What
    comes with no length is a stream and is never held up, nor is an event stream, nor what has
    ``X-Accel-Buffering: no``. The body's own object goes to the server, but for such an iterator.

    The hash is SHA-256, cut to 128 bits. Processors have instructions for it: 28 us for 50 KB, about half of what
    BLAKE2b or MD5 take. It is the same on each host behind a balancer, and allowed where MD5 and SHA-1 are not.
    """

    def __init__(self, app: WSGIApplication, *, weak: bool = True, max_size: int | str = "1MiB") -> None:
        super().__init__(app)
        self.weak = flag("ETag", "weak", weak)
        self.max_size = size("ETag", "max_size", max_size)
        self._form = 'W/"%s"' if weak else '"%s"'

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") != "GET":
            return self.app(environ, start_response)
        flight: _Tagged | None = None
        declined = False

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            nonlocal flight, declined
            if flight is None and not declined:
                declined = True
                if status[:3] == "200" and _lacking(headers, self.max_size):
                    flight = _Tagged(environ, start_response, self._form, self.max_size)
            if flight is not None:
                return flight.start_response(status, headers, exc_info)
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        body = self.app(environ, start)
        declined = True  # an answer whose head comes only now is a stream
        return body if flight is None else flight.carry(body)


def _lacking(headers: Headers, max_size: int) -> bool:
    """Whether a 200 lacks a tag that it can be given, as far as its head tells: no large body, no live stream."""
    for name, _ in headers:
        if len(name) == 4 and name.lower() == "etag":  # lower() of each would be most of the cost
            return False
    for name, value in headers:
        field = name.lower()
        if field == "content-length":
            if value.isdecimal() and int(value) > max_size:
                return False
        elif field == "content-type":
            if value[:17].lower() == "text/event-stream":
                return False
        elif field == "x-accel-buffering" and value.strip(" \t").lower() == "no":
            return False
    return True


class _Tagged(Flight):
    """A 200 on its way to a tag; ``withdrawn`` when another answer has taken its place."""

    __slots__ = ("_form", "_max_size", "_tag", "withdrawn")

    def __init__(
        self, environ: WSGIEnvironment, start_response: StartResponse, form: str, max_size: int
    ) -> None:
        super().__init__(environ, start_response, _Tagged.decide)  # type: ignore[arg-type]  # given this flight
        self._form = form
        self._max_size = max_size
        self._tag: str | None = None
        self.withdrawn = False

    def start_response(
        self, status: str, headers: Headers, exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``: what replaces the head is another answer."""
        if exc_info:
            self.withdrawn = True
        return super().start_response(status, headers, exc_info)

    def decide(self) -> Filter | None:
        """The tag, if there is one by now; the body stays as it is."""
        if self._tag is not None and not self.withdrawn:
            self.headers.append(("ETag", self._tag))
        return None

    def carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body to give to the server, hashed if it is there as a whole."""
        if self._committed or self.withdrawn:
            return super().carry(body)
        try:
            if type(body) is list or type(body) is tuple:
                if sum(map(len, body)) <= self._max_size:
                    self.tag(body)
            elif (sought := SoughtFile.of(body, self.environ)) is not None:
                self._tag_file(sought)
            elif length := self.length():
                return _Held(self, body, length)
        except BaseException:
            close(body)
            raise
        return super().carry(body)

    def tag(self, chunks: Iterable[bytes]) -> None:
        """Make the tag from a whole content."""
        digest = sha256()
        for chunk in chunks:
            digest.update(chunk)
        self._tag = self._form % digest.hexdigest()[:_DIGITS]

    def release(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        """Pass the head on, for a body that was held."""
        return super().carry(chunks)

    def _tag_file(self, sought: SoughtFile) -> None:
        length = sought.length(self.length())
        if length is not None and length <= self._max_size:
            self.tag(sought.blocks(0, length))
            sought.rewind()


class _Held:
    """A body of announced length: its chunks are held until the last is there, and go out one by one as they came."""

    __slots__ = ("_body", "_flight", "_length", "_next")

    def __init__(self, flight: _Tagged, body: Iterable[bytes], length: int) -> None:
        self._flight = flight
        self._body: Iterable[bytes] | None = body
        self._length = length
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._next is None:
            self._next = iter(()).__next__  # if this breaks off, there is no well-formed end
            self._next = self._held().__next__
        return self._next()

    def _held(self) -> Iterator[bytes]:
        """Collect the content, and pass the head on; what the app had given of an answer it withdrew is dropped."""
        flight, left = self._flight, self._length
        source = iter(self._body or ())
        held: list[bytes] = []
        for chunk in source:
            if flight.withdrawn:
                held.clear()
            held.append(chunk)
            left -= len(chunk)
            if left <= 0 or flight.withdrawn:
                break
        else:
            if flight.withdrawn:
                held.clear()
        if left == 0:
            flight.tag(held)
        return iter(flight.release(chain(held, source)))

    def close(self) -> None:
        """Close the app's body, once."""
        body, self._body = self._body, None
        self._next = iter(()).__next__
        if body is not None:
            close(body)
