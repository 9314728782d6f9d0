"""How entries are written where others could reach them, and read with every doubt: never by pickle.

A record is ``wsgikit`` and a version, a CRC-32 of what follows, and MessagePack. What is cut short, of another
version, written by somebody else or not fit for a header is no record.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

import msgspec

from wsgikit.responses.cache.entry import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.responses.cache.entry import Entry

T = TypeVar("T")

_MAGIC = b"wsgikit\x01"
_HEAD = len(_MAGIC) + 4
_NAMES = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
_VALUES = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # no control character starts a header of its own

_encode = msgspec.msgpack.Encoder().encode


def packed(value: object) -> bytes:
    """The record of ``value``, which msgspec knows how to write."""
    try:
        data = _encode(value)
    except (TypeError, ValueError, OverflowError) as error:  # a lone surrogate, a header that is no text
        raise StoreError(f"an entry cannot be written: {error}") from error
    return b"".join((_MAGIC, crc32(data).to_bytes(4, "little"), data))


def reader(type: type[T]) -> Callable[[bytes], T | None]:  # noqa: A002 - msgspec's own word
    """A function that gives what a record holds, or None when it is no record of a ``type``."""
    decode = msgspec.msgpack.Decoder(type).decode

    def read(record: bytes) -> T | None:
        data = memoryview(record)[_HEAD:]
        if record[:_HEAD] != _MAGIC + crc32(data).to_bytes(4, "little"):
            return None
        try:
            return decode(data)
        except (msgspec.MsgspecError, ValueError):
            return None

    return read


def sound(entry: Entry) -> bool:
    """Whether an entry that was read can be a response: anything in its head is fit to be sent."""
    names = "".join([name for name, _ in entry.headers])
    values = "".join([value for _, value in entry.headers])
    return (
        _NAMES.fullmatch(names) is not None
        and _VALUES.fullmatch(values + entry.reason) is not None
        and 200 <= entry.status <= 999
        and entry.size >= 0
    )


def digest(text: str) -> str:
    """A name for ``text`` that is safe in a path or a key, and belongs to it alone: 40 hexadecimal digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
