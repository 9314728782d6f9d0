"""Reading content codings in tests, chunk by chunk."""

from __future__ import annotations

import sys
import zlib
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def decoder(coding: str) -> Callable[[bytes], bytes]:
    if coding == "gzip":
        return zlib.decompressobj(31).decompress
    if coding == "br":
        return partial(all_of, pytest.importorskip("brotli").Decompressor().process)
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return pytest.importorskip(name).ZstdDecompressor().decompress  # type: ignore[no-any-return]


def all_of(process: Callable[[bytes], bytes], content: bytes) -> bytes:
    """brotli's decoder gives what it has in pieces of some 32 KB, and needs no further input for the next."""
    pieces = [process(content)]
    while pieces[-1]:
        pieces.append(process(b""))
    return b"".join(pieces)
