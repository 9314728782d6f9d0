"""Ranges: sends the part of an answer that the client asked for (RFC 9110 section 14)."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

from wsgikit.core.headers import get
from wsgikit.core.middleware import Middleware
from wsgikit.http import ranges
from wsgikit.http.preconditions import range_holds
from wsgikit.responses.conditional.conditionalget import unmet
from wsgikit.responses.conditional.early import EarlyFlight, Refusal
from wsgikit.responses.conditional.files import SoughtFile
from wsgikit.responses.conditional.multipart import partial_content
from wsgikit.responses.conditional.slices import Cut, sliced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgikit.core.flight import Filter
    from wsgikit.core.headers import Headers
    from wsgikit.http.ranges import Span, Wanted

_ACCEPTED = ("Accept-Ranges", "bytes")

# What is said of the content that is sent, not of the whole (RFC 9110 section 8.6, RFC 9530 section 2, RFC 1864).
_OF_THE_MESSAGE = frozenset(
    {"accept-ranges", "content-digest", "content-length", "content-md5", "content-range"}
)
_OF_SEVERAL = _OF_THE_MESSAGE | {"content-type"}


class Ranges(Middleware):
    """Answers a GET that has a Range with a 206, from any app's 200 whose length is known.

    The length is that of a list, the Content-Length, or that of a file. Lists are sliced, a file (the server's file
    wrapper) is sought, anything else is gone through chunk by chunk, and closed after the last byte that was asked
    for; nothing is collected. Several ranges make a ``multipart/byteranges``, overlapping ones are sent as one, and
    where none of them is there the answer is a 416.

    Preconditions come first: one that fails makes a 304 or 412 of the answer, as `ConditionalGet` does for requests
    without Range; the two go in either order. The whole is sent, as ever, when If-Range does not hold; when Range is
    malformed, in another unit, or asks for more than 10 ranges or more than two that overlap; and when a stream would
    have to be read backwards.

    Answers that could be cut say so with Accept-Ranges; an app's ``Accept-Ranges: none`` is obeyed.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD")
        if method == "GET":
            wanted = ranges.parse(environ["HTTP_RANGE"]) if "HTTP_RANGE" in environ else None
            if wanted is not None:
                return _Ranged(environ, start_response, wanted).through(self.app)
        elif method != "HEAD":
            return self.app(environ, start_response)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if status[:3] == "200" and _divisible(headers):
                headers = [*headers, _ACCEPTED]
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        return self.app(environ, start)


def _divisible(headers: Headers) -> bool:
    """Whether an answer could be cut, as far as its head tells, and does not say yet if it may."""
    measured = False
    for name, _ in headers:
        if 12 < len(name) < 15:  # lower() of each would be most of the cost
            field = name.lower()
            if field == "content-length":
                measured = True
            elif field == "accept-ranges" or field == "content-range":
                return False
    return measured


class _Ranged(EarlyFlight):
    """One answer to a request for ranges; ``cut`` is the body of it that takes the place of a list or a file."""

    __slots__ = ("_wanted", "cut")

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse, wanted: Wanted) -> None:
        super().__init__(environ, start_response, _Ranged.decide)
        self._wanted = wanted
        self.cut: Iterable[bytes] | None = None

    def carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body to give to the server."""
        carried = super().carry(body)
        return carried if self.cut is None else self.cut

    def decide(self) -> Filter | None:
        """Cut a 200 of known length, unless something speaks against it."""
        if self.status[:3] != "200" or not self.reachable or not _unsaid(self.headers):
            return None
        if _divisible(self.headers):
            self.headers.append(_ACCEPTED)
        stopped = unmet(self)
        if stopped is not None or not range_holds(self.request, self.headers, time()):
            return stopped
        length, sought = self.length(), None
        if self.body is not None and not self.whole:
            sought = SoughtFile.of(self.body, self.environ)
            if sought is not None:
                length = sought.length(length)
        if length is None:
            return None
        spans = ranges.select(self._wanted, length)
        if spans is None:
            return None
        if not spans:
            return self._refused(length)
        return self._cut(spans, length, sought)

    def _refused(self, length: int) -> Filter:
        head = [("Content-Range", ranges.unsatisfied(length)), _ACCEPTED]
        return Refusal(self, 416, f"There are {length} bytes, and none of those asked for.", headers=head)

    def _cut(self, spans: list[Span], length: int, sought: SoughtFile | None) -> Filter | None:
        """The head of a 206, and what cuts the body: a body in the place of a list or file, or a filter."""
        content = partial_content(spans, length, get(self.headers, "content-type"))
        chosen = None
        if self.whole:
            self.cut = sliced(self.body, content)  # type: ignore[arg-type]  # `whole` says that it is a list
        elif sought is not None:
            self.cut = sought.body_of(content, self.environ)
        elif content.ascending:
            chosen = Cut(self, content)
        else:
            return None
        replaced = _OF_THE_MESSAGE if len(spans) == 1 else _OF_SEVERAL
        self.status = "206 Partial Content"
        self.headers = [pair for pair in self.headers if pair[0].lower() not in replaced]
        self.headers += (_ACCEPTED, *content.headers)
        return chosen


def _unsaid(headers: Headers) -> bool:
    """Whether the app leaves it to this layer: it has neither sent a range itself nor refused to."""
    for name, value in headers:
        field = name.lower()
        if field == "content-range" or (field == "accept-ranges" and value.strip(" \t").lower() == "none"):
            return False
    return True
