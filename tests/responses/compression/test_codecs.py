"""Each coding on this machine: what is made can be read, chunk by chunk, and what is missing is found out."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest

from tests.responses.compression.decoding import decoder
from wsgikit.responses.compression import codecs
from wsgikit.responses.compression.codecs import HIGHEST, find
from wsgikit.responses.compression.encoded import Packed, Streamed, announced

PAGE = b"".join(b"<p>line %d of a page that repeats itself</p>\n" % n for n in range(1000))
LIBRARIES = {
    "isal": "isal.isal_zlib",
    "zlib-ng": "zlib_ng.zlib_ng",
    "brotli": "brotli",
    "backports.zstd": "backports.zstd",
    "compression.zstd": "compression.zstd",
}


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setitem(sys.modules, LIBRARIES[name], None)


@pytest.fixture(params=["zlib", "zlib-ng", "isal", "br", "zstd"])
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> codecs.Codec:
    """Every codec there can be, by its library."""
    if request.param in ("br", "zstd"):
        decoder(request.param)
        found = find(request.param)
        assert found is not None
        return found
    if request.param != "zlib":
        pytest.importorskip(LIBRARIES[request.param])
    without(monkeypatch, *{"zlib": ("isal", "zlib-ng"), "zlib-ng": ("isal",), "isal": ()}[request.param])
    found = find("gzip")
    assert found is not None
    assert found.library == request.param
    return found


def test_body_in_one_piece_can_be_read_and_is_a_fraction_of_its_size(codec: codecs.Codec) -> None:
    packed = Packed(codec.encoder(len(PAGE)))
    content = packed.feed(PAGE[:5000]) + packed.feed(PAGE[5000:]) + packed.finish()
    assert decoder(codec.coding)(content) == PAGE
    assert len(content) < len(PAGE) / 5


def test_each_chunk_of_a_stream_can_be_read_on_arrival(codec: codecs.Codec) -> None:
    streamed, read = Streamed(codec.encoder(None)), decoder(codec.coding)
    for chunk in (b"a", b"data: 1\n\n", PAGE, b"<p>"):
        assert read(streamed.feed(chunk)) == chunk
    assert read(streamed.finish()) == b""


def test_empty_chunk_gives_no_bytes(codec: codecs.Codec) -> None:
    streamed = Streamed(codec.encoder(None))
    assert streamed.feed(b"") == b""
    streamed.feed(b"a")
    assert streamed.feed(b"") == b""


def test_measured_stream_ends_with_its_last_byte(codec: codecs.Codec) -> None:
    measured, read = announced(codec.encoder(None), len(PAGE)), decoder(codec.coding)
    assert read(measured.feed(PAGE[:100])) == PAGE[:100]
    assert read(measured.feed(PAGE[100:])) == PAGE[100:]
    assert measured.feed(b"") == b""
    assert measured.finish() == b""


def test_measured_stream_in_one_chunk_is_as_small_as_a_list(codec: codecs.Codec) -> None:
    packed = Packed(codec.encoder(None))
    assert announced(codec.encoder(None), len(PAGE)).feed(PAGE) == packed.feed(PAGE) + packed.finish()


def test_measured_stream_that_is_too_long_is_cut_off(codec: codecs.Codec) -> None:
    measured = announced(codec.encoder(None), 3)
    assert decoder(codec.coding)(measured.feed(b"abcd") + measured.feed(b"e") + measured.finish()) == b"abc"


def test_measured_stream_that_is_too_short_is_no_whole_body(codec: codecs.Codec) -> None:
    measured = announced(codec.encoder(None), 3)
    measured.feed(b"ab")
    with pytest.raises(EOFError, match="1 bytes before"):
        measured.finish()


def test_gzip_is_the_same_each_time(codec: codecs.Codec) -> None:
    def once() -> bytes:
        packed = Packed(codec.encoder(len(PAGE)))
        return packed.feed(PAGE) + packed.finish()

    assert once() == once()


@pytest.mark.parametrize("level", range(1, HIGHEST["zstd"] + 1))
def test_G14_zstd_window_is_within_8_MiB_at_every_level(level: int) -> None:
    decoder("zstd")
    codec = find("zstd", level)
    assert codec is not None
    encoder = codec.encoder(None)
    head = encoder.compress(PAGE * 100) + encoder.flush()
    assert head[:4] == b"\x28\xb5\x2f\xfd"
    assert not head[4] & 0x20, "a single segment has no window of its own"
    exponent, mantissa = head[5] >> 3, head[5] & 7  # RFC 8878 section 3.1.1.1.2
    base = 1 << (10 + exponent)
    assert base + (base >> 3) * mantissa <= 8 * 2**20


def test_G14_brotli_goes_no_higher_than_5() -> None:
    assert HIGHEST["br"] == 5
    decoder("br")
    codec = find("br")
    assert codec is not None
    assert codec.level <= 5


def test_levels_beyond_isal_are_done_by_another() -> None:
    pytest.importorskip("isal")
    assert [find("gzip", level).library == "isal" for level in (1, 3, 4, 9)] == [True, True, False, False]  # type: ignore[union-attr]


def test_gzip_needs_nothing_but_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, *LIBRARIES)
    assert (find("zstd"), find("br")) == (None, None)
    codec = find("gzip")
    assert codec is not None
    assert (codec.library, codec.level) == ("zlib", 5)


def test_no_library_is_loaded_before_a_codec_is_wanted() -> None:
    code = (
        "import sys; import wsgikit.responses.compression.compress; "
        "print(sorted({'brotli', 'backports', 'isal', 'zlib_ng'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_a_library_that_fails_to_load_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise ImportError("libbrotli.so.1: cannot open shared object file")

    monkeypatch.setattr(codecs, "import_module", broken)
    assert find("br") is None
    monkeypatch.setattr(codecs, "import_module", importlib.import_module)
