from __future__ import annotations

import io
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.core.input import CappedInput, CountedInput, LengthInput, SpooledInput, TooLarge, Truncated

DATA = b"first\nsecond\n\nlast without an end"


class Dribble(io.RawIOBase):
    """Gives at most three bytes a read, and fails on what servers fail on."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int = -1) -> bytes:
        assert isinstance(size, int)
        assert size >= 0, "an unbounded read would block"
        part, self.data = self.data[: min(size, 3)], self.data[min(size, 3) :]
        return part


KINDS: dict[str, Any] = {
    "length": lambda data: LengthInput(Dribble(data), len(data)),
    "counted": lambda data: CountedInput(Dribble(data)),
    "capped": lambda data: CappedInput(Dribble(data), len(data)),
    "spooled": lambda data: SpooledInput(Dribble(data)),
}


def made(kind: str, data: bytes) -> Any:
    """A reader of ``kind`` over ``data``; a temporary file it keeps is closed with it."""
    source = KINDS[kind](data)
    if hasattr(source, "close"):
        weakref.finalize(source, source._kept.close)
    return source


@pytest.mark.parametrize("kind", KINDS)
def test_everything_can_be_read_at_once(kind: str) -> None:
    source = made(kind, DATA)
    assert source.read() == DATA
    assert source.read() == b""
    assert source.read(5) == b""
    assert source.readline() == b""


@pytest.mark.parametrize("kind", KINDS)
@given(
    data=st.binary(max_size=60) | st.text("ab\n", max_size=60).map(str.encode),
    calls=st.lists(
        st.tuples(st.sampled_from(["read", "readline"]), st.integers(-1, 20) | st.none()), max_size=12
    ),
)
def test_any_mix_of_reads_gives_what_a_file_gives(
    kind: str, data: bytes, calls: list[tuple[str, int | None]]
) -> None:
    ours, model = made(kind, data), io.BytesIO(data)
    for method, size in calls:
        got = getattr(ours, method)(size)
        if method == "read" and size is not None and size > 0:
            assert len(got) <= size  # a short read is a read
            assert model.read(len(got)) == got
            assert got or not model.read(1)
        else:
            assert got == getattr(model, method)(size)
    assert ours.read() == model.read()


@pytest.mark.parametrize("kind", KINDS)
def test_lines(kind: str) -> None:
    assert list(made(kind, DATA)) == DATA.splitlines(keepends=True)
    assert made(kind, DATA).readlines() == DATA.splitlines(keepends=True)
    assert made(kind, DATA).readlines(7) == [b"first\n", b"second\n"]


def test_a_length_is_never_read_past() -> None:
    source = LengthInput(io.BytesIO(b"bodynext request"), 4)
    assert source.read() == b"body"


def test_a_body_shorter_than_announced_is_told() -> None:
    with pytest.raises(Truncated, match="2 bytes early"):
        LengthInput(io.BytesIO(b"bo"), 4).read()


def test_a_body_longer_than_its_cap_is_told_one_at_the_cap_is_not() -> None:
    assert CappedInput(io.BytesIO(b"1234"), 4).read() == b"1234"
    capped = CappedInput(io.BytesIO(b"12345"), 4)
    with pytest.raises(TooLarge, match="longer than 4 bytes"):
        capped.read()


def test_bytes_are_counted() -> None:
    source = CountedInput(io.BytesIO(DATA))
    source.read(6)
    assert source.count == 6


@pytest.mark.parametrize("memory", [4, 1024])
def test_a_spooled_body_can_be_read_again_from_any_point(memory: int) -> None:
    source = SpooledInput(Dribble(DATA), memory)
    assert source.readline() == b"first\n"
    source.rewind()
    assert source.read() == DATA
    source.rewind()
    assert b"".join(source) == DATA
    assert source.size == len(DATA)
    source.close()
