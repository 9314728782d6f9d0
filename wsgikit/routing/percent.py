"""A share of the requests: drawn, or by something of the client's, so that it keeps its side."""

from __future__ import annotations

import random
from hashlib import blake2b
from typing import TYPE_CHECKING

from wsgikit.core.condition import Condition
from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.routing.text import encoded
from wsgikit.routing.variables import checked_key, cookies, header

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment


class Percent(Condition):
    """Holds for this share of the requests.

    - ``number``: 0 to 100, fractions too.
    - ``key``: ``"random"`` draws each time it is asked. ``"client_ip"``, ``"cookie:NAME"`` and ``"header:NAME"`` hash
      the address, the cookie or the header, so that a client stays on its side, in every worker and after a restart,
      and a larger number keeps those that a smaller one had; requests without the cookie or header are drawn.

    The hash is of the key alone: two conditions with one key pick the same clients.
    """

    def __init__(self, number: float, *, key: str = "random") -> None:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise wrong_type("Percent", "number", number, "a number from 0 to 100")
        if not 0 <= number <= 100:
            raise wrong_value("Percent", "number", number, "a number from 0 to 100")
        self.number = number
        self.key = key
        self._share = number / 100
        self._read = _reader(key)

    def __call__(self, environ: WSGIEnvironment) -> bool:
        key = self._read(environ)
        return (random.random() if key is None else _fraction(key)) < self._share


def _reader(key: str) -> Callable[[WSGIEnvironment], str | None]:
    """What reads the key of a draw from a request; None where the draw is free."""
    if not isinstance(key, str):
        raise wrong_type("Percent", "key", key, 'text, such as "client_ip"')
    kind, _, name = key.partition(":")
    if key == "random":
        return lambda environ: None
    if key == "client_ip":
        return lambda environ: str(environ.get("REMOTE_ADDR") or "")
    if kind == "cookie" and name:
        return lambda environ: next(iter(cookies(environ).get(name, ())), None)
    if kind == "header" and name:
        environ_key = checked_key(name, layer="Percent")
        return lambda environ: header(environ, environ_key)
    raise wrong_choice("Percent", "key", key, ("random", "client_ip", "cookie:NAME", "header:NAME"))


def _fraction(key: str) -> float:
    """Where the key falls between 0 and 1, the same everywhere."""
    digest = blake2b(encoded(key), digest_size=6).digest()
    return int.from_bytes(digest) / (1 << 48)
