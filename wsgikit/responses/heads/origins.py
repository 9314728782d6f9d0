"""Which origins may read answers: exact ones, patterns, and functions (RFC 6454)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from wsgikit.core.environ import DEFAULT_PORTS
from wsgikit.core.errors import suggestion, wrong_type, wrong_value

_WANTED = (
    'origins such as "https://example.com" or "https://*.example.com", a function of the origin, or "*" alone'
)

_NAME = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"
# As browsers serialise it: in lower case, IDNs as punycode, no path, no port that is the scheme's own.
_ORIGIN = re.compile(rf"([a-z][a-z0-9+.-]*)://(\*\.)?({_NAME}|\[[0-9a-f:.]+\])(?::([0-9]{{1,5}}))?", re.ASCII)

Ask = Callable[[str], bool]


class Origins:
    """A set of origins to look up: ``origin in Origins(["https://*.example.com"])``.

    ``*.`` stands for one or more labels. The opaque origin ``null``, which any page can take on in a sandboxed frame,
    is in it only when listed by name; functions are not asked about it, nor about anything that is no origin.
    """

    def __init__(self, listed: Iterable[object]) -> None:
        self.exact: set[str] = set()
        self._patterns: list[re.Pattern[str]] = []
        self._functions: list[Ask] = []
        for one in listed:
            self._add(one)

    def __contains__(self, origin: str) -> bool:
        if origin in self.exact:
            return True
        for pattern in self._patterns:
            if pattern.fullmatch(origin):
                return True
        return bool(self._functions) and self._ask(origin)

    def _ask(self, origin: str) -> bool:
        """Ask the functions, which need not expect anything but an origin."""
        match = _ORIGIN.fullmatch(origin)
        well_formed = match is not None and match[2] is None
        return well_formed and any(function(origin) for function in self._functions)

    def _add(self, one: object) -> None:
        if callable(one):
            self._functions.append(one)
            return
        if not isinstance(one, str):
            raise wrong_type("CORS", "origins", one, _WANTED)
        if one == "null":
            self.exact.add(one)
            return
        match = _ORIGIN.fullmatch(one)
        if match is None or match[4] == DEFAULT_PORTS.get(match[1], ""):
            raise wrong_value("CORS", "origins", one, _WANTED + _hint(one))
        if match[2] is None:
            self.exact.add(str.__str__(one))
        else:
            scheme, rest = match[1], one.partition("://*.")[2]
            labels = r"(?:[a-z0-9_-]+\.)+"
            self._patterns.append(re.compile(f"{re.escape(scheme)}://{labels}{re.escape(rest)}", re.ASCII))


def list_origins(given: Any) -> list[object]:
    """What is given, one or several, as a list."""
    listed = [given] if isinstance(given, str) or callable(given) else given
    if isinstance(listed, bytes) or not isinstance(listed, Iterable):
        raise wrong_type("CORS", "origins", given, _WANTED)
    listed = list(listed)
    if not listed:
        raise wrong_value("CORS", "origins", given, "at least one; without any, no layer is needed")
    return listed


def _hint(text: str) -> str:
    """What was probably meant."""
    near = text.strip().lower().partition("://")
    scheme, rest = (near[0], near[2]) if near[1] else ("https", near[0])
    rest = rest.split("/", 1)[0].removesuffix(":" + DEFAULT_PORTS.get(scheme, "-"))
    meant = f"{scheme}://{rest}"
    return suggestion(meant, [meant]) if _ORIGIN.fullmatch(meant) else ""
