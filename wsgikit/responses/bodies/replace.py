"""Replace: one text for another in the bodies of answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import get
from wsgikit.http.media import MediaTypes
from wsgikit.responses.bodies.bodylayer import BodyLayer
from wsgikit.responses.bodies.charset import AMBIGUOUS, codec_of, encoded, errors_for
from wsgikit.responses.bodies.replacing import Replacements, Replacing, ReplacingText

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

    from wsgikit.core.flight import Filter, Flight

_WANTED = "a mapping of texts to what takes their place, each str or bytes"

# Where a character can be written as a reference: &#8364;
_MARKUP = MediaTypes(["text/html", "text/xml", "application/xml", "application/*+xml", "image/svg+xml"]).match


class Replace(BodyLayer):
    """Replaces texts in the body as it streams, wherever the borders of its chunks fall.

    - ``replacements``: texts and what takes their place. ``str`` is taken in the answer's own encoding (UTF-8 where
      it names none), ``bytes`` as they are.
    - ``types``: media types of the answers in which to replace, ``"text/html"`` by default; ``"text/*"`` and
      ``"application/*+json"`` are understood.

    At each place the longest text that stands there is replaced, and what was put in is not looked at again. Less than
    the length of the longest text is held back between chunks. The text is replaced wherever it stands, in scripts and
    attributes too; for what is to be put into pages, or for their links, there is `HTMLRewrite`. Answers with
    ``no-transform``, a Content-Encoding or a Content-Range are left alone, and so is text where the charset is
    unknown.
    """

    def __init__(
        self,
        app: WSGIApplication,
        replacements: Mapping[str, str] | Mapping[bytes, bytes] | Mapping[str | bytes, str | bytes],
        *,
        types: str | Iterable[str] = ("text/html",),
    ) -> None:
        super().__init__(app, types)
        _check(replacements)
        self.replacements = replacements
        self._pairs = tuple(replacements.items())
        self._makers: dict[tuple[str | None, bool], Callable[[], Filter] | None] = {}

    def filter(self, flight: Flight) -> Filter | None:
        content_type = get(flight.headers, "content-type") or ""
        kind = codec_of(content_type), _MARKUP(content_type)
        if kind not in self._makers:
            self._makers[kind] = self._maker(*kind)  # as many as there are encodings, at most
        make = self._makers[kind]
        return make() if make is not None else None

    def _maker(self, codec: str | None, markup: bool) -> Callable[[], Filter] | None:
        """What makes the filters for an encoding; None if none of the texts can stand in it."""
        table = {}
        for old, new in self._pairs:
            before = _before(old, codec)
            if before is not None:
                table[before] = (
                    new if isinstance(new, bytes) else encoded(new, codec or "utf-8", markup=markup)
                )
        if not table:
            return None
        if codec not in AMBIGUOUS or not any(isinstance(old, str) for old in self.replacements):
            return partial(Replacing, Replacements(table))
        errors = errors_for(codec)
        texts = {old.decode(codec, errors): new.decode(codec, errors) for old, new in table.items()}
        return partial(ReplacingText, Replacements(texts), codec)


def _before(old: str | bytes, codec: str | None) -> bytes | None:
    """A text as it stands in answers of an encoding, None where it cannot: the encoding lacks it, or is unknown."""
    if isinstance(old, bytes):
        return old
    try:
        return old.encode(codec) if codec is not None else None
    except UnicodeEncodeError:
        return None


def _check(replacements: object) -> None:
    if not isinstance(replacements, Mapping):
        raise wrong_type("Replace", "replacements", replacements, _WANTED)
    for old, new in replacements.items():
        if not (isinstance(old, str | bytes) and isinstance(new, str | bytes)):
            raise wrong_type("Replace", "replacements", {old: new}, _WANTED)
        if not old:
            raise wrong_value("Replace", "replacements", {old: new}, "a text of one character at least")
