"""One request on its way through the app, when the cache has yet to see what comes of it.

The head is held until the plan has decided, as in ``core.flight``, and the plan may want more than to change it:
the stored response in the app's place (after a 304, or when the app fails), the app asked once more, or a
copy of the body. So there are four ends:

    pass it on        the app's own body is given to the server, untouched
    copy it           a `Filling` is fed with every chunk that passes, `silent` if the client needs none of it
    an `Answer`       in the place of the app's, whose body is closed unread
    `AGAIN`           the app is asked again, with what the plan gives it for an environ

What the app raises before a byte is out goes to the plan, which may have an `Answer` to it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

from wsgikit.core.body import Wrapper, close, discard
from wsgikit.responses.cache.plan import AGAIN, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.headers import Headers
    from wsgikit.responses.cache.filling import Filling
    from wsgikit.responses.cache.plan import Plan


class Passage:
    """The exchange with the app for one request."""

    __slots__ = (
        "_app",
        "_committed",
        "_environ",
        "_flying",
        "_instead",
        "_plan",
        "_sink",
        "_start",
        "_write",
        "body",
        "headers",
        "silent",
        "status",
    )

    headers: Headers  # from the app's start_response() on
    _write: Callable[[bytes], object]  # the server's, once the head is committed

    def __init__(
        self, app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse, plan: Plan
    ) -> None:
        self._app = app
        self._environ = environ
        self._start = start_response
        self._plan = plan
        self._sink: Filling | None = None
        self._instead: Answer | Literal["again"] | None = None
        self._committed = False
        self._flying = False
        self.body: Iterable[bytes] | None = None
        self.silent = False
        self.status = ""

    def go(self) -> Iterable[bytes]:
        """Call the app, and give the body for the server."""
        try:
            body = self._app(self._environ, self.start_response)
        except Exception as error:
            instead = self.failed(error)
            if instead is None:
                raise
            return self.send(instead)
        except BaseException:
            self.drop()
            raise
        return self._carry(body)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The app's ``start_response``: keeps the head, or replaces it while no byte is out (PEP 3333)."""
        if exc_info:
            try:
                if self._flying:
                    raise exc_info[1].with_traceback(exc_info[2])
                if self._committed:
                    self.drop()  # what was to be kept is withdrawn
                    self.silent = False  # and this is not what the client has
                    self._write = self._start(status, list(headers), exc_info)
                    return self.write
            finally:
                exc_info = None  # a traceback that holds its own frame would keep the request alive
        elif self.status:
            raise AssertionError("start_response() called a second time without exc_info (PEP 3333)")
        self.status = status
        self.headers = list(headers)
        return self.write

    def write(self, chunk: bytes, /) -> None:
        """The app's ``write()``: its bytes go the same way as those of its iterable."""
        if self.passed(chunk) is None and not self.silent:
            self._write(chunk)

    def _carry(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body to give to the server: the app's own object if nobody has to see it pass."""
        self.body = body
        try:
            if self.status and not self._committed and self._instead is None:
                self._settle()
                if self._sink is not None and type(body) in (list, tuple):
                    self._take(body)
        except BaseException:
            self.drop()
            close(body)
            raise
        if self._instead is not None:
            discard(body)
            return self.send(self._instead)
        if self._committed and self._sink is None and not self._to_be_watched:
            self._plan.arrived()
            if not self.silent:
                return body
            discard(body)
            return []
        return PassageBody(self, body)

    @property
    def _to_be_watched(self) -> bool:
        return type(self.body) not in (list, tuple) and self._plan.rescues

    def _take(self, body: Iterable[bytes]) -> None:
        """A body that is at hand is stored at once."""
        sink, self._sink = self._sink, None
        assert sink is not None
        for chunk in body:
            sink.feed(chunk)
        sink.end()

    # What follows is for the body that passes, below.

    def passed(self, chunk: bytes) -> Answer | Literal["again"] | None:
        """One chunk of the app's: None to hand it on, else what to send in place of the app's answer."""
        if not self._committed and self._instead is None:
            if not self.status:
                raise AssertionError("the app gave a body before it called start_response() (PEP 3333)")
            self._settle()
        if self._instead is None:
            if self._sink is not None:
                self._sink.feed(chunk)
            if chunk and not self.silent and not self._flying:
                self._flying = True
                self._plan.arrived()
        return self._instead

    @property
    def idle(self) -> bool:
        """Whether nobody wants what is left of the body: not the client, and not the store."""
        return self.silent and (self._sink is None or self._sink.done)

    def ended(self) -> Answer | Literal["again"] | None:
        """The app's body has ended well."""
        if self.status and not self._committed and self._instead is None:
            self._settle()
        if self._instead is None:
            if self._sink is not None:
                self._sink.end()
            if not self._flying:
                self._plan.arrived()
        return self._instead

    def failed(self, error: Exception) -> Answer | None:
        """The app has raised: what to answer all the same."""
        self.drop()
        if self._flying or self.silent or self._instead is not None:
            return None
        return self._plan.rescue(error)

    def drop(self) -> None:
        """Nothing is to be kept of this."""
        if self._sink is not None:
            self._sink.drop()
        self._plan.over()

    def send(self, instead: Answer | Literal["again"]) -> Iterable[bytes]:
        """Answer in the app's place, or ask it again."""
        self._instead = None
        if instead == AGAIN:
            self.status = ""
            self._environ = self._plan.again()
            return self.go()
        status, headers, body = instead
        try:
            if self._committed:
                # The app has failed after its head, and this is called while its error is handled. No byte is out.
                self._start(status, headers, sys.exc_info())
            else:
                self._start(status, headers)
        except BaseException:
            close(body)
            raise
        self._committed = True
        return body

    def _settle(self) -> None:
        """Decide, and pass the head on if it is the app's."""
        decision = self._plan.decide(self)
        if decision == AGAIN or isinstance(decision, Answer):
            self._instead = decision
            return
        self._sink = decision
        self._write = self._start(self.status, self.headers)
        self._committed = True


class PassageBody(Wrapper):
    """The app's body as it passes; it may turn into another one before the first byte."""

    __slots__ = ("_body", "_done", "_next", "_passage")

    def __init__(self, passage: Passage, body: Iterable[bytes]) -> None:
        self._passage: Passage | None = passage
        self._body: Iterable[bytes] | None = body
        self._next: Callable[[], bytes] | None = None
        self._done = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._done:
            passage = self._passage
            try:
                if self._next is None:
                    self._next = iter(self._body or ()).__next__
                chunk = self._next()
                if passage is None:
                    return chunk
                instead = passage.passed(chunk)
                if instead is None and not passage.silent:
                    return chunk
                if passage.idle:
                    break
            except StopIteration:
                if passage is None or (instead := passage.ended()) is None:
                    break
            except Exception as error:
                instead = None if passage is None else passage.failed(error)
                if instead is None:
                    self._done = True
                    raise
                self._turn(instead)
                continue
            except BaseException:
                self._break_off()
                raise
            if instead is not None:
                self._turn(instead)
        self._done = True
        raise StopIteration

    def _turn(self, instead: Answer | Literal["again"]) -> None:
        """From now on the body is another one."""
        passage, body = self._passage, self._body
        assert passage is not None
        self._body = self._next = None
        close(body)
        self._passage = None  # whatever comes now watches over itself
        self._body = passage.send(instead)

    def _break_off(self) -> None:
        self._done = True
        if self._passage is not None:
            self._passage.drop()

    def close(self) -> None:
        """Close the body, once; what had not come by then will not be stored."""
        body, self._body = self._body, None
        passage, self._passage = self._passage, None
        self._done = True
        try:
            if passage is not None:
                passage.drop()
        finally:
            close(body)
