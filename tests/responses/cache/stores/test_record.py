"""What is read back from where others can write: an entry, or nothing."""

from __future__ import annotations

import os
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.responses.cache.stores.storing import entry
from wsgikit.responses.cache.entry import Entry, StoreError
from wsgikit.responses.cache.stores.record import digest, packed, reader, sound

read = reader(Entry)
KNOWN = packed(entry())


class Bomb:
    def __reduce__(self) -> Any:
        return os.abort, ()


def test_what_was_packed_is_read() -> None:
    made = entry(vary=(("accept", None),), tags=("a", "ключ"))
    assert read(packed(made)) == made


@given(st.integers(0, len(KNOWN) - 1), st.integers(1, 255))
def test_a_changed_byte_makes_it_no_record(place: int, change: int) -> None:
    damaged = bytearray(KNOWN)
    damaged[place] ^= change
    assert read(bytes(damaged)) is None


@given(st.integers(0, len(KNOWN) - 1))
def test_a_record_cut_short_is_none(length: int) -> None:
    assert read(KNOWN[:length]) is None


@given(st.binary(max_size=200))
def test_other_bytes_are_no_record(data: bytes) -> None:
    assert read(data) is None
    assert read(KNOWN + data) == (None if data else read(KNOWN))


def test_a_pickle_is_not_opened() -> None:
    assert read(pickle.dumps(Bomb())) is None
    assert read(KNOWN[:12] + pickle.dumps(Bomb())) is None


@pytest.mark.parametrize("value", [None, 1, ["id"], {"id": "x"}, [1, [], 200, "OK", [], 0.0, 0.0, [], 1]])
def test_a_record_of_something_else_is_none(value: Any) -> None:
    assert read(packed(value)) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"headers": [("X-A", "b\r\nSet-Cookie: c=d")]},
        {"headers": [("X-A\r\nSet-Cookie", "c=d")]},
        {"headers": [("X A", "b")]},
        {"headers": [("X-A", "\u20ac")]},
        {"headers": [("X-A", "\x7f")]},
        {"reason": "OK\n"},
        {"status": 99},
        {"status": 1000},
        {"size": -1},
    ],
)
def test_an_entry_that_cannot_be_a_response_is_not_sound(changed: dict[str, Any]) -> None:
    assert not sound(entry(**changed))


def test_an_entry_with_any_legal_header_is_sound() -> None:
    assert sound(entry(headers=[("X-A_b", "tab\t caf\xe9 \x80"), ("ETag", "")], reason=""))


def test_an_entry_that_cannot_be_written_is_a_store_error() -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        packed(entry(vary=(("accept", "\ud800"),)))
    with pytest.raises(StoreError, match="cannot be written"):
        packed(entry(headers=[("X-A", object())]))


@given(st.text(), st.text())
def test_a_digest_is_safe_and_belongs_to_one_text(one: str, other: str) -> None:
    assert len(digest(one)) == 40
    assert set(digest(one)) <= set("0123456789abcdef")
    assert (digest(one) == digest(other)) == (one == other)


def test_an_entry_never_changes() -> None:
    made = entry()
    with pytest.raises(AttributeError):
        made.status = 404  # type: ignore[misc]
    assert msgspec.structs.replace(made, status=404).status == 404
