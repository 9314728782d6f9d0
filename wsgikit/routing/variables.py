"""What a request says, read once: its query and cookies, and where a header stands in environ."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from werkzeug.http import parse_cookie

from wsgikit.core.environ import header_key
from wsgikit.core.errors import wrong_value
from wsgikit.core.headers import valid_name
from wsgikit.routing.text import decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from wsgiref.types import WSGIEnvironment

    Values = Mapping[str, Sequence[str]]

_REMEMBERED = 512  # distinct texts, each at most as long as the server lets a header be


def checked_key(name: str, *, layer: str) -> str:
    """The environ key of the request header ``name``; raises ``ValueError`` for what is no field name."""
    if not isinstance(name, str) or not valid_name(name):
        raise wrong_value(layer, "name", name, 'a header name, such as "Accept-Language"')
    return header_key(name)


def header(environ: WSGIEnvironment, key: str) -> str | None:
    """A header's value as text, None where it was not sent: an empty CONTENT_TYPE is none (nginx' gateways)."""
    value = environ.get(key)
    if value is None or (value == "" and not key.startswith("HTTP_")):
        return None
    return decoded(str(value))


def query(environ: WSGIEnvironment) -> Values:
    """The values of each name in the query, in order; a name without ``=`` has the value ``""``."""
    text = environ.get("QUERY_STRING")
    return _query(text) if text else {}


def cookies(environ: WSGIEnvironment) -> Values:
    """The values of each cookie, in order."""
    text = environ.get("HTTP_COOKIE")
    return _cookies(text) if text else {}


@lru_cache(_REMEMBERED)
def _query(text: str) -> Values:
    return _gathered(parse_qsl(decoded(text), keep_blank_values=True, errors="surrogateescape"))


@lru_cache(_REMEMBERED)
def _cookies(text: str) -> Values:
    # parse_cookie raises for bytes that are no UTF-8, so it is given none.
    clean = encoded(decoded(text)).decode("utf-8", "replace").encode().decode("latin-1")
    return _gathered(parse_cookie(clean).items(multi=True))


def _gathered(pairs: Iterable[tuple[str, str]]) -> Values:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
