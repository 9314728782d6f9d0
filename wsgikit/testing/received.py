"""Requests as they came off the wire, read with no leniency: what is not HTTP/1.1 to the letter is a fault.

A proxy is judged by what it sends, so nothing is repaired here. Two readings of one request are where
smuggling starts (RFC 9112, 11.2), so both framings together, or two lengths, are faults as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) (HTTP/1\.[01])")
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\x21-\x7e\x80-\xff][ \t]*)*)")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_DIGITS = re.compile("[0-9]+")
HEAD_LIMIT = 1 << 20


class Malformed(Exception):
    """The peer sent what is no HTTP/1.1 request."""


@dataclass(slots=True)
class Received:
    """One request, and how far it has come; texts are the bytes decoded as latin-1."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    connection: int  # the number of the connection it came on, from 1
    head: bytes = field(repr=False)  # the raw head, with its empty line
    trailers: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list, repr=False)
    complete: bool = False  # the body has come to its end

    @property
    def body(self) -> bytes:
        """The body that has come until now, framing taken off."""
        return b"".join(self.pieces)

    def header(self, name: str) -> str | None:
        """The value of the header, whatever the case of its name; several are joined by a comma."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def all(self, name: str) -> list[str]:
        """Each value of the header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def wants_close(self) -> bool:
        """Whether the peer said that this is its last request on the connection."""
        tokens = {token.strip().lower() for token in (self.header("Connection") or "").split(",")}
        return "close" in tokens or (self.version == "HTTP/1.0" and "keep-alive" not in tokens)

    def as_json(self) -> dict[str, Any]:
        """What arrived, for the echo; the body as latin-1."""
        return {
            "method": self.method,
            "target": self.target,
            "version": self.version,
            "headers": self.headers,
            "body": self.body.decode("latin-1"),
            "connection": self.connection,
        }


def parse_head(head: bytes, connection: int) -> Received:
    """Reads a head that ends with its empty line."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise Malformed(f"the request line {first!r:.200}")
    method, target, version = (part.decode("latin-1") for part in match.groups())
    request = Received(method, target, version, parse_fields(lines), connection, head)
    if version == "HTTP/1.1" and len(request.all("Host")) != 1:
        raise Malformed(f"{len(request.all('Host'))} Host fields in {head!r:.200}")
    return request


def parse_fields(lines: list[bytes]) -> list[tuple[str, str]]:
    fields = []
    for line in lines:
        match = _FIELD_LINE.fullmatch(line)
        if match is None:
            raise Malformed(f"the field line {line!r:.200}")
        name, value = (part.decode("latin-1") for part in match.groups())
        fields.append((name, value.rstrip(" \t")))
    return fields


def framing(request: Received) -> int | None:
    """The body's length, or None for a chunked one (RFC 9112, 6.3)."""
    lengths, codings = request.all("Content-Length"), request.all("Transfer-Encoding")
    if codings:
        if lengths or [coding.lower() for coding in codings] != ["chunked"]:
            raise Malformed(f"Transfer-Encoding {codings} with Content-Length {lengths}")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not _DIGITS.fullmatch(lengths[0]):
        raise Malformed(f"Content-Length {lengths}")
    return int(lengths[0])


def chunk_size(line: bytes) -> int:
    match = _CHUNK_LINE.fullmatch(line)
    if match is None:
        raise Malformed(f"the chunk size line {line!r:.200}")
    return int(match[1], 16)
