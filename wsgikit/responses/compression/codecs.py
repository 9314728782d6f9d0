"""Content codings: which are installed, and an encoder for one body.

| coding | library | level | 50 KB of HTML | bytes |
| --- | --- | --- | --- | --- |
| zstd | ``compression.zstd`` (Python 3.14) or ``backports.zstd`` | 3 | 120 us | 13000 |
| br | ``brotli`` | 4 | 500 us | 12700 |
| gzip | ``isal`` | 3 | 145 us | 13400 |
| gzip | ``zlib-ng`` | 5 | 300 us | 12800 |
| gzip | ``zlib``, which is always there | 5 | 690 us | 13000 |

(One core, Python 3.11; ``benchmarks/responses.py`` measures what is installed.) The defaults stand where the curve
bends: zlib 6 takes 40% longer than 5 for 1% fewer bytes, br 5 takes 50% longer than 4 for 3% fewer.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

HIGHEST = {
    "zstd": 8,  # from 9 on an open stream holds over 10 MiB, and from 20 on clients refuse its window (RFC 9659)
    "br": 5,  # 11, meant for files compressed ahead, takes 54 ms for a page of 50 KB
    "gzip": 9,
}
"""The highest level of each coding that is fit for compressing while a client waits; the lowest is 1."""

PACKAGES = {"zstd": "backports.zstd", "br": "brotli"}
"""What brings a coding that the standard library may lack."""


class Encoder(NamedTuple):
    """The functions that compress one body."""

    compress: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    """What makes everything compressed so far decodable."""
    finish: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Codec:
    """A coding, the library and the level that do it; ``encoder(size)`` starts a body, ``size`` None if unknown."""

    coding: str
    library: str
    level: int
    encoder: Callable[[int | None], Encoder]


def find(coding: str, level: int | None = None) -> Codec | None:
    """The codec for ``coding``, at its own level or the one given; None where its library is not installed."""
    return _FINDERS[coding](level)


def _zstd(level: int | None) -> Codec | None:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    library = _installed(name)
    if library is None:
        return None
    level = level or 3

    def encoder(size: int | None) -> Encoder:
        compressor = library.ZstdCompressor(level)
        if size is not None:
            compressor.set_pledged_input_size(size)  # tables of the right size: 12% faster on 50 KB
        return Encoder(
            compressor.compress, lambda: compressor.flush(compressor.FLUSH_BLOCK), compressor.flush
        )

    return Codec("zstd", name, level, encoder)


def _br(level: int | None) -> Codec | None:
    library = _installed("brotli")
    if library is None:
        return None
    level = level or 4

    def encoder(size: int | None) -> Encoder:
        # A window of 256 KiB instead of 4 MiB: the same bytes for most pages, 23% faster, a fraction of the memory.
        compressor = library.Compressor(quality=level, lgwin=18)
        return Encoder(compressor.process, compressor.flush, compressor.finish)

    return Codec("br", "brotli", level, encoder)


def _gzip(level: int | None) -> Codec:
    """isal while its three levels do, then zlib-ng, then zlib."""
    isal = _installed("isal.isal_zlib") if level is None or level <= 3 else None
    if isal is not None:
        return _deflating(isal, "isal", level or 3)
    zlib_ng = _installed("zlib_ng.zlib_ng")
    if zlib_ng is not None:
        return _deflating(zlib_ng, "zlib-ng", level or 5)
    return _deflating(import_module("zlib"), "zlib", level or 5)


def _deflating(library: Any, name: str, level: int) -> Codec:
    compressobj, deflated, sync = library.compressobj, library.DEFLATED, library.Z_SYNC_FLUSH

    def encoder(size: int | None) -> Encoder:
        compressor = compressobj(level, deflated, 31)  # 31: a gzip header, its time 0
        return Encoder(compressor.compress, lambda: compressor.flush(sync), compressor.flush)

    return Codec("gzip", name, level, encoder)


def _installed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


_FINDERS: dict[str, Callable[[int | None], Codec | None]] = {"zstd": _zstd, "br": _br, "gzip": _gzip}
