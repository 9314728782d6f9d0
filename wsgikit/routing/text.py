"""Text and WSGI's strings: environ shows the client's bytes as latin-1 (PEP 3333), people write UTF-8.

Bytes that are no UTF-8 become lone surrogates and come back as the bytes they were, so nothing is lost
between a request and what is made of it.
"""

from __future__ import annotations


def decoded(raw: str) -> str:
    """An environ string as text; one that a server has decoded already (mod_python does) stays as it is."""
    if raw.isascii():
        return raw
    try:
        return raw.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return raw


def encoded(text: str) -> bytes:
    """The bytes that ``text`` was decoded from."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode("utf-8", "replace")


def latin(text: str) -> str:
    """``text`` as environ has it."""
    return text if text.isascii() else encoded(text).decode("latin-1")
