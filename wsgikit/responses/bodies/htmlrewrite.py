"""HTMLRewrite: snippets put into pages, and their links rewritten."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING

from wsgikit.core.errors import wrong_choice, wrong_type
from wsgikit.core.headers import get, without
from wsgikit.responses.bodies.bodylayer import BodyLayer
from wsgikit.responses.bodies.charset import NOT_ASCII, codec_of, encoded
from wsgikit.responses.bodies.links import Links
from wsgikit.responses.bodies.outline import PLACES
from wsgikit.responses.bodies.rewriting import Rewriting

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

    from wsgikit.core.flight import Filter, Flight

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NONCE = "{nonce}"


class HTMLRewrite(BodyLayer):
    """Puts snippets into HTML pages as they stream, and rewrites their links; everything else stays as it is.

    - ``inject``: HTML by place: ``"head-start"`` and ``"head-end"`` (first and last in the head), ``"body-start"``
      and ``"body-end"``. Where a page leaves out the tags, its head and its body begin and end where browsers see
      them do so; one without ``</body>`` gets the last snippet at its end. ``{nonce}`` in a snippet becomes the
      nonce that `SecurityHeaders` made for this answer (``environ["wsgikit.csp_nonce"]``), or nothing.
    - ``links``: a function from URL to URL, called with each link of the page: href, src, srcset, action and their
      like, in whatever tag, and ``<meta http-equiv=refresh>``. It is given the text of the URL, references such as
      ``&amp;`` read. What it gives back unchanged stays to the byte.

    Nothing is put or rewritten in a comment, a script, a style, a ``<textarea>`` or a ``<template>``, nor within an
    attribute. Between chunks a tag is held back until it is complete, up to 64 KiB; the links of a longer one are
    left alone. So are answers with ``no-transform``, a Content-Encoding or a Content-Range, and pages in an encoding
    that is unknown or not a superset of ASCII (UTF-16, ISO-2022-JP). A page with a nonce in it loses its ETag and
    Last-Modified: a 304 would bring a new nonce to the old page.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        inject: Mapping[str, str] = _NOTHING,
        links: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__(app, ("text/html",) if inject or links is not None else ())
        self.inject = _checked(inject)
        self.links = links
        if links is not None and not callable(links):
            raise wrong_type(
                "HTMLRewrite", "links", links, "a function that takes a URL and gives one, both str"
            )
        self._with_nonce = any(_NONCE in html for html in self.inject.values())
        self._known: dict[str, Mapping[str, bytes]] = {}  # the snippets by encoding

    def filter(self, flight: Flight) -> Filter | None:
        """The filter for a page, if its encoding is one that can be read."""
        codec = codec_of(get(flight.headers, "content-type") or "")
        if codec is None or codec in NOT_ASCII:
            return None
        links = Links(self.links, codec) if self.links is not None else None
        if not self._with_nonce:
            return Rewriting(self._snippets(codec), links)
        flight.headers = without(flight.headers, "etag", "last-modified")
        nonce = escape(str(flight.environ.get("wsgikit.csp_nonce") or ""))
        return Rewriting(_encoded(self.inject, codec, nonce), links)

    def _snippets(self, codec: str) -> Mapping[str, bytes]:
        known = self._known.get(codec)
        if known is None:
            known = self._known[codec] = _encoded(self.inject, codec, "")
        return known


def _encoded(inject: Mapping[str, str], codec: str, nonce: str) -> Mapping[str, bytes]:
    return {place: encoded(html.replace(_NONCE, nonce), codec, markup=True) for place, html in inject.items()}


def _checked(inject: object) -> Mapping[str, str]:
    if not isinstance(inject, Mapping):
        raise wrong_type(
            "HTMLRewrite", "inject", inject, f"a mapping of places ({', '.join(PLACES)}) to HTML"
        )
    for place, html in inject.items():
        if place not in PLACES:
            raise wrong_choice("HTMLRewrite", "inject", place, PLACES)
        if not isinstance(html, str):
            raise wrong_type("HTMLRewrite", "inject", {place: html}, "HTML as str")
    return inject
