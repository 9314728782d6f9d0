"""The answer on a connection: read in one go where it is plain, else by llhttp, byte by byte and with no leniency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httptools

from wsgikit.forwarding import inbound
from wsgikit.forwarding.errors import BrokenAnswer
from wsgikit.forwarding.transports.plain import plain

if TYPE_CHECKING:
    from wsgikit.core.headers import Headers

MAX_HEAD = 131072
"""Bytes of a head, interim answers included, and of trailers and chunk framing between two pieces of a body."""
MAX_INTERIM = 32
"""Interim answers (1xx) before the final one."""


class AnswerParser:
    """What llhttp finds in an answer. ``fault`` says what is wrong with it, once something is."""

    __slots__ = (
        "_begun",
        "_fields",
        "_idle_bytes",
        "_llhttp",
        "_phrase",
        "bodiless",
        "chunks",
        "complete",
        "fault",
        "head",
        "hints",
        "interim",
        "stray",
    )

    def __init__(self) -> None:
        self._llhttp: Any = None
        self.bodiless = True  # so that the first answer gets its llhttp
        self.expect_answer(bodiless=False)

    def expect_answer(self, *, bodiless: bool) -> None:
        """Begin anew; ``bodiless`` for the answer to HEAD, of which llhttp cannot know: it would wait for a body."""
        if self.bodiless:
            self._llhttp = httptools.HttpResponseParser(self)
        self.bodiless = bodiless
        self._begun = False
        self._fields: list[tuple[bytes, bytes]] = []
        self._idle_bytes = 0
        self._phrase = b""
        self.chunks: list[bytes] = []
        self.complete = False
        self.fault: BrokenAnswer | None = None
        self.head: inbound.Head | None = None
        self.hints: list[Headers] = []
        self.interim = 0
        self.stray = False

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        if not self._begun:
            self._begun = True
            found = None if self.bodiless else plain(data)
            if found is not None:
                self.head, body = found
                if body:
                    self.chunks.append(body)
                self.complete = True
                return
        try:
            self._llhttp.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # The reason is llhttp's own text; an upgrade has an offset instead.
            reason = error.args[0] if type(error.args[0]) is str else "an upgrade nobody asked for"
            self.fail(reason)
        if not self.chunks and not self.complete:
            self._idle_bytes += len(data)
            if self._idle_bytes > MAX_HEAD:
                self.fail(f"more than {MAX_HEAD} bytes of head or framing")

    def end(self) -> None:
        """The backend has closed the connection."""
        if self.head is None:
            self.fail("the connection ended inside the head of the answer")
        elif self.head.delimited:
            self.fail("the connection ended before the body did")
        self.complete = True

    def broke_off(self, reason: str) -> None:
        """The connection broke: even a body that would end with the connection has not come whole."""
        if not self.complete:
            self.fail(f"{reason}, before the answer was whole")
            self.complete = True

    @property
    def silent(self) -> bool:
        """Whether not a byte of an answer has come."""
        return self.head is None and not self._idle_bytes and not self.complete

    def take(self) -> bytes:
        """The body that has come since the last time."""
        chunks, self.chunks = self.chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def close(self) -> None:
        """Let go of what holds on to this parser in turn: llhttp, and the frames that an error remembers."""
        self._llhttp = None
        self.fault = None

    def fail(self, reason: str) -> None:
        """Say what is wrong with the answer; the first reason stands."""
        if self.complete:
            self.stray = True  # the answer itself is whole
        elif self.fault is None:
            self.fault = BrokenAnswer(reason)

    # llhttp's callbacks; what they raise would be wrapped, so they keep what they find instead.

    def on_message_begin(self) -> None:
        if self.complete:
            self.stray = True
        self._fields = []
        self._phrase = b""

    def on_status(self, phrase: bytes) -> None:
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self.head is not None or self.fault is not None:
            return
        code = self._llhttp.get_status_code()
        if 100 <= code < 200:
            self.interim += 1
            if code == 101 or self.interim > MAX_INTERIM:
                self.fail(f"interim answer {code}, number {self.interim}")
            elif code == 103:
                self.hints.append(inbound.hint(self._fields))
            return
        # llhttp says so of HTTP/1.1, and of 1.0 that asks for it; asking for the version costs more.
        keeps = self._llhttp.should_keep_alive()
        version = "1.1" if keeps else self._llhttp.get_http_version()
        try:
            self.head = inbound.head(code, self._phrase, version, self._fields)
            # It heeds Proxy-Connection too, and takes no second answer then; after one to HEAD it is made anew.
            self.head.persistent &= keeps or self.bodiless
        except BrokenAnswer as error:
            self.fault = error
        self._fields = []  # what comes now are trailers, and these are dropped
        if self.bodiless:
            self.complete = True

    def on_body(self, data: bytes) -> None:
        if self.complete:
            self.stray = True
        else:
            self.chunks.append(data)

    def on_chunk_header(self) -> None:
        if self.complete:
            self.stray = True

    def on_message_complete(self) -> None:
        if self.head is not None:
            self.complete = True
