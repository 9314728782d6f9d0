"""A file with one upstream a line, read again when it has changed."""

from __future__ import annotations

import os
import re
from stat import S_ISREG
from time import time
from typing import TYPE_CHECKING, Any

from wsgikit.core.component import Component
from wsgikit.core.errors import suggestion
from wsgikit.forwarding.discovery.lookup import LookupFailed
from wsgikit.forwarding.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERVAL = 1.0
"""Seconds between two looks: whoever has changed the file waits for it, and a look costs a system call."""

# Seconds for which a file that was changed is read at each look: another change in the same tick of the file system's
# clock (4 ms on ext4, 2 s on FAT) shows in nothing but the content.
_FRESH = 2.0

_COMMENT = re.compile(r"(?:^|\s)#.*")
_OPTIONS = ("weight", "backup", "max_connections")


class File(Component):
    """Reads ``URL [weight=N] [backup] [max_connections=N]`` from each line of a file, whenever the file has changed.

    - ``path``: of the file, in UTF-8; a relative one counts from where the process was when the proxy was made. What
      follows a ``#`` at the begin of a line or after a space is a comment, and empty lines are skipped.

    It is all or nothing: a file that is missing, lists no upstream or has one line that will not do changes nothing,
    and ``LookupFailed`` names the line. Write a new file and rename it over the old one, so that no half is read.
    """

    replaces = False

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = os.path.abspath(path)
        self._seen: tuple[int, ...] = ()
        self._listed: list[Upstream] = []

    def __str__(self) -> str:
        return f"resolve={'@' + self.path!a}"

    def look_up(self) -> tuple[list[Upstream], float]:
        """What the file says now."""
        try:
            self._refresh()
        except OSError as error:
            raise LookupFailed(f"{self._file}: {error.strerror or error}", again=INTERVAL) from error
        except ValueError as error:
            raise LookupFailed(f"{self._file}: {error}", again=INTERVAL) from error
        return list(self._listed), INTERVAL

    def _refresh(self) -> None:
        status = os.stat(self._file)
        if _identity(status) == self._seen:
            return
        if not S_ISREG(status.st_mode):
            raise ValueError("not a file")  # reading a pipe would wait for ever
        self._seen = ()
        with open(self._file, encoding="utf-8-sig", errors="replace") as file:
            status = os.fstat(file.fileno())  # another file may have taken the name since
            self._listed = read(file.read())
        if time() - status.st_ctime > _FRESH:
            self._seen = _identity(status)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    # The time of the last change of the inode as well: cp -p and rsync -t set that of the content back.
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read(text: str) -> list[Upstream]:
    """The upstreams that ``text`` lists; ``ValueError`` says which line will not do, and why."""
    lines: dict[str, int] = {}
    found: list[Upstream] = []
    for number, words in _lines(text):
        try:
            upstream = Upstream(words[0], **_options(words[1:]))
        except (TypeError, ValueError) as error:
            raise ValueError(f"line {number}: {error}") from None
        if upstream.url in lines:
            raise ValueError(f"line {number}: {upstream.url} is on line {lines[upstream.url]} already")
        lines[upstream.url] = number
        found.append(upstream)
    if not found:
        raise ValueError("no upstream in it")
    return found


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        words = _COMMENT.sub("", line).split()
        if words:
            yield number, words


def _options(words: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in map(_option, words):
        if name in options:
            raise ValueError(f"{name} is there twice")
        options[name] = value
    return options


def _option(word: str) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if name not in _OPTIONS:
        known = ", ".join(_OPTIONS)
        raise ValueError(f"{word!r} will not do: one of {known}{suggestion(name, _OPTIONS)}")
    if name == "backup":
        if equals:
            raise ValueError(f"{word!r} will not do: backup alone, or not at all")
        return name, True
    try:
        return name, float(value) if name == "weight" else int(value)
    except ValueError:
        raise ValueError(f"{word!r} will not do: {name}=N, with a number") from None
