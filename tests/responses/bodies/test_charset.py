from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.responses.bodies.charset import AMBIGUOUS, NOT_ASCII, charset_of, codec_of, encoded, errors_for


@pytest.mark.parametrize(
    ("content_type", "codec"),
    [
        ("text/html", "utf-8"),
        ("text/html; charset=UTF-8", "utf-8"),
        ('text/html; charset="utf8"', "utf-8"),
        ("text/html;Charset=' Utf-8'", None),
        ("text/html; charset=iso-8859-1", "cp1252"),
        ("text/html; charset=us-ascii", "cp1252"),
        ("text/html; charset=iso-8859-9", "cp1254"),
        ("text/html; charset=iso-8859-11", "cp874"),
        ("text/html; charset=Shift_JIS", "cp932"),
        ("text/html; charset=euc-kr", "cp949"),
        ("text/html; charset=gb2312", "gbk"),
        ("text/html; charset=utf-16", "utf-16-le"),
        ("text/html; charset=koi8-u; a=b", "koi8-u"),
        ("", "utf-8"),
    ],
)
def test_label_means_what_browsers_take_it_for(content_type: str, codec: str | None) -> None:
    assert codec_of(content_type) == codec


@pytest.mark.parametrize(
    "label",
    [
        "utf-7",
        "idna",
        "punycode",
        "unicode_escape",
        "utf-32",
        "cp037",
        "hz-gb-2312",
        "iso-2022-kr",
        "utf-8-sig",
        "x",
    ],
)
def test_O3_what_is_no_label_on_the_web_is_unknown(label: str) -> None:
    assert codec_of(f"text/html; charset={label}") is None


def test_charset_is_the_label_in_lower_case() -> None:
    assert charset_of("text/xml; charset=ISO-8859-1") == "iso-8859-1"
    assert charset_of("text/xml") is None


def test_every_codec_is_there_and_ASCII_means_ASCII_in_all_but_those_that_say_so() -> None:
    from wsgikit.responses.bodies.charset import _LABELS

    markup = "<a href=\"x\" b='y'>&amp;</a><!-- -->"
    for codec in _LABELS:
        assert (codecs.encode(markup, codec) == markup.encode("ascii")) == (not codec.startswith("utf-16"))
        assert (
            codec in AMBIGUOUS
            or codec == "utf-8"
            or len(bytes(range(160, 170)).decode(codec, "replace")) == 10
        )
    assert NOT_ASCII <= AMBIGUOUS


@pytest.mark.parametrize("codec", sorted(AMBIGUOUS - NOT_ASCII))
def test_O3_bytes_of_markup_are_never_a_part_of_another_character(codec: str) -> None:
    for lead in range(0x80, 0x100):
        for trail in b"<>\"'=&/!- \t\n\r\f":
            text = bytes((lead, trail)).decode(codec, errors_for(codec))
            assert text[-1] == chr(trail) or "\udc00" <= text[0] <= "\udcff"


def test_O3_unmappable_is_a_reference_in_markup_and_a_question_mark_elsewhere() -> None:
    assert encoded("€ ж", "cp1252", markup=True) == b"\x80 &#1078;"
    assert encoded("€ ж", "cp1252", markup=False) == b"\x80 ?"


@pytest.mark.parametrize("codec", sorted(AMBIGUOUS - {"cp932", "big5hkscs"}))
@given(content=st.binary(max_size=24), cut=st.integers(0, 24))
def test_bytes_that_are_no_text_pass_through_decoding_and_encoding(
    codec: str, content: bytes, cut: int
) -> None:
    if codec == "iso2022_jp" and b"\x1b" in content:
        return  # shifts that change nothing are left out by the encoder
    decoder = codecs.getincrementaldecoder(codec)(errors_for(codec))
    encoder = codecs.getincrementalencoder(codec)(errors_for(codec))
    out = encoder.encode(decoder.decode(content[:cut]) + decoder.decode(content[cut:]), final=True)
    assert out + decoder.getstate()[0] == content
