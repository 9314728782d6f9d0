"""The parts of a 206 and what stands between them (RFC 9110 section 15.3.7)."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

from wsgikit.http.ranges import content_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wsgikit.http.ranges import Span


class Part(NamedTuple):
    """Bytes ``start`` to ``stop`` (not included) of a representation, and what is sent ahead of them."""

    head: bytes
    start: int
    stop: int


class PartialContent(NamedTuple):
    """The content of a 206: its parts in the order asked for, and what is sent after the last of them."""

    parts: tuple[Part, ...]
    tail: bytes
    headers: tuple[tuple[str, str], ...]
    """Content-Length, and Content-Range or the Content-Type of several."""

    @property
    def ascending(self) -> bool:
        """Whether a body that can only be read forwards will do."""
        return all(one.stop <= next_.start for one, next_ in zip(self.parts, self.parts[1:], strict=False))


def partial_content(spans: Sequence[Span], length: int, content_type: str | None) -> PartialContent:
    """The content for ``spans`` out of ``length`` bytes: one part as it is, several as ``multipart/byteranges``."""
    if len(spans) > 1:
        return _several(spans, length, content_type)
    [(start, stop)] = spans
    headers = (("Content-Range", content_range((start, stop), length)), ("Content-Length", str(stop - start)))
    return PartialContent((Part(b"", start, stop),), b"", headers)


def _several(spans: Sequence[Span], length: int, content_type: str | None) -> PartialContent:
    boundary = token_hex(16)  # 128 random bits are in no body by chance
    typed = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    listed = []
    size = 0
    for number, (start, stop) in enumerate(spans):
        text = f"--{boundary}\r\n{typed}Content-Range: {content_range((start, stop), length)}\r\n\r\n"
        head = ("\r\n" + text if number else text).encode("latin-1")
        listed.append(Part(head, start, stop))
        size += len(head) + stop - start
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = (
        ("Content-Type", f"multipart/byteranges; boundary={boundary}"),
        ("Content-Length", str(size + len(tail))),
    )
    return PartialContent(tuple(listed), tail, headers)
