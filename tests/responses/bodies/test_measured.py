from __future__ import annotations

import pytest

from wsgikit.responses.bodies.measured import Measured


class Brackets:
    """A filter that shows what it was fed, and holds the bracket that ends it."""

    closed = 0

    def feed(self, chunk: bytes, /) -> bytes:
        return b"<" + chunk

    def finish(self) -> bytes:
        return b">"

    def close(self) -> None:
        self.closed += 1


def test_last_byte_brings_what_was_held_back() -> None:
    measured = Measured(Brackets(), 3)
    assert [measured.feed(chunk) for chunk in (b"a", b"", b"bc")] == [b"<a", b"<", b"<bc>"]
    assert measured.finish() == b""


def test_last_bytes_may_be_fed_to_something_else() -> None:
    measured = Measured(Brackets(), 2, last=bytes.upper)
    assert measured.feed(b"a") + measured.feed(b"b") == b"<aB>"


def test_what_goes_beyond_is_cut_off() -> None:
    measured = Measured(Brackets(), 2)
    assert measured.feed(b"abc") + measured.feed(b"d") + measured.finish() == b"<ab>"


def test_P10_what_falls_short_is_no_whole_body() -> None:
    measured = Measured(Brackets(), 3)
    measured.feed(b"ab")
    with pytest.raises(EOFError, match="1 bytes before"):
        measured.finish()


def test_filter_within_is_closed() -> None:
    brackets = Brackets()
    Measured(brackets, 3).close()
    assert brackets.closed == 1
