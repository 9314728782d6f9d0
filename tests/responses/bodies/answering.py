"""Apps with one answer, for the layers that change bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HTML = ("Content-Type", "text/html; charset=utf-8")


class Body:
    """A body that is no list, and counts how often it is closed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        self.closed += 1


def answering(
    body: Iterable[bytes], *headers: tuple[str, str], status: str = "200 OK", kind: str | None = HTML[1]
) -> Any:
    """An app with one answer, the body as it is given here."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(status, [*([("Content-Type", kind)] if kind is not None else []), *headers])
        return body

    return app


def start_nothing(*args: Any) -> Any:
    """A server's ``start_response`` that does not care."""
    return lambda chunk: None


class Heads(list[tuple[Any, ...]]):
    """A server's ``start_response`` that keeps what it is told."""

    def __call__(self, *head: Any) -> Any:
        self.append(head)
        return lambda chunk: None


def in_pieces(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]
