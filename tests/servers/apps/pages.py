"""What every app in the middle has in common: the words of its pages, and how a stream waits for its reader.

The apps offer the same pages, each in its framework's own way:

    /               a link to the client page, made by the framework's own url_for
    /client         address, scheme and host of the client as the framework sees them
    /redirect       302 to the client page
    /echo           POST: the body back, whether it came with a length or chunked
    /stream?port=N  two lines; the second is made when the reader says, at port N, that it has the first
    /cookie         the cookie that came, and a new one with the framework's own attributes
    /file           a file, by the framework's own means
    /unicode/NAME   the name, as UTF-8
    /error          raises

Anything else is the framework's own 404.
"""

from __future__ import annotations

import socket
from pathlib import Path

FILE = Path(__file__).with_name("file.txt")
COOKIE = "visit"
UNBUFFERED = {"X-Accel-Buffering": "no"}  # or nginx collects a stream
FIRST = b"the first line\n"
LAST = b"the last line, made when the first had been read\n"
UNREAD = b"the last line, though nobody had read the first\n"
PATIENCE = 10.0  # seconds that a stream waits for its reader


class Failure(Exception):
    """What /error raises; its text must not reach the client."""

    def __init__(self) -> None:
        super().__init__("a secret of the app's")


def index(name: str, link: str) -> str:
    """The page at the app's root."""
    return f'<!doctype html><title>{name}</title><a href="{link}">you</a>\n'


def last_line(port: str) -> bytes:
    """The stream's second line, as soon as its reader has the first, and another one if it does not get that."""
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE) as reader:
            return LAST if reader.recv(1) else UNREAD
    except OSError:
        return UNREAD
