"""Texts that repeat, made once: what was asked for, by which browser, from where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 512
_LONGEST = 2048  # characters; strangers may send many texts of 64 KB, and each of them only once


class Remembered(dict[Any, str]):
    """What ``make`` gives for a key, made once: ``remembered[key]``, where the key is a text or a tuple of texts.

    Bounded twice: a long text is made each time, and when there are many the memory starts over. As a dict with
    ``__missing__`` it costs less than ``lru_cache``, which knows but the second bound's number.
    """

    def __init__(self, make: Callable[[Any], str], most: int = _MOST) -> None:
        self._make = make
        self._most = most

    def __missing__(self, key: Any) -> str:
        text = self._make(key)
        try:
            size = len(text) + len(key if isinstance(key, str) else "".join(filter(None, key)))
        except TypeError:  # a part is no text, against all promises: its size is anybody's guess
            return text
        if size <= _LONGEST:
            if len(self) >= self._most:
                self.clear()
            self[key] = text
        return text
