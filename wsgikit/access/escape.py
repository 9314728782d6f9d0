"""Text from strangers made safe to stand in a line: no control, no quote, nothing that moves a cursor or starts a line.

WSGI shows each byte of a header as one character (latin-1), so that the escape of a character up to U+00FF is
the escape of a byte, as Apache writes it. What is not printable ASCII is escaped, U+2028 as much as ESC.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring_ascii

_UNSAFE = re.compile(r"[^ !#-\[\]-~]")  # printable ASCII without the quote and the backslash
_UNSAFE_BARE = re.compile(r"[^!#-\[\]-~]")  # and without the space that ends an unquoted field


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char in '"\\':
        return "\\" + char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted(text: str) -> str:
    """For a field in quotes."""
    return _UNSAFE.sub(_escape, text)


def bare(text: str) -> str:
    """For a field that ends at a space."""
    return _UNSAFE_BARE.sub(_escape, text)


def text_of(value: object) -> str:
    """``str(value)``, or its type's name where it has no text, as an integer of 5,000 digits has none."""
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def json_text(text: str) -> str:
    """A JSON string; a header's bytes are shown as the UTF-8 they probably are."""
    if text.isascii():
        return encode_basestring_ascii(text) if "\x7f" not in text else _json_rare(text)
    return _json_rare(readable(text))


def _json_rare(text: str) -> str:
    # A lone surrogate would be valid JSON to Python alone; DEL is left as it is by the encoder.
    sound = text.encode("utf-8", "replace").decode("utf-8")
    return encode_basestring_ascii(sound).replace("\x7f", "\\u007f")


def readable(text: str) -> str:
    """The characters behind WSGI's view of a header's bytes where they are UTF-8, else the text itself."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
