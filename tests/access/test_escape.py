"""No byte of a stranger's does anything in a line but stand there."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.access.escape import bare, json_text, quoted, readable

HOSTILE = [chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0), 0x2028, 0x2029, 0x202E, 0xFEFF)]


@pytest.mark.parametrize("char", [*HOSTILE, '"', "\\"])
def test_a_hostile_character_is_escaped_in_every_way(char: str) -> None:
    for escaped in (quoted(f"a{char}b"), bare(f"a{char}b")):
        assert escaped.startswith("a\\")
        assert escaped.isascii()
        assert escaped.isprintable()
    assert json.loads(json_text(f"a{char}b")) == f"a{char}b"
    assert json_text(f"a{char}b").isprintable()


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain text", "plain text"),
        ("", ""),
        ('say "hi"', 'say \\"hi\\"'),
        ("back\\slash", "back\\\\slash"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\r\nb", "a\\x0d\\x0ab"),
        ("\xe9", "\\xe9"),
        ("\u2028", "\\u2028"),
        ("\U0001f600", "\\U0001f600"),
        ("\ud800", "\\ud800"),
    ],
)
def test_an_escape_names_the_byte(text: str, escaped: str) -> None:
    assert quoted(text) == escaped


def test_a_bare_field_holds_no_space() -> None:
    assert bare("a b") == "a\\x20b"


@given(st.text())
def test_an_escape_can_be_undone(text: str) -> None:
    """So no two texts look alike in the log."""
    code = r"\\(?:([\"\\])|x(..)|u(....)|U(........))"
    undone = re.sub(code, lambda m: m[1] or chr(int(m[2] or m[3] or m[4], 16)), quoted(text))
    assert undone == text


@given(st.text())
def test_json_always_parses_and_is_printable_ascii(text: str) -> None:
    written = json_text(text)
    assert isinstance(json.loads(written), str)
    assert written.isascii()
    assert written.isprintable()


def test_utf_8_behind_the_latin_1_view_is_shown() -> None:
    assert readable("caf\xc3\xa9") == "café"
    assert readable("\xe9") == "\xe9"
    assert readable("日本") == "日本"
    assert json.loads(json_text("caf\xc3\xa9")) == "café"
