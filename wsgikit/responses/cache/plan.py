"""What a request is sent to the app for, and what may become of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import WSGIEnvironment

    from wsgikit.core.headers import Headers
    from wsgikit.responses.cache.filling import Filling
    from wsgikit.responses.cache.passage import Passage

AGAIN: Literal["again"] = "again"


class Answer(NamedTuple):
    """A whole answer of the cache's own."""

    status: str
    headers: Headers
    body: Iterable[bytes]


class Plan(Protocol):
    """What a request is sent to the app for."""

    @property
    def rescues(self) -> bool:
        """Whether there could be an answer to a body that fails before its first byte."""

    def decide(self, passage: Passage) -> Filling | Answer | Literal["again"] | None:
        """What becomes of the app's answer; its head, ``passage.status`` and ``passage.headers``, may be changed."""

    def rescue(self, error: Exception) -> Answer | None:
        """What to answer although the app has raised."""

    def arrived(self) -> None:
        """The app's answer goes to the client, and nothing can take its place any more."""

    def again(self) -> WSGIEnvironment:
        """What to ask the app with the second time."""

    def over(self) -> None:
        """The app was asked in vain. It may be called more than once."""
